"""The client writes calls and reads replies as the wire wants it."""

import pickle
import time
from datetime import UTC, datetime

import pytest

import osteon_sdk
from osteon_sdk import (
    Client,
    Invalid,
    Limited,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    NotRun,
    OsteonProblem,
    Patience,
    Rejected,
    Request,
    Response,
    Tokens,
    Unavailable,
    Unexpected,
    Unintelligible,
    call,
    new_id,
)
from sdk.tests.stand_in import Script, accepted, refused

pytestmark = pytest.mark.anyio

ONCE = Patience(deadline=0.01, first=0.02, chance=lambda: 1.0)


async def test_sends_fields_in_camel_case() -> None:
    script = Script(accepted())
    await Client(script).command("move-task", task_list="A", steps=[{"due_on": "today"}], from_="B", line_1="C")
    assert script.asked[0].path == "/commands/move-task"
    assert script.bodies() == [{"taskList": "A", "steps": [{"dueOn": "today"}], "from": "B", "line1": "C"}]


async def test_gives_answers_in_snake_case() -> None:
    script = Script(accepted({"dueOn": "today", "steps": [{"isDone": True}]}))
    reply = await Client(script).query("get-task")
    assert reply.answer == {"due_on": "today", "steps": [{"is_done": True}]}


async def test_leaves_keys_that_are_no_names() -> None:
    data = {"01JABCDEF": 1, "create-project": 2, "projects.archived": 3, "en-GB": 4, "EN_gb": 5}
    script = Script(accepted(data))
    reply = await Client(script).command("note", counts=data)
    assert reply.answer == data
    assert script.bodies() == [{"counts": data}]


async def test_sends_dates_and_other_plain_values() -> None:
    script = Script(accepted())
    await Client(script).command("plan", due_on=datetime(2024, 2, 29, 12, tzinfo=UTC), tags=("a", "b"))
    assert script.bodies() == [{"dueOn": "2024-02-29T12:00:00Z", "tags": ["a", "b"]}]


async def test_refuses_values_that_json_cannot_hold() -> None:
    with pytest.raises(NotImplementedError, match="'Script' has no JSON form"):
        await Client(Script(accepted())).command("plan", script=Script(accepted()))


async def test_takes_fields_named_like_its_own_terms() -> None:
    script = Script(accepted())
    await Client(script).command("hold-role", type="a", scope="b", key="c", after="d", what="e", self="f")
    assert script.bodies() == [{"type": "a", "scope": "b", "key": "c", "after": "d", "what": "e", "self": "f"}]
    assert script.headers("Osteon-Scope") == [None]


async def test_sends_its_terms_as_headers() -> None:
    script = Script(accepted())
    await Client(script).using(scope="S", action="A", locale="fr-CH").command("rename")
    headers = script.asked[0].headers
    assert (headers["Osteon-Scope"], headers["Osteon-Action"], headers["Accept-Language"]) == ("S", "A", "fr-CH")


async def test_keeps_other_terms_when_some_change() -> None:
    script = Script(accepted())
    client = Client(script)
    europe = client.using(scope="EU")
    for each in (europe.using(locale="de"), europe, client):
        await each.query("list-projects")
    assert script.headers("Osteon-Scope") == ["EU", "EU", None]
    assert script.headers("Accept-Language") == ["de", None, None]


async def test_prefers_the_scope_of_the_call() -> None:
    script = Script(accepted())
    await Client(script).using(scope="EU").command(call("rename").using(scope="US"))
    assert script.headers("Osteon-Scope") == ["US"]


async def test_shares_one_action_among_its_calls() -> None:
    script = Script(accepted())
    click = Client(script).action()
    await click.command("create")
    await click.query("list")
    first, second = script.headers("Osteon-Action")
    assert first is not None
    assert first == second


async def test_gives_each_command_a_greater_key() -> None:
    script = Script(accepted())
    client = Client(script)
    replies = [await client.command("create") for _ in range(3)]
    keys = [reply.idempotency_key for reply in replies]
    assert script.headers("Idempotency-Key") == keys
    assert sorted(set(map(str, keys))) == keys


def test_makes_greater_identifiers_when_clocks_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    made = [before, *(new_id() for _ in range(100))]
    assert made == sorted(set(made))


async def test_sends_a_call_twice_under_one_key() -> None:
    script = Script(accepted())
    client = Client(script)
    create = call("create", name="A")
    await client.command(create)
    await client.command(create)
    assert script.headers("Idempotency-Key") == [create.key, create.key]


async def test_sends_a_call_under_a_key_from_earlier() -> None:
    script = Script(accepted(headers={"idempotency-replayed": "true"}))
    reply = await Client(script).command(call("create").using(key="01J0EARLIER"))
    assert script.headers("Idempotency-Key") == ["01J0EARLIER"]
    assert (reply.replayed, reply.idempotency_key) == (True, "01J0EARLIER")


async def test_refuses_fields_beside_a_call() -> None:
    with pytest.raises(TypeError, match=r"give 'name' to call\('create'"):
        await Client(Script(accepted())).command(call("create"), name="A")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]


async def test_sends_no_key_with_a_query() -> None:
    script = Script(accepted([], "7"))
    reply = await Client(script).query("list-projects", limit=5)
    assert script.asked[0].path == "/queries/list-projects"
    assert script.headers("Idempotency-Key") == [None]
    assert (reply.answer, reply.position, reply.invocation) == ([], "7", "01J0INVOCATION")


async def test_quotes_what_is_no_wire_name() -> None:
    script = Script(accepted())
    await Client(script).command("../queries/list?x")
    assert script.asked[0].path == "/commands/..%2Fqueries%2Flist%3Fx"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Invalid),
        (401, NotAuthenticated),
        (403, NotPermitted),
        (404, NotFound),
        (409, Rejected),
        (413, Invalid),
        (415, Invalid),
        (418, Invalid),
        (422, Invalid),
        (424, NotRun),
        (429, Limited),
        (500, Unexpected),
        (503, Unavailable),
    ],
)
async def test_raises_the_problem_of_each_status(status: int, error: type[OsteonProblem]) -> None:
    script = Script(refused(status, "projects.why", params={"nearestField": "name"}, retryable=True))
    with pytest.raises(error) as caught:
        await Client(script, patience=ONCE).command("rename")
    raised = caught.value
    assert type(raised) is error
    assert (raised.status, raised.key, raised.params) == (status, "projects.why", {"nearest_field": "name"})
    assert (raised.retryable, raised.invocation) == (True, "01J0INVOCATION")
    assert raised.problem.type == "/problems/projects.why"
    assert raised.idempotency_key == script.headers("Idempotency-Key")[0]


async def test_says_whether_a_refusal_was_replayed() -> None:
    script = Script(refused(409, "projects.archived", headers={"idempotency-replayed": "true"}))
    with pytest.raises(Rejected) as caught:
        await Client(script).command("rename")
    assert caught.value.replayed


async def test_keeps_problems_whole_when_pickled() -> None:
    with pytest.raises(Rejected) as caught:
        await Client(Script(refused(409, "projects.archived"))).command("rename")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (type(again), again.key, str(again)) == (Rejected, "projects.archived", str(caught.value))


@pytest.mark.parametrize(
    "response",
    [
        Response(status=404, headers={"content-type": "text/html"}, body=b"<h1>nginx</h1>"),
        Response(status=404, headers={"content-type": "application/problem+json"}, body=b'{"title": "no key"}'),
        Response(status=302, headers={"location": "/login"}, body=b""),
    ],
)
async def test_says_when_an_answer_is_not_ours(response: Response) -> None:
    with pytest.raises(Unintelligible) as caught:
        await Client(Script(response)).query("list-projects")
    assert f"status '{response.status}'" in str(caught.value)
    assert response.body.decode() in str(caught.value)


async def test_hides_what_a_damaged_answer_holds() -> None:
    damaged = Response(status=200, headers={}, body=b'{"answer": {"accessToken": "secret"}')
    with pytest.raises(Unintelligible) as caught:
        await Client(Script(damaged)).command("create")
    assert "secret" not in str(caught.value)


def test_hides_secrets_from_anyone_who_prints() -> None:
    tokens = Tokens(access_token="secret", refresh_token="secret", expires_at=datetime(2030, 1, 1, tzinfo=UTC))
    request = Request(method="POST", path="/commands/log-in", headers={"Authorization": "secret"}, body=b"secret")
    made = call("log-in", password="secret")
    shown = f"{tokens!r} {request!r} {made!r} {Response(status=200, headers={}, body=b'secret')!r}"
    assert "secret" not in shown
    assert "password" in shown


async def test_browses_all_pages_of_a_list() -> None:
    script = Script(
        accepted({"items": [1, 2], "next": "c1"}),
        accepted({"items": [], "next": "c2"}),
        accepted({"items": [3], "next": None}),
    )
    rows = [row async for row in Client(script).browse("list-projects", limit=2, name="x")]
    assert rows == [1, 2, 3]
    assert [body.get("cursor") for body in script.bodies()] == [None, "c1", "c2"]
    assert all(body["limit"] == 2 and body["name"] == "x" for body in script.bodies())


async def test_browses_large_pages_unless_told() -> None:
    script = Script(accepted({"items": [], "next": None}))
    assert [row async for row in Client(script).browse("list-projects")] == []
    assert script.bodies() == [{"limit": 100}]


async def test_closes_its_transport_at_the_end() -> None:
    script = Script(accepted())
    async with Client(script):
        assert not script.closed
    assert script.closed


def test_offers_exactly_what_it_lists() -> None:
    assert osteon_sdk.__all__ == sorted(osteon_sdk.__all__)
    assert set(osteon_sdk.__all__) == {
        *("Call", "Client", "HttpTransport", "Patience", "Problem", "Reply", "Request", "Response", "Tokens"),
        *("Transport", "call", "connect", "new_id"),
        *("OsteonError", "OsteonProblem", "Unintelligible", "Unreachable"),
        *("Invalid", "Limited", "NotAuthenticated", "NotFound", "NotPermitted", "NotRun", "Rejected"),
        *("Settling", "Unavailable", "Unexpected", "Unsettled"),
    }
    assert all(hasattr(osteon_sdk, name) for name in osteon_sdk.__all__)
