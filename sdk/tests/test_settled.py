"""Waiting for what a command set off: until each saga has heard of it and has nothing pending."""

from typing import Any

import pytest

from osteon_sdk import Client, Reply, Settling, Unsettled
from sdk.tests.stand_in import Script, Watch, accepted, refused

pytestmark = pytest.mark.anyio

REPLY = Reply(
    answer=None,
    invocation="01J0INVOCATION",
    position="",
    settles=(Settling(saga="project_naming", about="BRIDGE", event="E5"),),
)


def standing(heard: str, *, settled: bool) -> Any:
    """Where the saga stands."""
    return accepted({"projectNaming": "BRIDGE", "heard": heard, "settled": settled})


async def test_waits_until_each_saga_heard_and_settled() -> None:
    script = Script(
        refused(404, "projects.not-found"),
        standing("E4", settled=True),
        standing("E5", settled=False),
        standing("E6", settled=True),
    )
    await Client(script, patience=Watch().patience()).settled(REPLY)
    assert [request.path for request in script.asked] == ["/queries/get-project-naming"] * 4
    assert script.bodies()[0] == {"projectNaming": "BRIDGE"}


async def test_waits_for_nothing_where_nothing_is_pending() -> None:
    script = Script(refused(500, "unexpected"))
    await Client(script).settled(Reply(answer=None, invocation="", position=""))
    assert script.asked == []


async def test_says_so_when_its_patience_is_over() -> None:
    with pytest.raises(Unsettled, match="'project_naming' about 'BRIDGE'"):
        await Client(Script(standing("E4", settled=True)), patience=Watch().patience(deadline=2)).settled(REPLY)
