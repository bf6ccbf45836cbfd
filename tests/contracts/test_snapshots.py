"""The contract of Snapshots, on a shelf in memory and on SQLite; and of reading the past of an entity behind one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from osteon.adapters.memory.shelf import Shelf
from osteon.adapters.memory.snapshots import MemorySnapshots
from osteon.adapters.sqlite import Connections, Settings, SqliteSnapshots
from osteon.adapters.system.disk import SystemDisk
from osteon.messages import Entry, Position, Record
from osteon.model import OsteonError, decoder
from osteon.ports.history import PAST, UnknownPlace
from osteon.ports.snapshots import Snapshot, Snapshots
from tests.contracts.filed import ACME, GLOBEX, World, an_entry, identifier, in_memory, keyring, on_sqlite

ONE, TWO = identifier(100), identifier(101)
SNAPSHOT = Snapshot(Position(7, 1 << 40), "print", b"\0sealed\xff")


class Kept(NamedTuple):
    """What is filed, who keeps snapshots, and who reads them."""

    world: World
    keeper: Snapshots
    reader: Snapshots


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """The adapters under test; ACME has its place."""
    if request.param == "memory":
        shelf = Shelf()
        world, keeper = in_memory(shelf), MemorySnapshots(shelf)
        made = Kept(world, keeper, keeper)
    else:
        world, disk = on_sqlite(tmp_path), SystemDisk(tmp_path)
        writing = Connections(disk, str(tmp_path), keyring(), Settings(writable=True))
        reading = Connections(disk, str(tmp_path), keyring(), Settings())
        made = Kept(world, SqliteSnapshots(writing), SqliteSnapshots(reading))
    world.filing.progress(ACME)
    yield made
    world.filing.close()


def test_finds_nothing_before_anything_is_kept(kept: Kept) -> None:
    assert kept.reader.find(ACME, "project", ONE) is None
    assert kept.reader.find(GLOBEX, "project", ONE) is None


def test_gives_back_what_was_kept(kept: Kept) -> None:
    kept.keeper.keep(ACME, "project", ONE, SNAPSHOT)

    assert kept.reader.find(ACME, "project", ONE) == SNAPSHOT


def test_keeps_the_last_snapshot_of_each_entity(kept: Kept) -> None:
    later = Snapshot(Position(7, (1 << 40) + 1), "other", b"")
    kept.keeper.keep(ACME, "project", ONE, SNAPSHOT)
    kept.keeper.keep(ACME, "project", TWO, SNAPSHOT)
    kept.keeper.keep(ACME, "project", ONE, later)

    assert kept.reader.find(ACME, "project", ONE) == later
    assert kept.reader.find(ACME, "project", TWO) == SNAPSHOT


def test_keeps_kinds_and_tenants_apart(kept: Kept) -> None:
    kept.keeper.keep(ACME, "project", ONE, SNAPSHOT)

    assert kept.reader.find(ACME, "naming", ONE) is None
    assert kept.reader.find(GLOBEX, "project", ONE) is None


def test_settles_beside_what_is_filed(kept: Kept) -> None:
    kept.world.file([an_entry(1)])
    kept.keeper.keep(ACME, "project", ONE, SNAPSHOT)

    assert kept.world.filing.settle()
    assert kept.reader.find(ACME, "project", ONE) == SNAPSHOT


def test_makes_no_place_for_a_tenant(tmp_path: Path) -> None:
    connections = Connections(SystemDisk(tmp_path), str(tmp_path), keyring(), Settings(writable=True))

    with pytest.raises(OsteonError):
        SqliteSnapshots(connections).keep(ACME, "project", ONE, SNAPSHOT)


@pytest.mark.parametrize("count", [1, PAST, 2 * PAST + 1])
def test_hands_out_the_past_of_an_entity_in_parts(kept: Kept, count: int) -> None:
    entries = [an_entry(number, entity=100 + number % 2, partition=3) for number in range(1, 2 * count + 1)]
    kept.world.file(entries)
    mine = [entry for entry in entries if entry.entity == ONE]

    assert max(parts_of(kept, None)) <= PAST
    assert past_of(kept, None) == [entry.position for entry in mine]
    assert past_of(kept, mine[0].position) == [entry.position for entry in mine[1:]]
    assert past_of(kept, mine[-1].position) == []


def test_knows_no_place_of_another_entity(kept: Kept) -> None:
    kept.world.file([an_entry(1), an_entry(2, entity=101)])

    for place in (Position(0, 2), Position(0, 3), Position(1, 1)):
        with pytest.raises(UnknownPlace):
            past_of(kept, place)
        with pytest.raises(UnknownPlace):
            list(kept.world.filing.of_entity(ACME, ONE, place))


def past_of(kept: Kept, after: Position | None) -> list[Position]:
    """Where the entries of an entity are: asked of the history, and compared with what the drain is told."""

    async def read() -> list[Position]:
        return [entry.position async for part in kept.world.history.past(ACME, ONE, after) for entry in part]

    found = asyncio.run(read())
    filed = [decode(kept, stored) for part in kept.world.filing.of_entity(ACME, ONE, after) for stored in part]
    assert [entry.position for entry in filed] == found
    return found


def parts_of(kept: Kept, after: Position | None) -> list[int]:
    """How many entries each part has."""

    async def read() -> list[int]:
        return [len(part) async for part in kept.world.history.past(ACME, ONE, after)]

    return asyncio.run(read())


def decode(kept: Kept, stored: bytes) -> Entry:
    """The entry in a record."""
    record = Record.of(stored)
    return decoder(Entry).decode(kept.world.keyring.open(ACME, record.sealed, record.place))
