"""The client tries again what may succeed, under one key, and knows when to stop."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from osteon_sdk import Client, Limited, Patience, Rejected, Request, Response, Unavailable, Unreachable
from sdk.tests.stand_in import LOST, Script, Step, Watch, accepted, refused

pytestmark = pytest.mark.anyio

BUSY = refused(503, "unavailable")
PAGE = Response(status=502, headers={"content-type": "text/html"}, body=b"<h1>Bad gateway</h1>")


@pytest.mark.parametrize("trouble", [LOST, BUSY, PAGE, refused(429, "rate"), refused(503, "views.behind")])
async def test_tries_again_under_the_same_key(trouble: Step) -> None:
    script = Script(trouble, trouble, accepted("done"))
    reply = await Client(script, patience=Watch().patience()).command("create")
    assert reply.answer == "done"
    assert script.headers("Idempotency-Key") == [reply.idempotency_key] * 3
    assert len({request.body for request in script.asked}) == 1


@pytest.mark.parametrize("final", [refused(409, "projects.archived"), refused(500, "unexpected", retryable=True)])
async def test_takes_a_final_answer_at_once(final: Response) -> None:
    script = Script(final, accepted())
    with pytest.raises(Exception, match=r"projects\.archived|unexpected"):
        await Client(script, patience=Watch().patience()).command("rename")
    assert len(script.asked) == 1


async def test_believes_that_a_retry_will_not_help() -> None:
    script = Script(refused(429, "quota", retryable=False), accepted())
    with pytest.raises(Limited):
        await Client(script, patience=Watch().patience()).command("create")
    assert len(script.asked) == 1


async def test_waits_longer_each_time_within_bounds() -> None:
    watch = Watch()
    script = Script(*[LOST] * 8, accepted())
    await Client(script, patience=watch.patience()).query("list")
    assert watch.waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


async def test_spreads_its_waits_by_chance() -> None:
    watch = Watch()
    patience = Patience(now=watch.now, rest=watch.rest, chance=lambda: 0.25)
    await Client(Script(LOST, LOST, accepted()), patience=patience).query("list")
    assert watch.waits == [0.0125, 0.025]


async def test_waits_as_long_as_it_is_asked() -> None:
    watch = Watch()
    script = Script(refused(429, "rate", headers={"retry-after": "7"}), accepted())
    await Client(script, patience=watch.patience()).query("list")
    assert watch.waits == [7.05]


async def test_waits_until_the_date_it_is_told() -> None:
    watch = Watch()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    script = Script(refused(503, "unavailable", headers={"retry-after": date}), accepted())
    await Client(script, patience=watch.patience()).query("list")
    assert 10 < watch.waits[0] <= 20.05


async def test_falls_back_when_the_date_is_nonsense() -> None:
    watch = Watch()
    script = Script(refused(503, "unavailable", headers={"retry-after": "soon"}), accepted())
    await Client(script, patience=watch.patience()).query("list")
    assert watch.waits == [0.05]


async def test_does_not_wait_past_its_deadline() -> None:
    watch = Watch()
    script = Script(refused(429, "quota", headers={"retry-after": "3600"}), accepted())
    with pytest.raises(Limited):
        await Client(script, patience=watch.patience()).command("create")
    assert watch.waits == []


async def test_raises_the_last_problem_when_time_is_up() -> None:
    watch = Watch()
    with pytest.raises(Unavailable):
        await Client(Script(LOST, BUSY), patience=watch.patience(deadline=5)).command("create")
    assert 3 < sum(watch.waits) < 5


async def test_hands_back_the_key_of_a_lost_command() -> None:
    script = Script(LOST)
    with pytest.raises(Unreachable, match="The connection broke") as caught:
        await Client(script, patience=Watch().patience(deadline=1)).command("create")
    assert caught.value.idempotency_key == script.headers("Idempotency-Key")[0]


async def test_gives_up_on_an_exchange_that_hangs() -> None:
    class Silence(Script):
        async def exchange(self, request: Request) -> Response:
            self.asked.append(request)
            return await asyncio.Future[Response]()

    script = Silence(accepted())
    with pytest.raises(Unreachable, match=r"within '0\.05' seconds"):
        await Client(script, patience=Patience(deadline=0.05)).command("create")
    assert len(script.asked) == 1


async def test_passes_on_a_replayed_rejection() -> None:
    script = Script(LOST, refused(409, "projects.archived", headers={"idempotency-replayed": "true"}))
    with pytest.raises(Rejected) as caught:
        await Client(script, patience=Watch().patience()).command("rename")
    assert caught.value.replayed
