"""Heads as the server makes them: each goes on from the last, and none is made of a journal that does not."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from ulid import ULID

from osteon.adapters.ed25519 import HeadSigner
from osteon.adapters.memory.clock import MemoryClock
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections, Settings
from osteon.adapters.system.disk import SystemDisk
from osteon.app.growth import DoesNotFollow
from osteon.app.heads import ForgedHead, HeadFile, Heads
from osteon.messages import ENTRY, GENESIS, Position, header, record_hash
from osteon.messages.heads import SignedHead
from osteon.messages.merkle import leaf_hash, root_hash
from osteon.model import record_json, replace
from osteon.ports.filing import Batch, EntryRecord
from tests.contracts.filed import ACME, GLOBEX, World, access_record, an_entry, fail, on_sqlite

T = TypeVar("T")


class Place(NamedTuple):
    """A tenant's history in files, and the heads that are made of it."""

    folder: Path
    world: World
    heads: Heads

    @property
    def kept(self) -> list[SignedHead]:
        """The heads that were kept."""
        return HeadFile(SystemDisk(self.folder), ACME).every()

    @property
    def path(self) -> Path:
        """The file of heads."""
        return self.folder / "tenants" / ACME / "heads"

    def make(self) -> SignedHead | None:
        """Makes the next head."""
        return run(self.heads.make(ACME))

    def grow(self, count: int, partition: int = 0) -> list[bytes]:
        """Files so many entries more, chained to what is there, and gives all records of the partition."""
        records: list[bytes] = []
        while page := run(self.world.history.scan(ACME, Position(partition, len(records)))):
            records += [stored for _, stored in page]
        more: list[EntryRecord] = []
        for sequence in range(len(records) + 1, len(records) + count + 1):
            entry = an_entry(sequence, partition=partition, entity=100 + sequence)
            place = header(
                ENTRY, ULID.from_str(ACME).bytes, entry.position, record_hash(records[-1]) if records else GENESIS
            )
            records.append(place + self.world.keyring.seal(ACME, record_json(entry), place))
            invocation = entry.context.trace.current
            more.append(EntryRecord(entry.position, entry.entity, entry.key, None, invocation, records[-1]))
        self.world.filing.file(ACME, Batch(more, [], {}))
        return records

    def tampered(self, query: str, *bindings: Any) -> None:
        """Changes the file of the tenant behind everyone's back."""
        connections = Connections(
            SystemDisk(self.folder), str(self.folder), self.world.keyring, Settings(writable=True)
        )
        connection: Connection | None = connections.take(ACME)
        assert connection is not None
        connection.execute(query, bindings).fetchall()
        connection.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    world = on_sqlite(tmp_path / "data")
    disk, scheduler = SystemDisk(tmp_path / "data"), MemoryScheduler(fail)
    heads = Heads(world.history, world.access_log, world.keyring, disk, MemoryClock(), scheduler)
    return Place(tmp_path / "data", world, heads)


def test_a_head_covers_every_record_by_partition(place: Place) -> None:
    first, second = place.grow(5), place.grow(2, partition=3)
    place.world.file(accesses=[access_record(place.world.keyring, 1, (None, 1))])
    signed = place.make()
    assert signed is not None
    assert signed.head.tenant == ACME
    assert signed.head.entries == 7
    assert signed.head.accesses.number == 1
    for each, records in zip(signed.head.partitions, (first, second), strict=True):
        assert (each.sequence, each.hash) == (len(records), record_hash(records[-1]).hex())
        assert each.root == root_hash(map(leaf_hash, records)).hex()
    assert [each.partition for each in signed.head.partitions] == [0, 3]
    assert HeadSigner(place.world.keyring, ACME).public.accepts(signed)
    assert place.kept == [signed]


def test_a_head_of_another_tenant_or_changed_is_not_accepted(place: Place) -> None:
    place.grow(1)
    signed = place.make()
    assert signed is not None
    key = HeadSigner(place.world.keyring, ACME).public
    assert not HeadSigner(place.world.keyring, GLOBEX).public.accepts(signed)
    assert not key.accepts(replace(signed, head=replace(signed.head, tenant=GLOBEX)))
    assert not key.accepts(replace(signed, signature="AAAA"))
    assert not key.accepts(replace(signed, signature="ä"))


def test_nothing_new_makes_no_head(place: Place) -> None:
    place.grow(3)
    assert place.make() is not None
    assert place.make() is None
    place.grow(1)
    assert place.make() is not None
    assert [each.head.entries for each in place.kept] == [3, 4]


@pytest.mark.parametrize("frontier", [None, b"", b"{}", b'{"trees":{"0":{"size":3,"peaks":["00","00"]}}}'])
def test_a_lost_or_false_frontier_is_made_anew(place: Place, frontier: bytes | None) -> None:
    place.grow(600)
    place.make()
    path = place.path.with_name("frontier")
    path.unlink() if frontier is None else path.write_bytes(frontier)
    records = place.grow(50)
    signed = place.make()
    assert signed is not None
    assert signed.head.partitions[0].root == root_hash(map(leaf_hash, records)).hex()


def test_only_what_is_new_is_read_again(place: Place) -> None:
    place.grow(4)
    place.make()
    # What was changed below a head is found by verifying; the next head is made from the frontier alone.
    place.tampered("UPDATE journal SET stored = x'00' WHERE position = 2")
    place.tampered("DELETE FROM journal WHERE position = 1")
    place.world.filing.file(ACME, Batch([], [access_record(place.world.keyring, 1, (None, 1))], {}))
    assert place.make() is not None


@pytest.mark.parametrize("length", [20, 5_000])
def test_a_torn_last_line_is_overwritten(place: Place, length: int) -> None:
    place.grow(1)
    place.make()
    with place.path.open("ab") as file:
        file.write(b'{"head": {"tenant": '.ljust(length, b"x"))
    assert len(place.kept) == 1
    place.grow(1)
    place.make()
    place.grow(1)
    place.make()
    assert [each.head.entries for each in place.kept] == [1, 2, 3]


def test_nothing_is_signed_behind_a_forged_head(place: Place) -> None:
    place.grow(1)
    signed = place.make()
    assert signed is not None
    forged = replace(signed, head=replace(signed.head, partitions=()))
    place.path.write_bytes(record_json(forged) + b"\n")
    place.grow(1)
    with pytest.raises(ForgedHead, match="did not sign"):
        place.make()


def test_a_journal_that_was_cut_is_not_signed(place: Place) -> None:
    place.grow(5)
    place.make()
    place.tampered("DELETE FROM journal WHERE position > 3")
    place.tampered("UPDATE progress SET place = 3")
    with pytest.raises(DoesNotFollow, match="entry 5 of partition 0, is missing"):
        place.make()
    assert len(place.kept) == 1


def test_a_cut_access_log_is_not_signed(place: Place) -> None:
    place.world.file(accesses=[access_record(place.world.keyring, number, (None, 1)) for number in (1, 2)])
    place.make()
    place.tampered("DELETE FROM accesses WHERE number = 2")
    with pytest.raises(DoesNotFollow, match="block 2 of the access log, is missing"):
        place.make()


@pytest.mark.parametrize("frontier", ["kept", "lost"])
def test_a_record_that_took_anothers_place_is_not_signed(place: Place, frontier: str) -> None:
    records = place.grow(5)
    place.make()
    if frontier == "lost":
        place.path.with_name("frontier").unlink()
    entry = header(ENTRY, ULID.from_str(ACME).bytes, Position(0, 5), record_hash(records[3]))
    other = entry + place.world.keyring.seal(ACME, b"{}", entry)
    place.tampered("UPDATE journal SET stored = ? WHERE position = 5", other)
    with pytest.raises(DoesNotFollow, match="entry 5 of partition 0, is another record than it was"):
        place.make()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (
            "UPDATE journal SET stored = (SELECT stored FROM journal WHERE position = 1) WHERE position = 2",
            "another place",
        ),
        ("UPDATE journal SET stored = x'07' WHERE position = 2", "no record"),
        ("DELETE FROM journal WHERE position = 2", "entry 2 of partition 0, is missing"),
    ],
)
def test_a_broken_chain_is_not_signed(place: Place, query: str, found: str) -> None:
    place.grow(3)
    place.tampered(query)
    with pytest.raises(DoesNotFollow, match=found):
        place.make()
    assert place.kept == []


def test_a_record_that_carries_another_hash_is_not_signed(place: Place) -> None:
    place.grow(2)
    entry = header(ENTRY, ULID.from_str(ACME).bytes, Position(0, 2), GENESIS)
    place.tampered("UPDATE journal SET stored = ? WHERE position = 2", entry + bytes(40))
    with pytest.raises(DoesNotFollow, match="another hash of the one before it"):
        place.make()


def test_one_tenants_fault_holds_up_no_other(place: Place) -> None:
    place.grow(1)

    async def turns() -> None:
        clock = _Turns(2)
        heads = Heads(
            place.world.history,
            place.world.access_log,
            place.world.keyring,
            SystemDisk(place.folder),
            clock,
            MemoryScheduler(fail),
        )
        await heads.run(lambda: [GLOBEX, ACME], 60.0)

    (place.folder / "tenants" / GLOBEX).mkdir()
    (place.folder / "tenants" / GLOBEX / "heads").write_text("no head\n")
    with pytest.raises(_Over):
        run(turns())
    assert len(place.kept) == 1


class _Over(Exception):
    """Raised when a test has seen enough."""


class _Turns(MemoryClock):
    """A clock that ends the test at a sleep."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left

    async def sleep(self, seconds: float) -> None:
        self._left -= 1
        if self._left == 0:
            raise _Over


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs one question to its end."""
    return asyncio.run(work)
