"""Memory lets go of what is in history, and nothing is lost by it."""

import asyncio
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.app.inprocess import InProcess, in_process
from osteon.engine import Limits
from osteon.messages import Entry
from osteon.model import Problem, TenantId, replace
from osteon.ports.history import History
from osteon.ports.inbox import Reply
from tests.engine.counting import AddToCounter, OpenCounter, an_id, product
from tests.engine.sending import Sender, entries, total_of

pytestmark = pytest.mark.anyio

TINY = Limits(entities=1, verdicts=1, batch=3)
COUNTERS = [an_id(number) for number in range(5)]
KEYS = [f"01J0000000000000000000000{number}" for number in range(4)] + ["0193a6c4-5b1e-7a55-8f5f-0a1b2c3d4e5f"]

steps = st.lists(
    st.tuples(
        st.integers(0, len(COUNTERS) - 1), st.integers(0, len(KEYS) - 1), st.sampled_from(["fly", "land", "drain"])
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_never_loses_an_entity_or_a_verdict(asked: list[tuple[int, int, str]]) -> None:
    async def run() -> None:
        async with in_process(product, limits=TINY) as installation:
            sender = Sender(installation.engine)
            await asyncio.gather(*(sender.ask(OpenCounter(counter=each)) for each in COUNTERS))
            flying: list[tuple[int, int, asyncio.Task[Reply]]] = []
            for counter, key, then in asked:
                command = AddToCounter(counter=COUNTERS[counter], amount=1 + key)
                flying.append((counter, key, sender.send(command, KEYS[key])))
                if then != "fly":
                    await asyncio.gather(*(task for _, _, task in flying))
                if then == "drain":
                    await drained(installation)
            replies = [(counter, key, await task) for counter, key, task in flying]
            expect_each_once(installation, replies)

    asyncio.run(asyncio.wait_for(run(), 10))


async def test_lets_go_of_what_is_in_history() -> None:
    async with in_process(product, limits=TINY) as installation:
        sender = Sender(installation.engine)
        for number in range(100):
            await sender.ask(OpenCounter(counter=an_id(number)))
            await drained(installation)
        entities, verdicts = installation.engine.memory.sizes
        assert entities <= 2
        assert verdicts <= 2


async def test_creates_no_second_time_what_was_forgotten() -> None:
    async with in_process(product, limits=TINY) as installation:
        sender = Sender(installation.engine)
        for counter in COUNTERS:
            await sender.ask(OpenCounter(counter=counter))
            await drained(installation)
        for counter in COUNTERS:
            reply = await sender.ask(OpenCounter(counter=counter))
            assert reply.problem == Problem(key="counting.already-exists")


async def test_keeps_an_entity_while_its_keys_are_looked_up() -> None:
    async with in_process(product, limits=TINY) as installation:
        sender = Sender(installation.engine)
        for counter in COUNTERS:
            await sender.ask(OpenCounter(counter=counter))
            await drained(installation)
        history = SlowHistory(installation.engine.ports.history)
        installation.engine.processor._history = cast("History", history)  # pyright: ignore[reportPrivateUsage]
        waiting = sender.send(AddToCounter(counter=COUNTERS[0], amount=7), KEYS[0])
        await history.asked.wait()
        for number in range(10, 20):
            await sender.ask(OpenCounter(counter=an_id(number)))
            await drained(installation)
        history.answers.set()
        assert (await asyncio.wait_for(waiting, 5)).answer == b"7"


class SlowHistory:
    """A history that tells of one entity's keys only when it is told to."""

    def __init__(self, history: History) -> None:
        """Hands on to `history`."""
        self.entity = history.entity
        self._recorded = history.recorded
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def recorded(self, tenant: TenantId, entity: str, key: str) -> Entry | None:
        """See `History.recorded`."""
        if entity == COUNTERS[0]:
            self.asked.set()
            await self.answers.wait()
        return await self._recorded(tenant, entity, key)


def expect_each_once(installation: InProcess, replies: list[tuple[int, int, Reply]]) -> None:
    """Each key of each counter is carried out once, and everybody was told the same."""
    told: dict[tuple[int, int], Reply] = {}
    for counter, key, reply in replies:
        assert reply.verdict == "accepted"
        assert replace(told.setdefault((counter, key), reply), replayed=False) == replace(reply, replayed=False)
    for number, each in enumerate(COUNTERS):
        assert total_of(installation, each) == sum(1 + key for of, key in told if of == number)
        assert len(entries(installation.storage, each)) == 1 + sum(of == number for of, _ in told)


async def drained(installation: InProcess) -> None:
    """Everything recorded is in history."""
    engine = installation.engine
    assert await engine.ports.drain.reached(engine.batches.last, 5.0)
