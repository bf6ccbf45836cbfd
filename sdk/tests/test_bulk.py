"""The client sends many calls with few requests."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from osteon_sdk import Client, NotAuthenticated, NotRun, Rejected, Reply, Request, Response, Unintelligible, call
from sdk.tests.stand_in import LOST, Script, Watch, bulk, item, problem, refused

pytestmark = pytest.mark.anyio


def _all_accepted(request: Request) -> Response:
    return _answered(request, {})


def _answered(request: Request, refusals: Mapping[int, dict[str, Any]]) -> Response:
    """Each item answered by its own body, but those refused."""
    items = msgspec.json.decode(request.body)["items"]
    return bulk(*(refusals.get(number, item(each["body"])) for number, each in enumerate(items)))


async def test_sends_items_as_the_wire_wants() -> None:
    script = Script(_all_accepted)
    first, second = call("create", is_big=True).using(scope="US"), call("rename")
    await Client(script).using(scope="EU", action="A").commands([first, second], stop=True)
    assert script.asked[0].path == "/commands"
    assert script.headers("Osteon-Action") == ["A"]
    assert script.bodies() == [
        {
            "items": [
                {"type": "create", "body": {"isBig": True}, "scope": "US", "key": first.key},
                {"type": "rename", "body": {}, "scope": "EU", "key": second.key},
            ],
            "stop": True,
        }
    ]


async def test_gives_outcomes_in_the_order_of_items() -> None:
    script = Script(bulk(item(1), problem(409, "projects.archived", params={"byWhom": "x"}), item(3, replayed=True)))
    calls = [call("create"), call("rename"), call("create")]
    first, second, third = await Client(script).commands(calls)
    assert isinstance(first, Reply)
    assert isinstance(second, Rejected)
    assert isinstance(third, Reply)
    assert (first.answer, first.replayed, third.answer, third.replayed) == (1, False, 3, True)
    assert (second.key, second.params) == ("projects.archived", {"by_whom": "x"})
    assert [each.idempotency_key for each in (first, second, third)] == [each.key for each in calls]


async def test_splits_more_than_a_hundred_items() -> None:
    script = Script(_all_accepted)
    outcomes = await Client(script).commands(call("create", number=number) for number in range(201))
    assert [len(body["items"]) for body in script.bodies()] == [100, 100, 1]
    assert [outcome.answer for outcome in outcomes if isinstance(outcome, Reply)] == [
        {"number": number} for number in range(201)
    ]


async def test_sends_nothing_for_nothing() -> None:
    script = Script(_all_accepted)
    assert await Client(script).commands([]) == []
    assert script.asked == []


async def test_stops_at_a_problem_across_requests() -> None:
    script = Script(lambda request: _answered(request, {99: problem(409, "no")}), _all_accepted)
    outcomes = await Client(script).commands([call("create") for _ in range(150)], stop=True)
    assert len(script.asked) == 1
    assert isinstance(outcomes[99], Rejected)
    assert all(isinstance(outcome, NotRun) for outcome in outcomes[100:])
    assert len(outcomes) == 150


async def test_goes_on_after_a_problem_unless_told() -> None:
    script = Script(lambda request: _answered(request, {99: problem(409, "no")}), _all_accepted)
    outcomes = await Client(script).commands([call("create") for _ in range(150)])
    assert [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, Reply)] == [99]


async def test_tries_a_lost_bulk_again_under_its_keys() -> None:
    script = Script(LOST, _all_accepted)
    await Client(script, patience=Watch().patience()).commands([call("create"), call("create")])
    first, second = ([each["key"] for each in body["items"]] for body in script.bodies())
    assert first == second


async def test_raises_when_a_bulk_is_refused_whole() -> None:
    with pytest.raises(NotAuthenticated):
        await Client(Script(refused(401, "not-authenticated"))).commands([call("create")])


async def test_says_when_outcomes_are_missing() -> None:
    with pytest.raises(Unintelligible):
        await Client(Script(bulk(item()))).commands([call("create"), call("create")])


async def test_asks_many_queries_at_once() -> None:
    script = Script(_all_accepted)
    outcomes = await Client(script).queries([call("get-project", project=name) for name in "ab"])
    assert script.asked[0].path == "/queries"
    assert script.bodies()[0]["items"] == [
        {"type": "get-project", "body": {"project": "a"}},
        {"type": "get-project", "body": {"project": "b"}},
    ]
    assert [outcome.answer for outcome in outcomes if isinstance(outcome, Reply)] == [
        {"project": "a"},
        {"project": "b"},
    ]
