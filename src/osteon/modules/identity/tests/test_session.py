"""Sessions: opened by a log-in, renewed by a token that is good once, ended for good."""

from datetime import timedelta

from osteon.domain.testing import ACTOR, NOW, context, given, rows
from osteon.messages import Event
from osteon.model import SessionId, named
from osteon.modules.identity.ended import (
    ACCESS_TOKEN_LIFETIME,
    EndedSessionRow,
    EndedSessions,
    SessionRow,
    ended,
    sessions,
)
from osteon.modules.identity.session import (
    EndSession,
    NoteFailedLogIn,
    OpenSession,
    RenewSession,
    SessionEnded,
    SessionOpened,
    SessionRenewed,
    session,
)
from osteon.ports.policies import RoleHeld

MINE = SessionId(named("", "session"))
READER = (RoleHeld("reader", "01J00000000000000000000001"),)
LATER = context(at=NOW + timedelta(minutes=10))
OPENED = SessionOpened(session=MINE, account=ACTOR, locale="fr", roles=READER, generation=1, at=NOW)
RENEWED = SessionRenewed(session=MINE, account=ACTOR, locale="fr", roles=(), generation=2, at=LATER.at)
LOGGED_OUT = SessionEnded(session=MINE, account=ACTOR, reason="logged-out", at=LATER.at)
STOLEN = SessionEnded(session=MINE, account=ACTOR, reason="token-reused", at=LATER.at)


def renew(generation: int) -> RenewSession:
    """Asks for new tokens with one of that generation."""
    return RenewSession(session=MINE, generation=generation, roles=())


def test_opens_with_the_first_generation() -> None:
    given(session).when(OpenSession(session=MINE, account=ACTOR, locale="fr", roles=READER)).then(OPENED)


def test_rejects_failed_log_ins_all_alike() -> None:
    for account in (ACTOR, None):
        given(session).when(NoteFailedLogIn(session=MINE, account=account)).rejects("identity.not-recognised")


def test_renews_with_the_roles_of_now() -> None:
    given(session, OPENED).when(renew(1), LATER).then(RENEWED)
    third = SessionRenewed(session=MINE, account=ACTOR, locale="fr", roles=(), generation=3, at=LATER.at)
    given(session, OPENED, RENEWED).when(renew(2), LATER).then(third)


def test_ends_when_a_token_comes_twice() -> None:
    given(session, OPENED, RENEWED).when(renew(1), LATER).then(STOLEN)


def test_renews_nothing_that_has_ended() -> None:
    for over in (LOGGED_OUT, STOLEN):
        for generation in (1, 2):
            given(session, OPENED, RENEWED, over).when(renew(generation)).rejects("identity.not-recognised")


def test_ends_no_more_than_once() -> None:
    given(session, OPENED).when(EndSession(session=MINE), LATER).then(LOGGED_OUT)
    given(session, OPENED, LOGGED_OUT).when(EndSession(session=MINE), LATER).changes_nothing()


def test_has_a_row_of_its_last_generation() -> None:
    row = SessionRow(session=MINE, account=ACTOR, generation=2, opened=NOW)
    assert rows(sessions, OPENED, RENEWED) == [row]
    assert [row.ended for row in rows(sessions, OPENED, RENEWED, LOGGED_OUT)] == [True]


def test_is_known_to_have_ended() -> None:
    known = indexed(LOGGED_OUT)
    assert known.ended(MINE)
    assert not known.ended(SessionId(named("", "another")))


def test_forgets_an_end_when_no_token_is_left() -> None:
    another = SessionId(named("", "another"))
    known = indexed(LOGGED_OUT)
    known.put(EndedSessionRow(session=another, at=LOGGED_OUT.at + ACCESS_TOKEN_LIFETIME))
    assert known.ended(MINE)
    known.put(EndedSessionRow(session=another, at=LOGGED_OUT.at + ACCESS_TOKEN_LIFETIME + timedelta(seconds=1)))
    assert not known.ended(MINE)


def indexed(*events: Event) -> EndedSessions:
    """The ended sessions after events."""
    known = EndedSessions()
    for row in rows(ended, *events):
        known.put(row)
    return known
