"""What the files of SQLite promise beyond the ports: encryption, crashes, other versions, few connections."""

import itertools
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.sqlite import Connections, OtherVersion, Settings, SqliteFiling, SqliteHistory, SqliteViews
from osteon.adapters.system.disk import SystemDisk
from osteon.model import Identifier, OsteonError, TenantId
from osteon.ports.filing import Batch, DamagedFile, Step, Table
from osteon.ports.keyring import Keyring
from osteon.ports.views import Selection
from tests.contracts.filed import (
    ACME,
    ANN,
    TABLES,
    World,
    a_project,
    an_entry,
    entry_record,
    fail,
    identifier,
    keyring,
    on_sqlite,
    rows,
    run,
)

MARK = b"planted-mark"
ENTRY = an_entry(1, body=b'{"name":"%s"}' % MARK)
ROW = a_project(1, name=MARK.decode())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Ports over files in a folder of their own."""
    made = on_sqlite(tmp_path)
    yield made
    made.filing.close()


def test_leaves_no_plain_text_in_files(world: World, tmp_path: Path) -> None:
    world.file([ENTRY], project=rows(ROW))
    assert run(world.views.find(ACME, Selection("project", None, {}, {"name": MARK.decode()}))) == ROW.body

    names = {each.name for each in files(tmp_path)}
    assert names == {"history.db", "history.db-wal", "history.db-shm"}
    assert found(MARK, tmp_path) == []
    assert found(b"CREATE TABLE", tmp_path) == []
    assert world.filing.settle()
    assert found(MARK, tmp_path) == []


def test_finds_plain_text_where_nothing_is_encrypted(tmp_path: Path) -> None:
    connections = opened(tmp_path, Settings(writable=True, encrypted=False))
    with closing(SqliteFiling(connections, TABLES)) as filing:
        filing.file(ACME, Batch([entry_record(keyring(), ENTRY)], [], {"project": rows(ROW)}))

        assert found(MARK, tmp_path) == ["history.db-wal"]


def test_encrypts_through_a_named_vfs_too(tmp_path: Path) -> None:
    below = apsw.VFS("named", base="unix")
    connections = opened(tmp_path, Settings(writable=True, vfs="named"))
    with closing(SqliteFiling(connections, TABLES)) as filing:
        filing.file(ACME, Batch([entry_record(keyring(), ENTRY)], [], {"project": rows(ROW)}))

        assert filing.row(ACME, "project", ROW.key) == ROW
        assert found(MARK, tmp_path) == []
    below.unregister()


def test_refuses_a_file_under_another_key(world: World, tmp_path: Path) -> None:
    world.file([ENTRY])
    views = SqliteViews(opened(tmp_path, Settings(), OtherKeys()), TABLES, MemoryScheduler(fail))

    with pytest.raises(apsw.NotADBError):
        run(views.find(ACME, Selection("project", None, {"key": ROW.key}, {})))


def test_keeps_what_was_filed_without_settling(world: World, tmp_path: Path) -> None:
    world.file([ENTRY], project=rows(ROW))
    crashed = tmp_path / "crashed"
    shutil.copytree(tmp_path / "tenants", crashed / "tenants", ignore=shutil.ignore_patterns("*-shm"))

    after = on_sqlite(crashed)

    assert after.filing.progress(ACME).sequences == {0: 1}
    assert run(after.history.entity(ACME, ENTRY.entity)) == [ENTRY]
    assert after.filing.row(ACME, "project", ROW.key) == ROW
    after.file([an_entry(2)])
    after.filing.close()


def test_reopens_what_was_closed_without_settling(tmp_path: Path) -> None:
    before = on_sqlite(tmp_path)
    before.file([ENTRY], project=rows(ROW))
    before.filing.close()

    after = on_sqlite(tmp_path)

    assert run(after.history.entity(ACME, ENTRY.entity)) == [ENTRY]
    assert after.filing.progress(ACME).sequences == {0: 1}
    after.filing.close()


def test_needs_no_log_for_what_is_settled(world: World, tmp_path: Path) -> None:
    world.file([ENTRY])
    assert world.filing.settle()
    assert filed_without_log(tmp_path) == {0: 1}
    world.file([an_entry(2)])
    assert filed_without_log(tmp_path) == {0: 1}
    assert world.filing.settle()
    assert filed_without_log(tmp_path) == {0: 2}


def test_settles_what_an_earlier_process_filed(world: World, tmp_path: Path) -> None:
    world.file([ENTRY])
    later = SqliteFiling(opened(tmp_path, Settings(writable=True)), TABLES)
    assert later.settle()
    assert filed_without_log(tmp_path) == {}

    later.progress(ACME)

    assert later.settle()
    assert filed_without_log(tmp_path) == {0: 1}
    later.close()


def test_settles_later_when_a_reader_holds_on(world: World, tmp_path: Path) -> None:
    world.file([ENTRY])
    reading = opened(tmp_path, Settings())
    connection = reading.take(ACME)
    assert connection is not None
    rows = connection.execute("SELECT 1 FROM journal UNION ALL SELECT 2")
    next(iter(rows))
    world.file([an_entry(2)])

    assert not world.filing.settle()
    rows.close()
    assert world.filing.settle()
    reading.give(ACME, connection)
    reading.close()


def test_says_whose_file_is_damaged(world: World, tmp_path: Path) -> None:
    world.file([ENTRY])
    filing = SqliteFiling(opened(tmp_path, Settings(writable=True), OtherKeys()), TABLES)

    for ask in (filing.progress, filing.revise):
        with pytest.raises(DamagedFile, match=f"The file of the tenant '{ACME}' is damaged"):
            ask(ACME)


def test_settles_what_an_earlier_process_renewed(world: World, tmp_path: Path) -> None:
    world.file([ENTRY])
    assert world.filing.settle()
    tables = (*TABLES, Table("new", scoped=False, columns=(), indexed=(), searched=()))
    before = on_sqlite(tmp_path, tables).filing
    before.revise(ACME)
    before.advance(ACME, Step(["new"], 0, 1, {}))
    later = SqliteFiling(opened(tmp_path, Settings(writable=True)), tables)
    assert changed_without_log(tmp_path, tables) == ["new"]

    assert later.revise(ACME) == []

    assert later.settle()
    assert changed_without_log(tmp_path, tables) == []
    later.close()


def test_refuses_a_file_of_another_version(world: World, tmp_path: Path) -> None:
    connections = opened(tmp_path, Settings(writable=True))
    world.filing.progress(ACME)
    connection = connections.take(ACME)
    assert connection is not None
    connection.execute("PRAGMA user_version=2").fetchall()
    connections.give(ACME, connection)
    connections.close()

    with pytest.raises(OtherVersion):
        on_sqlite(tmp_path).filing.progress(ACME)


def test_takes_no_unreadable_file_for_none(tmp_path: Path) -> None:
    connections = Connections(FullDisk(tmp_path), str(tmp_path), keyring(), Settings())
    history = SqliteHistory(connections, keyring(), MemoryScheduler(fail))

    with pytest.raises(apsw.CantOpenError):
        run(history.recorded(ACME, ENTRY.entity, ENTRY.key))


def test_makes_a_file_whole_that_was_begun(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / ACME
    folder.mkdir(parents=True)
    (folder / "history.db").touch()
    world = on_sqlite(tmp_path)
    assert run(world.history.entity(ACME, ENTRY.entity)) == []

    world.file([ENTRY])

    assert run(world.history.entity(ACME, ENTRY.entity)) == [ENTRY]
    world.filing.close()


def test_keeps_few_connections_open(tmp_path: Path) -> None:
    tenants = [TenantId(Identifier(identifier(each))) for each in range(500, 510)]
    ring = MemoryKeyring()
    for tenant in tenants:
        ring.create(tenant)
    filing = SqliteFiling(opened(tmp_path, Settings(writable=True, connections=3), ring), TABLES)

    for tenant in tenants * 2:
        filing.file(tenant, Batch([], [], {"project": rows(ROW)}))
        assert len(connections_below(tmp_path)) <= 3
    assert filing.settle()
    filing.close()
    assert connections_below(tmp_path) == []


def test_refuses_a_vfs_that_does_not_encrypt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osteon.adapters.sqlite.connections.ENCRYPTING", "")
    connections = opened(tmp_path, Settings(writable=True, vfs="unix"))
    monkeypatch.setattr("osteon.adapters.sqlite.connections.ENCRYPTING", "multipleciphers-")

    with pytest.raises(OsteonError, match="'unix' does not encrypt"):
        SqliteFiling(connections, TABLES).progress(ACME)


def test_shares_one_connection_where_it_is_exclusive(tmp_path: Path) -> None:
    connections = opened(tmp_path, Settings(writable=True, encrypted=False, exclusive=True, vfs="unix"))
    scheduler = MemoryScheduler(fail)
    filing, history = SqliteFiling(connections, TABLES), SqliteHistory(connections, keyring(), scheduler)
    assert run(history.entity(ACME, ENTRY.entity)) == []

    filing.file(ACME, Batch([entry_record(keyring(), ENTRY)], [], {}))

    assert run(history.entity(ACME, ENTRY.entity)) == [ENTRY]
    assert run(history.scan(ACME, ENTRY.position._replace(sequence=0))) != []
    assert filing.settle()
    assert not (tmp_path / "tenants" / ACME / "history.db-shm").exists()
    filing.close()


def test_puts_any_order_of_invocations_in_chains(tmp_path: Path) -> None:
    for number, order in enumerate(itertools.permutations((600, 610, 620, 630))):
        world = on_sqlite(tmp_path / str(number))
        entries = [an_entry(at, invocation=invocation) for at, invocation in enumerate(order, 1)]
        world.file(entries[:2])
        world.file(entries[2:])

        found = run(world.history.by_account(ACME, ANN, None, 9))

        assert [each.context.trace.current for each in found] == [identifier(each) for each in (630, 620, 610, 600)]
        world.filing.close()


class OtherKeys(MemoryKeyring):
    """Gives every tenant the key of somebody else."""

    def derive(self, tenant: TenantId, purpose: str) -> bytes:  # the port has them
        return bytes(32)


class FullDisk(SystemDisk):
    """Has every file, though none can be opened."""

    def names(self, folder: str) -> list[str]:  # the port has it
        return ["history.db"]


def opened(folder: Path, settings: Settings, ring: Keyring | None = None) -> Connections:
    """Connections to files below a folder."""
    folder.mkdir(exist_ok=True)
    return Connections(SystemDisk(folder), str(folder), ring or keyring(), settings)


def files(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return [each for each in sorted(folder.rglob("*")) if each.is_file()]


def found(mark: bytes, folder: Path) -> list[str]:
    """The names of the files in which the mark stands."""
    return [each.name for each in files(folder) if mark in each.read_bytes()]


def filed_without_log(folder: Path) -> dict[int, int]:
    """How far ACME is filed in the file itself, as after a loss of all that was not copied into it."""
    with closing(without_log(folder, TABLES)) as filing:
        return dict(filing.progress(ACME).sequences)


def changed_without_log(folder: Path, tables: Sequence[Table]) -> list[str]:
    """Which views of ACME changed by the file itself, as after a loss of all that was not copied into it."""
    with closing(without_log(folder, tables)) as filing:
        return [standing.view for standing in filing.revise(ACME)]


def without_log(folder: Path, tables: Sequence[Table]) -> SqliteFiling:
    """Filing into a copy of the files alone."""
    alone = folder / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    shutil.copytree(folder / "tenants", alone / "tenants", ignore=shutil.ignore_patterns("*-shm", "*-wal"))
    return SqliteFiling(opened(alone, Settings(writable=True)), tables)


def connections_below(folder: Path) -> list[apsw.Connection]:
    """The open connections to files below a folder."""
    return [each for each in apsw.connections() if each.filename.startswith(str(folder))]
