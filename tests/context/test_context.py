"""The invocation context: forked at each hop, carried in a header that only we can write."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.context import (
    LOG_LEVEL,
    Account,
    Actor,
    Agent,
    ApiKeyProof,
    Authenticated,
    Authorization,
    ContextCodec,
    ForgedContext,
    InvocationContext,
    Origin,
    Scope,
    SessionProof,
    Toggle,
    Toggles,
    Trace,
    Unauthenticated,
    traceparent,
)
from osteon.model import (
    AccountId,
    Identifier,
    InvocationId,
    Personal,
    ScopeId,
    SessionId,
    TenantId,
    record_json,
    replace,
)

ONE, TWO, THREE = (Identifier(f"01HF7YAT00AAAAAAAAAAAAAAA{n}") for n in (1, 2, 3))
ACCOUNT = Account(account=AccountId(ONE), tenant=TenantId(TWO))
AUTHORIZATION = Authorization(permission="rename-project", reason="granted", role="contributor")
TRACE = Trace(action=ONE, external=TWO, originating=InvocationId(THREE), current=InvocationId(THREE))
ORIGIN = Origin(address=Personal("192.0.2.7"), agent=Personal(Agent(browser="Firefox 140")))
KEYS = {"2026-10": b"k" * 32, "2026-11": b"l" * 32}


def a_context(**changes: Any) -> InvocationContext:
    actor = Actor(account=ACCOUNT, locale="it", authentication=SessionProof(session=SessionId(ONE)))
    context = InvocationContext(
        tenant=TenantId(TWO),
        scope=Scope(path=(ScopeId(ONE), ScopeId(TWO))),
        access=Authenticated(actor=actor, origin=ORIGIN, authorization=AUTHORIZATION),
        trace=TRACE,
        at=datetime(2026, 11, 22, tzinfo=UTC),
        toggles=Toggles(values={"log-level": "info"}),
    )
    return replace(context, **changes)


def test_a_fork_moves_current_to_parent_and_keeps_the_rest() -> None:
    forked = a_context().fork(InvocationId(ONE))
    assert forked.trace == Trace(
        action=ONE, external=TWO, originating=InvocationId(THREE), parent=InvocationId(THREE), current=InvocationId(ONE)
    )
    assert replace(forked, trace=TRACE) == a_context()


def test_a_service_acts_on_behalf_of_the_person() -> None:
    service = Account(account=AccountId(THREE), tenant=TenantId(TWO), kind="internal-service")
    access = a_context().by_service(service, "open-tree", "open-scope-tree").access
    assert isinstance(access, Authenticated)
    assert (access.actor.account, access.actor.on_behalf_of) == (service, ACCOUNT)
    assert access.authorization.reason == "internal"
    again = replace(a_context(), access=access).by_service(service, "next", "next-command").access
    assert isinstance(again, Authenticated)
    assert again.actor.on_behalf_of == ACCOUNT


def test_a_guest_has_no_account() -> None:
    guest = a_context(access=Unauthenticated(origin=Origin(), authorization=AUTHORIZATION, guest="g"))
    assert guest.account is None
    assert a_context().account == ACCOUNT.account


@pytest.mark.parametrize(
    "access",
    [
        Unauthenticated(origin=Origin(), authorization=AUTHORIZATION),
        Authenticated(
            actor=Actor(
                account=ACCOUNT,
                locale="ar",
                authentication=ApiKeyProof(hash="h"),
                impersonated_by=ACCOUNT,
                on_behalf_of=ACCOUNT,
            ),
            origin=ORIGIN,
            authorization=AUTHORIZATION,
        ),
    ],
)
def test_the_header_carries_the_whole_context(access: Authenticated | Unauthenticated) -> None:
    context = a_context(access=access)
    codec = ContextCodec(KEYS, "2026-11")
    assert codec.decode(codec.encode(context)) == context


def test_an_older_key_is_still_read() -> None:
    header = ContextCodec(KEYS, "2026-10").encode(a_context())
    assert ContextCodec(KEYS, "2026-11").decode(header) == a_context()
    with pytest.raises(ForgedContext):
        ContextCodec({"2026-11": KEYS["2026-11"]}, "2026-11").decode(header)


@given(st.data())
def test_a_changed_header_is_refused(data: st.DataObject) -> None:
    header = ContextCodec(KEYS, "2026-11").encode(a_context())
    at = data.draw(st.integers(0, len(header) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda new: new != header[at]))
    changed = header[:at] + letter + header[at + 1 :]
    try:
        assert ContextCodec(KEYS, "2026-11").decode(changed) == a_context()
    except ForgedContext:
        return
    # The last letter of a part may hold bits that no byte uses: it then says the same.
    assert header[at + 1 : at + 2] in ("", ".")


@given(st.text())
def test_any_other_header_is_refused(header: str) -> None:
    with pytest.raises(ForgedContext):
        ContextCodec(KEYS, "2026-11").decode(header)


def test_a_toggle_has_its_own_type() -> None:
    arm, count = Toggle("arm", default="a"), Toggle("count", default=3)
    toggles = Toggles(values={"arm": "b", "count": True})
    assert toggles.of(arm) == "b"
    assert toggles.of(count) == 3
    assert toggles.of(LOG_LEVEL) == "debug"
    assert a_context().toggles.of(LOG_LEVEL) == "info"


def test_personal_origin_is_masked() -> None:
    assert "192.0.2.7" not in repr(a_context())
    assert b"192.0.2.7" in record_json(a_context())


def test_traceparent_names_originating_and_current() -> None:
    forked = TRACE.fork(InvocationId(ONE))
    version, trace, parent, flags = traceparent(forked).split("-")
    assert (version, flags) == ("00", "01")
    assert trace == traceparent(TRACE).split("-")[1]
    assert parent != traceparent(TRACE).split("-")[2]
    assert (len(trace), len(parent)) == (32, 16)
