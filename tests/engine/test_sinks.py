"""Sinks: everything is handed on at least once, in order for each entity, and a broken one holds up nobody."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.adapters.memory.clock import MemoryClock
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.domain import Away, Module, Occurrence, Product, Sink
from osteon.model import HOUSE
from osteon.modules import PLATFORM
from osteon.modules.operations.dead_letter import ReplayDeadLetter, letter_id
from osteon.ports.dead_letters import Strand
from tests.engine.counting import AddToCounter, CounterId, CounterRaised, OpenCounter, an_id, counting
from tests.engine.sending import HeldUp, Sender, entries, until

pytestmark = pytest.mark.anyio

ONE, TWO = an_id("one"), an_id("two")


class Shore:
    """The other side: notes what it is given, is away, or refuses some of it."""

    def __init__(self) -> None:
        """It is there and takes everything."""
        self.batches: list[list[tuple[str, CounterId, int]]] = []
        self.away = False
        self.refused: set[int] = set()

    async def take(self, batch: Sequence[Occurrence[CounterRaised]]) -> None:
        """A sink's `deliver`."""
        await asyncio.sleep(0)
        if self.away:
            raise Away("the line is dead")
        for each in batch:
            if each.event.amount in self.refused:
                raise ValueError(f"{each.event.amount} is refused")
        self.batches.append([(each.key, each.event.counter, each.event.amount) for each in batch])

    @property
    def amounts(self) -> list[int]:
        """What it was given, in order."""
        return [amount for batch in self.batches for _, _, amount in batch]

    def amounts_of(self, counter: CounterId) -> list[int]:
        """What it was given about one counter, each key once."""
        taken = {key: amount for batch in self.batches for key, about, amount in batch if about == counter}
        return list(taken.values())


def product(*shores: Shore, batch: int = 100) -> Product:
    """The counting product with a sink to each shore."""
    sinks = [
        Sink(f"ferry-{number}", events=[CounterRaised], deliver=shore.take, batch=batch)
        for number, shore in enumerate(shores)
    ]
    return Product("counting", [*PLATFORM, Module("counting", parts=[*counting.parts, *sinks], grants=counting.grants)])


async def test_hands_on_what_happened_in_batches() -> None:
    shore, clock = Shore(), MemoryClock()
    async with in_process(product(shore), clock=clock) as installation:
        await raised(installation, ONE, 1, 2, 3)
        await until_given(clock, shore, 3)
        assert shore.batches == [
            [(key, ONE, amount) for (key, _, _), amount in zip(shore.batches[0], (1, 2, 3), strict=True)]
        ]
        recorded = [event.id for entry in entries(installation.storage, ONE) for event in entry.events]
        assert [key for key, _, _ in shore.batches[0]] == recorded[1:]


async def test_keeps_to_the_size_of_a_batch() -> None:
    shore, clock = Shore(), MemoryClock()
    async with in_process(product(shore, batch=2), clock=clock) as installation:
        await raised(installation, ONE, 1, 2, 3, 4, 5)
        await until_given(clock, shore, 5)
        assert [len(batch) for batch in shore.batches] == [2, 2, 1]


async def test_goes_on_where_it_was_after_a_start() -> None:
    shore, clock, storage = Shore(), MemoryClock(), Storage()
    async with in_process(product(shore), clock=clock, storage=storage) as installation:
        await raised(installation, ONE, 1, 2)
        await until_given(clock, shore, 2)
        await idle(clock, installation)
    async with in_process(product(shore), clock=clock, storage=storage) as installation:
        await raised(installation, ONE, 3, opening=False)
        await until_given(clock, shore, 3)
        await idle(clock, installation)
        assert shore.amounts == [1, 2, 3]


async def test_hands_on_after_a_start_what_nobody_waits_for() -> None:
    shore, clock, storage = Shore(), MemoryClock(), Storage()
    async with in_process(product(shore), clock=clock, storage=storage) as installation:
        await raised(installation, ONE, 1, 2)
    async with in_process(product(shore), clock=clock, storage=storage):
        await until_given(clock, shore, 2)
        assert shore.amounts == [1, 2]


async def test_one_that_is_away_holds_up_nobody_and_loses_nothing() -> None:
    near, far, clock = Shore(), Shore(), MemoryClock()
    far.away = True
    async with in_process(product(near, far), clock=clock) as installation:
        await raised(installation, ONE, 1, 2)
        await until_given(clock, near, 2)
        await passing(clock, 600)
        await raised(installation, ONE, 3, opening=False)
        await until_given(clock, near, 3)
        (standing,) = (each for each in installation.engine.sinks.standings if each.sink == "ferry-1")
        assert (standing.state, standing.error) == ("away", "Away: the line is dead")
        far.away = False
        await until_given(clock, far, 3)
        assert far.amounts == [1, 2, 3]


async def test_what_is_refused_waits_and_the_rest_goes_on() -> None:
    shore, clock = Shore(), MemoryClock()
    shore.refused = {2}
    async with in_process(product(shore), clock=clock) as installation:
        await raised(installation, ONE, 1, 2, 3)
        await raised(installation, TWO, 10, 11)
        await until_given(clock, shore, 3)
        await idle(clock, installation)
        assert (shore.amounts_of(ONE), shore.amounts_of(TWO)) == ([1], [10, 11])
        letters = installation.engine.indexes.dead_letters(HOUSE)
        assert letters.waiting == 2
        shore.refused.clear()
        first = letters.first(Strand(HOUSE, "ferry-0", ONE))
        assert first is not None
        replay = ReplayDeadLetter(dead_letter=letter_id(HOUSE, first), reason="they take it now")
        await Sender(installation.engine).ask(replay)
        await until_given(clock, shore, 5)
        await idle(clock, installation)
        assert shore.amounts_of(ONE) == [1, 2, 3]
        assert letters.waiting == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 6), max_size=5), st.integers(0, 3))
def test_hands_all_on_wherever_the_process_stops(stops: list[int], seed: int) -> None:
    async def run() -> None:
        shore, storage, clock = Shore(), Storage(), MemoryClock()
        running = product(shore, batch=2)
        async with in_process(running, clock=clock, storage=storage) as installation:
            await raised(installation, ONE, 1, 2, 3, 4, 5)
        for stop in stops:
            journal = HeldUp.on(storage)
            journal.batches_left = stop
            async with in_process(running, clock=clock, storage=storage, journal=journal, seed=seed):
                await passing(clock, 3)
        async with in_process(running, clock=clock, storage=storage, seed=seed) as installation:
            await until_given(clock, shore, 5)
            await idle(clock, installation)
        assert shore.amounts_of(ONE) == [1, 2, 3, 4, 5]

    asyncio.run(run())


async def raised(installation: InProcess, counter: CounterId, *amounts: int, opening: bool = True) -> None:
    """A counter that goes up by some steps."""
    sender = Sender(installation.engine)
    commands: list[Any] = [OpenCounter(counter=counter)] if opening else []
    commands += [AddToCounter(counter=counter, amount=amount) for amount in amounts]
    for command in commands:
        assert (await sender.ask(command)).verdict == "accepted"


async def until_given(clock: MemoryClock, shore: Shore, count: int) -> None:
    """Lets time pass until a shore was given that many different events."""

    def given() -> bool:
        clock.advance(0.1)
        return len({key for batch in shore.batches for key, _, _ in batch}) >= count

    await until(given)


async def idle(clock: MemoryClock, installation: InProcess) -> None:
    """Lets time pass until no sink has anything to do."""

    def rests() -> bool:
        clock.advance(0.1)
        engine = installation.engine
        return not engine.reactions.running and not any(each.running for each in engine.sinks.standings)

    await until(rests)


async def passing(clock: MemoryClock, seconds: int) -> None:
    """Lets time pass."""
    for _ in range(10 * seconds):
        clock.advance(0.1)
        for _ in range(5):
            await asyncio.sleep(0)
