"""Reactions: what they ask is carried out once, whatever stops in between."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.adapters.memory.clock import MemoryClock
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.context import InvocationContext
from osteon.domain import Ask, Module, Product, Reaction
from osteon.messages import Correlation
from osteon.model import HOUSE, TenantId, named
from osteon.modules import PLATFORM
from tests.engine.counting import (
    BIG,
    SUM,
    AddToCounter,
    CounterOpened,
    CounterRaised,
    OpenCounter,
    an_id,
    counting,
    product,
)
from tests.engine.sending import HeldUp, Sender, entries, total_of, until

pytestmark = pytest.mark.anyio

ONE = an_id("one")
STEPS = 3


async def test_asks_in_the_name_of_its_module() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        cause = await sender.ask(AddToCounter(counter=ONE, amount=BIG))
        await settled(installation)
        raised, asked = entries(installation.storage, ONE)[-1], entries(installation.storage, SUM)[-1]
        assert raised.context.trace.current == cause.invocation
        assert asked.context.trace.parent == cause.invocation
        assert asked.context.trace.action == raised.context.trace.action
        assert asked.correlation == Correlation(
            id=asked.command.id, originating=raised.command.id, parent=raised.events[0].id
        )
        assert asked.context.account != raised.context.account


async def test_a_stopped_process_reacts_after_its_start() -> None:
    storage = Storage()
    journal = HeldUp.on(storage)
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.batches_left = 1
        await sender.ask(AddToCounter(counter=ONE, amount=BIG))
        await until(lambda: journal.waiting == 0 and installation.engine.reactions.running == 1)
        assert total_of(installation, SUM) == 0
    async with in_process(product, storage=storage) as installation:
        await settled(installation)
        assert total_of(installation, SUM) == 1


async def test_a_place_spares_what_is_done() -> None:
    storage, clock = Storage(), MemoryClock()
    async with in_process(product, storage=storage, clock=clock) as installation:
        sender = await opened(installation)
        await sender.ask(AddToCounter(counter=ONE, amount=BIG))
        await settled(installation)
        journal, recorded = installation.engine.ports.journal, storage.tape.last
        assert len(journal.unsettled()) > 0
        clock.advance(1.0)
        await until(lambda: storage.tape.last > recorded)
        assert journal.unsettled() == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 6), max_size=6), st.integers(0, 3))
def test_reacts_once_wherever_the_process_stops(stops: list[int], seed: int) -> None:
    async def run() -> None:
        storage = Storage()
        async with in_process(product, storage=storage) as installation:
            await opened(installation)
        for stop in [*stops, None]:
            await work(storage, stop, seed)
        raised = [entry for entry in entries(storage, ONE) if entry.events and entry.command.type == "add-to-counter"]
        asked = entries(storage, SUM)[1:]
        assert len(raised) == STEPS
        assert sorted(str(entry.correlation.parent) for entry in asked) == sorted(
            entry.events[0].id for entry in raised
        )

    asyncio.run(run())


async def test_one_modules_mistake_spares_the_others() -> None:
    def stumble(event: CounterRaised, context: InvocationContext) -> Sequence[Ask]:
        raise ArithmeticError(f"{event.amount} is too much")

    async with in_process(also(Reaction("stumble", stumble))) as installation:
        sender = await opened(installation)
        assert (await sender.ask(AddToCounter(counter=ONE, amount=BIG))).verdict == "accepted"
        await settled(installation)
        assert total_of(installation, SUM) == 1


async def test_only_house_reaches_other_tenants() -> None:
    first, second = (TenantId(named("", name)) for name in ("first", "second"))

    def reach(event: CounterOpened, context: InvocationContext) -> Sequence[Ask]:
        further = first if context.tenant == HOUSE else second
        return [Ask(command=OpenCounter(counter=event.counter), tenant=further)] if event.counter == ONE else []

    async with in_process(also(Reaction("reach", reach))) as installation:
        await opened(installation)
        await settled(installation)
        assert [entry.context.tenant for entry in entries(installation.storage, ONE)] == [HOUSE, first]


async def work(storage: Storage, stop: int | None, seed: int) -> None:
    """A process that adds big steps under the same keys, until `stop` batches are recorded or all is done."""
    journal = HeldUp.on(storage)
    journal.batches_left = stop
    async with in_process(product, storage=storage, journal=journal, seed=seed) as installation:
        sender = Sender(installation.engine)
        flying = [
            sender.send(AddToCounter(counter=ONE, amount=BIG), f"01J0000000000000000000000{step}")
            for step in range(STEPS)
        ]
        if stop is None:
            await asyncio.gather(*flying)
            await settled(installation)
        else:
            await until(stopped(journal, installation, flying))
        for task in flying:
            task.cancel()


def stopped(journal: HeldUp, installation: InProcess, flying: list[Any]) -> Callable[[], bool]:
    """Whether the journal takes no more, or there is nothing left to do."""

    def holds() -> bool:
        idle = all(task.done() for task in flying) and not installation.engine.reactions.running
        return journal.batches_left == 0 or idle

    return holds


def also(reaction: Reaction[Any]) -> Product:
    """The counting product with one more module that reacts."""
    exporting = Module("counting", parts=counting.parts, exports=[CounterOpened, CounterRaised], grants=counting.grants)
    return Product("counting", [*PLATFORM, exporting, Module("reacting", parts=[reaction])])


async def settled(installation: InProcess) -> None:
    """Every reaction's command has its verdict."""
    await until(lambda: not installation.engine.reactions.running)


async def opened(installation: InProcess) -> Sender:
    """A sender, the counter 'one', and the one that counts big steps."""
    sender = Sender(installation.engine)
    for counter in (ONE, SUM):
        assert (await sender.ask(OpenCounter(counter=counter))).verdict == "accepted"
    return sender
