"""The contract of Journal, in memory and on the commit log, each over a disk in memory and a real one."""

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from osteon.adapters.commitlog import CommitLog
from osteon.adapters.commitlog.journal import LogJournal, LogTail
from osteon.adapters.memory.disk import MemoryDisk
from osteon.adapters.memory.journal import MemoryJournal
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.memory.tape import Tape
from osteon.adapters.system.disk import SystemDisk
from osteon.messages import ACCESS, ENTRY, GENESIS, PLACE, Position, Record, record_hash
from osteon.model import HOUSE, Identifier, TenantId
from osteon.ports.disk import Disk
from osteon.ports.history import Head
from osteon.ports.journal import AppendFailed, Draft, Fenced, Journal
from osteon.ports.journal import Kind as DraftKind

T = TypeVar("T")
ACME, GLOBEX = (TenantId(Identifier(f"01J0000000000000000000000{letter}")) for letter in "AG")


class Medium(Protocol):
    """Where a journal writes, from start to start of its process."""

    keyring: MemoryKeyring

    def start(self) -> Journal:
        """The journal of a new process; the one before is no more."""
        ...

    def batches(self) -> list[tuple[int, Sequence[bytes]]]:
        """All that is recorded."""
        ...


class OnTape:
    """The journal in memory."""

    def __init__(self) -> None:
        self.keyring = MemoryKeyring()
        self.tape = Tape()

    def start(self) -> Journal:
        """See `Medium.start`."""
        return MemoryJournal(self.tape, self.keyring)

    def batches(self) -> list[tuple[int, Sequence[bytes]]]:
        """See `Medium.batches`."""
        return list(self.tape.since(0))


class InLog:
    """The journal on a commit log."""

    def __init__(self, disk: Disk) -> None:
        self.keyring = MemoryKeyring()
        self._disk = disk
        self._log: CommitLog | None = None

    def start(self) -> Journal:
        """See `Medium.start`."""
        if self._log is not None:
            self._log.close()
        self._log = CommitLog.recover(self._disk, "log", segment_size=1 << 16)
        scheduler = MemoryScheduler(lambda name, fault: None)
        return LogJournal(self._log, self._disk, "log", self.keyring, scheduler.lane("journal"), self._heads)

    def batches(self) -> list[tuple[int, Sequence[bytes]]]:
        """See `Medium.batches`."""
        assert self._log is not None
        tail = LogTail(self._disk, "log")
        tail.durable(self._log.place)
        return list(tail.read())

    def _heads(self, tenant: TenantId) -> tuple[dict[int, Head], Head]:
        """What the history would tell, having drained everything."""
        heads: dict[int, Head] = {}
        accesses = Head(0, GENESIS)
        for stored in (each for _, batch in self.batches() for each in batch):
            record = Record.of(stored)
            head = Head(record.position.sequence, record_hash(stored))
            if record.tenant == tenant and record.kind == ENTRY:
                heads[record.position.partition] = head
            elif record.tenant == tenant and record.kind == ACCESS:
                accesses = head
        return heads, accesses


@pytest.fixture(params=["memory", "log on a disk in memory", "log on a disk"])
def medium(request: pytest.FixtureRequest, tmp_path: Path) -> Medium:
    """The adapter under test, and what it writes on."""
    if request.param == "memory":
        return OnTape()
    return InLog(MemoryDisk() if "memory" in request.param else SystemDisk(tmp_path))


def test_a_new_tenant_has_nothing_behind_it(medium: Medium) -> None:
    async def work() -> None:
        journal = medium.start()
        assert await journal.take_over(ACME) == {}
        assert await journal.accesses(ACME) == 0
        assert journal.unsettled() == []

    run(work())


def test_gives_a_new_tenant_its_key(medium: Medium) -> None:
    async def work() -> None:
        assert not medium.keyring.has(ACME)
        await medium.start().take_over(ACME)
        assert medium.keyring.has(ACME)

    run(work())


def test_numbers_batches_without_a_gap(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        numbers = [await journal.append([entry(ACME, 0, sequence)]) for sequence in (1, 2, 3)]
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        assert [number for number, _ in medium.batches()] == numbers

    run(work())


def test_goes_on_with_larger_numbers_after_a_start(medium: Medium) -> None:
    async def work() -> None:
        last = await (await writing(medium)).append([entry(ACME, 0, 1)])
        assert await (await writing(medium)).append([entry(ACME, 0, 2)]) == last + 1

    run(work())


def test_learns_where_each_partition_stands(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        await journal.append([entry(ACME, 0, 1), entry(ACME, 5, 1), entry(GLOBEX, 0, 1), entry(ACME, 0, 2)])
        await journal.append([access(ACME, 1), access(ACME, 2), place(7)])
        journal = medium.start()
        assert await journal.take_over(ACME) == {0: 2, 5: 1}
        assert await journal.take_over(GLOBEX) == {0: 1}
        assert (await journal.accesses(ACME), await journal.accesses(GLOBEX)) == (2, 0)

    run(work())


def test_keeps_records_in_the_order_given(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        drafts = [entry(ACME, 0, 1), access(ACME, 1), entry(GLOBEX, 3, 1), place(1), entry(ACME, 0, 2)]
        await journal.append(drafts)
        assert [opened(medium, stored) for stored in records(medium)] == drafts

    run(work())


def test_seals_for_the_place_of_each_record(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        await journal.append([draft("entry", ACME, Position(0, 1), b"a secret of acme")])
        (stored,) = records(medium)
        assert b"a secret of acme" not in stored
        assert opened(medium, stored).body == b"a secret of acme"

    run(work())


def test_chains_each_partition_over_starts(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        await journal.append([entry(ACME, 0, 1), entry(ACME, 1, 1), access(ACME, 1)])
        journal = await writing(medium)
        await journal.append([entry(ACME, 0, 2), entry(GLOBEX, 0, 1), access(ACME, 2)])
        await journal.append([entry(ACME, 0, 3)])
        for chain, length in {
            (ENTRY, ACME, 0): 3,
            (ENTRY, ACME, 1): 1,
            (ACCESS, ACME, 0): 2,
            (ENTRY, GLOBEX, 0): 1,
        }.items():
            found = [stored for stored in records(medium) if chain_of(stored) == chain]
            previous = [GENESIS, *(record_hash(stored) for stored in found)]
            assert [Record.of(stored).previous for stored in found] == previous[:-1]
            assert len(found) == length

    run(work())


def test_gives_what_stands_behind_the_last_place(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        first = await journal.append([entry(ACME, 0, 1)])
        second = await journal.append([entry(ACME, 0, 2), entry(GLOBEX, 0, 1), access(ACME, 1)])
        third = await journal.append([place(first), entry(ACME, 0, 3)])
        await journal.append([access(ACME, 2)])
        assert medium.start().unsettled() == [
            (second, [entry(ACME, 0, 2), entry(GLOBEX, 0, 1)]),
            (third, [entry(ACME, 0, 3)]),
        ]

    run(work())


def test_has_nothing_behind_a_place_at_the_end(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        last = await journal.append([entry(ACME, 0, 1)])
        await journal.append([place(last)])
        assert medium.start().unsettled() == []

    run(work())


def test_a_place_never_moves_back(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        first = await journal.append([entry(ACME, 0, 1)])
        second = await journal.append([entry(ACME, 0, 2)])
        await journal.append([place(second)])
        await journal.append([place(first)])
        assert medium.start().unsettled() == []

    run(work())


def test_is_durable_when_append_returns(medium: Medium) -> None:
    async def work() -> None:
        journal = await writing(medium)
        for sequence in range(1, 20):
            await journal.append([draft("entry", ACME, Position(0, sequence), bytes(3_000))])
            assert len(records(medium)) == sequence

    run(work())


def test_a_full_disk_records_nothing_of_a_batch() -> None:
    async def work() -> None:
        disk = MemoryDisk(limit=1 << 18)
        medium = InLog(disk)
        journal = await writing(medium)
        recorded = await fill(journal)
        assert 0 < recorded == len(records(medium))
        disk.limit = None
        await journal.append([entry(ACME, 0, recorded + 1)])
        *_, before, last = records(medium)
        assert Record.of(last).previous == record_hash(before)

    run(work())


def test_a_second_process_fences_the_first() -> None:
    async def work() -> None:
        medium = OnTape()
        journal, other = await writing(medium), medium.start()
        await other.take_over(ACME)
        with pytest.raises(Fenced):
            await journal.append([entry(GLOBEX, 0, 1), entry(ACME, 0, 1)])
        assert records(medium) == []
        await journal.append([entry(GLOBEX, 0, 1)])

    run(work())


def test_a_gap_in_a_partition_is_refused() -> None:
    async def work() -> None:
        journal = await writing(OnTape())
        with pytest.raises(ValueError, match="none may be left out"):
            await journal.append([entry(ACME, 0, 2)])

    run(work())


async def writing(medium: Medium) -> Journal:
    """The journal of a new process that has taken everything over."""
    journal = medium.start()
    for tenant in (HOUSE, ACME, GLOBEX):
        await journal.take_over(tenant)
    return journal


async def fill(journal: Journal) -> int:
    """Records entries until nothing fits any more; how many did."""
    for sequence in range(1, 100):
        try:
            await journal.append([draft("entry", ACME, Position(0, sequence), bytes(30_000))])
        except AppendFailed:
            return sequence - 1
    raise AssertionError("the disk is never full")


def entry(tenant: TenantId, partition: int, sequence: int) -> Draft:
    """An entry at a position."""
    return draft("entry", tenant, Position(partition, sequence), f"entry {partition}/{sequence}".encode())


def access(tenant: TenantId, number: int) -> Draft:
    """A block of the access log."""
    return draft("access", tenant, Position(0, number), f"block {number}".encode())


def place(batch: int) -> Draft:
    """How far reactions have come."""
    return draft("place", HOUSE, Position(0, batch), b"{}")


def draft(kind: DraftKind, tenant: TenantId, position: Position, body: bytes) -> Draft:
    """Anything to be recorded."""
    return Draft(kind, tenant, position, body)


def records(medium: Medium) -> list[bytes]:
    """Every record, in order."""
    return [stored for _, batch in medium.batches() for stored in batch]


def opened(medium: Medium, stored: bytes) -> Draft:
    """A record as it was given."""
    record = Record.of(stored)
    kinds: dict[int, DraftKind] = {ENTRY: "entry", ACCESS: "access", PLACE: "place"}
    body = medium.keyring.open(record.tenant, record.sealed, record.place)
    return Draft(kinds[record.kind], record.tenant, Position(*record.position), body)


def chain_of(stored: bytes) -> tuple[int, TenantId, int]:
    """The chain that a record belongs to."""
    record = Record.of(stored)
    return record.kind, record.tenant, record.position.partition


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a test's work on a loop."""
    return asyncio.run(work)
