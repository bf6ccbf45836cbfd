"""Snapshots: made behind the server, used where they can be read, and never believed against the journal."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from osteon.adapters.memory.drain import MemoryDrain
from osteon.adapters.memory.filing import MemoryFiling
from osteon.adapters.memory.history import MemoryHistory
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.shelf import Shelf
from osteon.adapters.memory.snapshots import MemorySnapshots
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.domain import CONTRIBUTOR, Decider, Module, Product
from osteon.engine import Limits, Projection, SnapshotMaker, States, tables
from osteon.engine.snapshots import Loaded, Loader, Past
from osteon.messages import ENTRY, Entry, Event, Position, Recorded, wire_name
from osteon.model import HOUSE, MessageId, Value, record_json, replace
from osteon.modules import PLATFORM
from osteon.ports.snapshots import Snapshot
from tests.contracts.filed import ACME, GLOBEX, an_entry, identifier, sealed
from tests.engine.counting import (
    AddToCounter,
    Counter,
    CounterOpened,
    CounterRaised,
    OpenCounter,
    an_id,
    begin,
    create,
    decide,
    evolve,
    product,
)
from tests.engine.sending import Sender, entries, until
from tests.engine.test_eviction import drained

pytestmark = pytest.mark.anyio

ONE = an_id("one")
LIMITS = Limits(entities=1, verdicts=1, batch=3, snapshot=5)


class Counted(Value):
    """A counter's state that counts, in addition, how many events were folded into it."""

    counter: str
    total: int = 0
    folds: int = 1


class Loose(Value):
    """A state that is written, but not read as it was."""

    inner: Any


class Keeping:
    """A product's snapshots over a shelf on which a counter was opened and raised."""

    def __init__(self, kept: Product = product, shelf: Shelf | None = None) -> None:
        """Makes snapshots of the entities of `kept`."""
        self.shelf = shelf or Shelf()
        self.keyring = MemoryKeyring()
        self.keyring.create(ACME)
        self.keyring.create(GLOBEX)
        self.filing = MemoryFiling(self.shelf, tables(product))
        self.snapshots = MemorySnapshots(self.shelf)
        self.states = States(kept, self.keyring)
        self.maker = SnapshotMaker(self.states, self.filing, self.keyring, self.snapshots)
        self.loader = Loader(self.states, MemoryHistory(self.shelf, self.keyring), self.snapshots)

    def file(self, first: int, last: int) -> None:
        """Files the counter's entries of those numbers: the first opens it, each other one raises it by one."""
        records = [
            sealed(self.keyring, ENTRY, each.position, record_json(each)) for each in map(entry, range(first, last + 1))
        ]
        Projection(product, self.filing, self.keyring).apply([(1, records)])

    def make(self) -> Snapshot:
        """Has the counter's snapshot made."""
        self.maker.make(ACME, "counter", ONE)
        found = self.snapshots.find(ACME, "counter", ONE)
        assert found is not None
        return found

    def load(self) -> Loaded:
        """Loads the counter."""

        async def read() -> Loaded:
            return [loaded async for loaded in self.loader.load(ACME, "counter", ONE)][-1]

        return asyncio.run(read())


def test_loads_what_came_behind_a_snapshot() -> None:
    keeping = Keeping()
    keeping.file(1, 150)
    assert keeping.load() == (Counter(counter=ONE, total=149), 150)
    assert keeping.make().place == Position(0, 150)
    assert keeping.load() == (Counter(counter=ONE, total=149), 0)
    keeping.file(151, 160)

    assert keeping.load() == (Counter(counter=ONE, total=159), 10)


def test_makes_a_snapshot_of_the_last_one_and_what_came_behind() -> None:
    keeping = Keeping()
    keeping.file(1, 100)
    keeping.make()
    keeping.file(101, 120)
    # What is before the snapshot cannot be read any more, so whoever reads it is found out.
    keeping.shelf.folder(ACME).entries[:99] = [
        each._replace(stored=b"") for each in keeping.shelf.folder(ACME).entries[:99]
    ]

    assert keeping.make().place == Position(0, 120)
    assert keeping.load() == (Counter(counter=ONE, total=119), 0)


def test_makes_a_long_snapshot_in_steps() -> None:
    keeping = Keeping()
    keeping.file(1, 500)
    keeping.maker.ask(ACME, "counter", ONE)
    steps = 1
    while keeping.maker.step():
        steps += 1

    assert steps >= 500 / 64
    assert not keeping.maker.is_busy
    assert keeping.load().entries == 0


def flipped(kept: Snapshot) -> Snapshot:
    """Its last bit is another."""
    return kept._replace(sealed=bytes([*kept.sealed[:-1], kept.sealed[-1] ^ 1]))


BROKEN: dict[str, Callable[[Snapshot], Snapshot]] = {
    "flipped": flipped,
    "truncated": lambda kept: kept._replace(sealed=kept.sealed[:-5]),
    "empty": lambda kept: kept._replace(sealed=b""),
    "earlier": lambda kept: kept._replace(place=Position(0, 7)),
    "elsewhere": lambda kept: kept._replace(place=Position(3, 7)),
    "another declaration": lambda kept: kept._replace(declaration="0" * 32),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_passes_a_broken_snapshot_over_and_replaces_it(broken: Callable[[Snapshot], Snapshot]) -> None:
    keeping = Keeping()
    keeping.file(1, 80)
    whole = keeping.make()
    keeping.snapshots.keep(ACME, "counter", ONE, broken(whole))

    assert keeping.load() == (Counter(counter=ONE, total=79), 80)
    assert keeping.loader.unused == 1
    assert keeping.make()[:2] == whole[:2]
    assert keeping.load().entries == 0


def test_passes_over_what_another_tenant_or_entity_has() -> None:
    keeping, other = Keeping(), an_id("other")
    keeping.file(1, 80)
    past = Past(Counter(counter=ONE, total=1_000), Position(0, 80))
    for foreign in (
        keeping.states.sealed(GLOBEX, "counter", ONE, past),
        keeping.states.sealed(ACME, "counter", other, past),
    ):
        assert foreign is not None
        keeping.snapshots.keep(ACME, "counter", ONE, foreign)
        assert keeping.load() == (Counter(counter=ONE, total=79), 80)


def test_passes_over_a_place_where_the_entity_has_no_entry() -> None:
    keeping = Keeping()
    keeping.file(1, 80)
    ahead = keeping.states.sealed(ACME, "counter", ONE, Past(Counter(counter=ONE, total=1_000), Position(0, 81)))
    assert ahead is not None
    keeping.snapshots.keep(ACME, "counter", ONE, ahead)

    assert keeping.load() == (Counter(counter=ONE, total=79), 80)
    assert keeping.loader.unused == 1


def test_another_revision_folds_again() -> None:
    before = Keeping()
    before.file(1, 80)
    before.make()
    after = Keeping(
        with_decider(Decider("counter", create=create, decide=decide, begin=begin, evolve=evolve, revision=2)),
        before.shelf,
    )

    assert after.load() == (Counter(counter=ONE, total=79), 80)
    assert before.load().entries == 0
    after.make()
    assert after.load().entries == 0


def test_another_field_of_the_state_folds_again() -> None:
    before = Keeping()
    before.file(1, 80)
    before.make()
    after = Keeping(with_decider(counting_folds()), before.shelf)

    assert after.load() == (Counted(counter=ONE, total=79, folds=80), 80)


def test_keeps_no_state_that_would_be_another_when_read() -> None:
    def begin_loosely(event: CounterOpened) -> Loose:
        return Loose(inner=Counter(counter=event.counter))

    def evolve_loosely(event: CounterRaised, before: Loose) -> Loose:
        return before

    def decide_loosely(command: AddToCounter, state: Loose, context: Any) -> Any:
        raise AssertionError

    loose = Decider("counter", create=create, decide=decide_loosely, begin=begin_loosely, evolve=evolve_loosely)
    keeping = Keeping(with_decider(loose))
    keeping.file(1, 80)
    keeping.maker.make(ACME, "counter", ONE)

    assert keeping.snapshots.find(ACME, "counter", ONE) is None
    assert keeping.load() == (Loose(inner=Counter(counter=ONE)), 80)


def test_a_fold_that_fails_makes_no_snapshot() -> None:
    keeping = Keeping()
    keeping.file(1, 80)
    foreign = replace(entry(81), events=(replace(entry(81).events[0], body=msgspec.Raw(b'{"counter":7}')),))
    Projection(Product("none", PLATFORM), MemoryFiling(keeping.shelf, []), keeping.keyring)
    stored = sealed(keeping.keyring, ENTRY, foreign.position, record_json(foreign))
    record = keeping.shelf.folder(ACME).entries[-1]._replace(position=foreign.position, stored=stored)
    keeping.shelf.folder(ACME).entries.append(record)
    keeping.maker.ask(ACME, "counter", ONE)
    keeping.maker.ask(ACME, "counter", an_id("other"))
    while keeping.maker.step():
        pass

    assert keeping.snapshots.find(ACME, "counter", ONE) is None


def test_knows_which_states_can_be_kept() -> None:
    states = States(product, MemoryKeyring())

    assert states.can_keep("counter")
    assert all(states.can_keep(entity) for entity in product.entities)


def test_a_saga_has_snapshots_too() -> None:
    from demo.main import product as demo  # noqa: PLC0415  # only here

    states = States(demo, MemoryKeyring())

    assert [saga.name for _, saga in demo.all_sagas if not states.can_keep(saga.name)] == []


async def test_makes_snapshots_while_commands_go_on() -> None:
    async with counted(Storage()) as (installation, sender):
        for _ in range(23):
            await sender.ask(AddToCounter(counter=ONE, amount=1))
        await snapshots_made(installation)
        found = installation.engine.ports.snapshots.find(HOUSE, "counter", ONE)
        assert found is not None
        assert found.place in [each.position for each in entries(installation.storage, ONE)][19:]


async def test_goes_on_from_a_snapshot_after_a_restart() -> None:
    storage = Storage()
    async with counted(storage) as (installation, sender):
        for _ in range(23):
            await sender.ask(AddToCounter(counter=ONE, amount=1))
        await snapshots_made(installation)
    folder = storage.shelf.folder(HOUSE)
    before = folder.states["counter", ONE].place
    damaged = [
        each._replace(stored=b"") if each.entity == ONE and each.position < before else each for each in folder.entries
    ]
    folder.entries[:] = damaged
    async with in_process(product, storage=storage, limits=LIMITS) as installation:
        reply = await Sender(installation.engine).ask(AddToCounter(counter=ONE, amount=1))
        assert (reply.verdict, reply.answer) == ("accepted", b"24")


async def test_an_entity_that_is_only_refused_is_kept_as_missing() -> None:
    async with in_process(product, limits=LIMITS) as installation:
        sender = Sender(installation.engine)
        for _ in range(6):
            await sender.ask(AddToCounter(counter=ONE, amount=1))
        await snapshots_made(installation)
        await forgotten(installation, sender)
        loads = installation.engine.memory.loads
        assert (await sender.ask(AddToCounter(counter=ONE, amount=1))).verdict == "rejected"
        assert installation.engine.memory.loads == loads + 1
        assert (await sender.ask(OpenCounter(counter=ONE))).verdict == "accepted"
        assert (await sender.ask(AddToCounter(counter=ONE, amount=1))).answer == b"1"


def counting_folds() -> Decider[Any, Any, Any, Any, Any]:
    """A counter that has one field more."""

    def begin_counted(event: CounterOpened) -> Counted:
        return Counted(counter=event.counter)

    def evolve_counted(event: CounterRaised, before: Counted) -> Counted:
        return replace(before, total=before.total + event.amount, folds=before.folds + 1)

    def decide_counted(command: AddToCounter, state: Counted, context: Any) -> Any:
        raise AssertionError

    return Decider("counter", create=create, decide=decide_counted, begin=begin_counted, evolve=evolve_counted)


def with_decider(decider: Decider[Any, Any, Any, Any, Any]) -> Product:
    """A product with another counter."""
    return Product(
        "counting", [*PLATFORM, Module("counting", parts=[decider], grants={CONTRIBUTOR: [OpenCounter, AddToCounter]})]
    )


def entry(number: int) -> Entry:
    """The entry of that number of a counter: it is opened, then raised again and again."""
    event: Event = CounterOpened(counter=ONE) if number == 1 else CounterRaised(counter=ONE, amount=1)
    recorded = Recorded(
        id=MessageId(identifier(number)), type=wire_name(type(event)), body=msgspec.Raw(record_json(event))
    )
    return replace(an_entry(number), entity_type="counter", entity=ONE, events=(recorded,))


@asynccontextmanager
async def counted(storage: Storage) -> AsyncGenerator[tuple[InProcess, Sender]]:
    """An installation with an open counter."""
    async with in_process(product, storage=storage, limits=LIMITS) as installation:
        sender = Sender(installation.engine)
        await sender.ask(OpenCounter(counter=ONE))
        yield installation, sender


async def snapshots_made(installation: InProcess) -> None:
    """Everything is drained, and the drain has had its turn."""
    await drained(installation)
    drain = installation.engine.ports.drain
    assert isinstance(drain, MemoryDrain)
    await until(lambda: not drain.wanted)


async def forgotten(installation: InProcess, sender: Sender) -> None:
    """Memory has let go of the counter."""
    for number in range(10):
        await sender.ask(OpenCounter(counter=an_id(f"other {number}")))
        await drained(installation)
