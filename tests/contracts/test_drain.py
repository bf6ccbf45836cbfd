"""The contract of Drain, on the loop of the server and as a process of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from demo.main import product
from demo.projects.project import ProjectCreated, ProjectId, ProjectRenamed
from osteon.adapters.commitlog import CommitLog
from osteon.adapters.commitlog.journal import LogJournal
from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.memory.clock import MemoryClock
from osteon.adapters.memory.drain import MemoryDrain
from osteon.adapters.memory.entropy import MemoryEntropy
from osteon.adapters.memory.filing import MemoryFiling
from osteon.adapters.memory.history import MemoryHistory
from osteon.adapters.memory.journal import MemoryJournal
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.memory.shelf import Shelf
from osteon.adapters.memory.tape import Tape
from osteon.adapters.memory.views import MemoryViews
from osteon.adapters.sqlite import Connections, Settings, SqliteAccessLog, SqliteHistory, SqliteViews
from osteon.adapters.system.clock import SystemClock
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.app.drain_process import DrainProcess
from osteon.engine import Projection, tables
from osteon.messages import Event, Position, Record, Recorded, wire_name
from osteon.model import MessageId, record_json, replace
from osteon.ports.drain import Drain
from osteon.ports.history import History
from osteon.ports.journal import Draft, Journal
from osteon.ports.views import Selection, Views
from tests.contracts.filed import ACME, EU, an_entry, fail, identifier
from tests.serving import environment

pytestmark = pytest.mark.anyio


class Draining(NamedTuple):
    """A drain, what is before it, and what is behind."""

    journal: Journal
    drain: Drain
    history: History
    views: Views

    async def record(self, *drafts: Draft) -> int:
        """Records a batch and tells the drain; the batch's number."""
        batch = await self.journal.append(drafts)
        self.drain.advance(batch)
        return batch

    async def name_of(self, project: ProjectId) -> str | None:
        """The name that the view has of a project."""
        body = await self.views.find(ACME, Selection("project", None, {"key": project}, {}))
        return None if body is None else msgspec.json.decode(body)["name"]

    def filed(self) -> dict[int, int]:
        """The last sequence of each partition in history."""
        return {partition: head.sequence for partition, head in self.history.heads(ACME).items()}


Start = Callable[[], AbstractAsyncContextManager[Draining]]


@pytest.fixture
def anyio_backend() -> str:
    """Drains run on asyncio."""
    return "asyncio"


@pytest.fixture(params=["memory", "process"])
def start(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts the adapter under test, again and again in the same place."""
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    if request.param == "process":
        return lambda: in_a_process(tmp_path)
    tape, shelf, keyring = Tape(), Shelf(), MemoryKeyring()
    return lambda: in_memory(tape, shelf, keyring)


async def test_has_drained_nothing_at_first(start: Start) -> None:
    async with start() as draining:
        assert draining.drain.drained == 0
        assert await draining.drain.reached(0, 0.0)


async def test_brings_entries_to_history_and_views(start: Start) -> None:
    async with start() as draining:
        bridge, tunnel = project(1), project(2)
        batch = await draining.record(created(0, 1, bridge), created(5, 1, tunnel), renamed(0, 2, bridge, "Bow"))
        assert await draining.drain.reached(batch, 20.0)
        assert draining.drain.drained >= batch
        assert draining.filed() == {0: 2, 5: 1}
        assert [await draining.name_of(each) for each in (bridge, tunnel)] == ["Bow", "New"]


async def test_keeps_the_order_within_a_partition(start: Start) -> None:
    async with start() as draining:
        bridge = project(1)
        await draining.record(created(0, 1, bridge))
        batches = [await draining.record(renamed(0, each, bridge, f"Name {each}")) for each in range(2, 20)]
        assert await draining.drain.reached(batches[-1], 20.0)
        assert await draining.name_of(bridge) == "Name 19"


async def test_does_not_reach_what_never_was(start: Start) -> None:
    async with start() as draining:
        batch = await draining.record(created(0, 1, project(1)))
        assert not await draining.drain.reached(batch + 1, 0.01)


async def test_waits_for_what_becomes_durable(start: Start) -> None:
    async with start() as draining:
        batch = await draining.record(created(0, 1, project(1)))
        waiting = asyncio.ensure_future(draining.drain.reached(batch + 1, 20.0))
        await asyncio.sleep(0)
        await draining.record(created(0, 2, project(2)))
        assert await waiting
        assert draining.filed() == {0: 2}


async def test_goes_on_after_a_start(start: Start) -> None:
    async with start() as draining:
        await draining.drain.reached(await draining.record(created(0, 1, project(1))), 20.0)
        last = await draining.record(created(0, 2, project(2)), created(3, 1, project(3)))
    async with start() as draining:
        assert await draining.drain.reached(last, 20.0)
        assert draining.filed() == {0: 2, 3: 1}
        assert await draining.drain.reached(await draining.record(renamed(0, 3, project(1), "Bow")), 20.0)
        assert await draining.name_of(project(1)) == "Bow"


async def test_drains_at_leisure_as_well() -> None:
    clock = MemoryClock()
    async with in_memory(Tape(), Shelf(), MemoryKeyring(), clock) as draining:
        batch = await draining.record(created(0, 1, project(1)))
        await asyncio.sleep(0)
        assert draining.drain.drained < batch
        clock.advance(1.0)
        await asyncio.sleep(0)
        assert draining.drain.drained == batch


async def test_shuffles_across_partitions_only() -> None:
    orders = {tuple(await applied(seed)) for seed in range(20)}
    assert len(orders) > 1
    for order in orders:
        for partition in (0, 1, 2):
            assert [sequence for of, sequence in order if of == partition] == [1, 2, 3]


async def applied(seed: int) -> list[Position]:
    """In what order a drain of that seed applies three entries of three partitions."""
    seen: list[Position] = []

    def apply(batches: Sequence[tuple[int, Sequence[bytes]]]) -> int:
        seen.extend(Record.of(stored).position for _, batch in batches for stored in batch)
        return batches[-1][0]

    tape, keyring = Tape(), MemoryKeyring()
    journal = MemoryJournal(tape, keyring)
    await journal.take_over(ACME)
    for sequence in (1, 2, 3):
        await journal.append([created(partition, sequence, project(partition)) for partition in (0, 1, 2)])
    MemoryDrain(tape, lambda batches: apply(list(batches)), MemoryClock(), MemoryScheduler(fail), seed)
    return seen


@asynccontextmanager
async def in_memory(
    tape: Tape, shelf: Shelf, keyring: MemoryKeyring, clock: MemoryClock | None = None
) -> AsyncGenerator[Draining]:
    """The drain on the loop; its clock stands still."""
    scheduler = MemoryScheduler(fail)
    journal = MemoryJournal(tape, keyring)
    await journal.take_over(ACME)
    projection = Projection(product, MemoryFiling(shelf, tables(product)), keyring)
    drain = MemoryDrain(tape, projection.apply, clock or MemoryClock(), scheduler)
    yield Draining(journal, drain, MemoryHistory(shelf, keyring), MemoryViews(shelf))
    scheduler.close()


@asynccontextmanager
async def in_a_process(folder: Path) -> AsyncGenerator[Draining]:
    """The drain as a child, between a log and files."""
    disk, clock = SystemDisk(folder), SystemClock()
    scheduler = SystemScheduler(fail, 2)
    installation = installation_key(disk, SystemEntropy())
    keyring = KeyfileKeyring(disk, MemoryEntropy(), installation)
    connections = Connections(disk, str(folder), keyring, Settings())
    history, access_log = (
        SqliteHistory(connections, keyring, scheduler),
        SqliteAccessLog(connections, keyring, scheduler),
    )
    log = CommitLog.recover(disk, "log", segment_size=1 << 16)
    lane = scheduler.lane("journal")
    journal = LogJournal(
        log, disk, "log", keyring, lane, lambda tenant: (history.heads(tenant), access_log.head(tenant))
    )

    async def retire(segment: int) -> None:
        raise AssertionError(f"nobody asked to give up what is before {segment}")

    drain = DrainProcess("demo.main:product", str(folder), installation, clock, scheduler, lambda: log.place, retire)
    drain.start()
    assert await drain.reached(log.place.frame, 20.0)
    await journal.take_over(ACME)
    yield Draining(journal, drain, history, SqliteViews(connections, tables(product), scheduler))
    await drain.close()
    lane.close()
    connections.close()
    scheduler.close()
    log.close()


def project(number: int) -> ProjectId:
    """The identifier of a project."""
    return ProjectId(identifier(100 + number))


def created(partition: int, sequence: int, made: ProjectId) -> Draft:
    """The entry of a new project."""
    return draft(partition, sequence, ProjectCreated(project=made, scope=EU, name="New"))


def renamed(partition: int, sequence: int, named: ProjectId, name: str) -> Draft:
    """The entry of a project's new name."""
    return draft(partition, sequence, ProjectRenamed(project=named, name=name, previous="?"))


def draft(partition: int, sequence: int, event: Event) -> Draft:
    """An entry with one event."""
    entry = an_entry(sequence, partition=partition)
    recorded = Recorded(
        id=MessageId(identifier(900 + sequence)), type=wire_name(type(event)), body=msgspec.Raw(record_json(event))
    )
    body = record_json(replace(entry, events=(recorded,)))
    return Draft("entry", ACME, entry.position, body)
