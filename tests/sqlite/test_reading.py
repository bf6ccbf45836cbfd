"""How SQLite is read: by indexes; on the loop what is short; beside it by any number of questions at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw
import pytest

from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.sqlite import Connections, Settings, SqliteHistory, SqliteViews, reading
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.schema import ViewTable
from osteon.adapters.sqlite.selecting import Selecting
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.ports.views import Selection
from tests.contracts.filed import (
    ACME,
    EU,
    FRANCE,
    TABLES,
    US,
    World,
    a_project,
    an_entry,
    fail,
    identifier,
    keyring,
    on_sqlite,
    rows,
    run,
)

T = TypeVar("T")


class CountingScheduler(MemoryScheduler):
    """Counts what is done beside the loop."""

    def __init__(self) -> None:
        super().__init__(fail)
        self.count = 0

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        self.count += 1
        return super().blocking(work)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Ports over files in a folder of their own."""
    made = on_sqlite(tmp_path)
    yield made
    made.filing.close()


@pytest.mark.parametrize("scopes", [None, [EU], [EU, US, FRANCE], [EU] * 65], ids=["all", "one", "three", "65"])
@pytest.mark.parametrize("equal", [{}, {"archived": True}, {"owner": "x"}, {"owner": "x", "archived": True}], ids=str)
@pytest.mark.parametrize("contains", [{}, {"name": "x"}], ids=str)
@pytest.mark.parametrize("after", [None, (1, "x")], ids=["first", "further"])
def test_sorts_no_list(scopes: Any, equal: Any, contains: Any, after: Any) -> None:
    table = ViewTable(TABLES[0])
    database: Connection = cast("Any", apsw.Connection(":memory:"))
    for statement in table.statements:
        database.execute(statement)

    query, bindings = Selecting(table).query(Selection("project", scopes, equal, contains), 21, after)
    plan = [str(row[3]) for row in database.execute(f"EXPLAIN QUERY PLAN {query}", bindings).fetchall()]

    assert not [step for step in plan if "TEMP B-TREE" in step]
    if scopes in ([EU], [EU, US, FRANCE]) or "owner" in equal or after:
        assert [step for step in plan if step.startswith("SEARCH")]


def test_answers_short_questions_on_the_loop(world: World, tmp_path: Path) -> None:
    scheduler = CountingScheduler()
    views, history = readers(tmp_path, scheduler)
    world.file([an_entry(1)], project=rows(*(a_project(number) for number in range(1, 100))))

    run(views.browse(ACME, Selection("project", [EU], {"archived": False}, {"name": "ject"}), 20, None))
    run(views.find(ACME, Selection("project", None, {"key": identifier(1)}, {})))
    run(history.entity(ACME, identifier(100)))

    assert scheduler.count == 0


def test_answers_long_questions_beside_the_loop(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "STEPS", 100)
    scheduler = CountingScheduler()
    views, history = readers(tmp_path, scheduler)
    entries = [an_entry(number) for number in range(1, 152)]
    world.file(entries, project=rows(*(a_project(number) for number in range(1, 100))))

    found = run(views.browse(ACME, Selection("project", None, {}, {"name": "Project 98"}), 20, None))

    assert found == ([a_project(98).body], None)
    assert scheduler.count == 1
    assert run(history.entity(ACME, identifier(100))) == entries
    assert scheduler.count > 1


def test_answers_many_questions_at_a_time(world: World, tmp_path: Path) -> None:
    scheduler = SystemScheduler(fail, threads=4)
    views, history = readers(tmp_path, scheduler)
    entries = [an_entry(number) for number in range(1, 300)]
    world.file(entries, project=rows(*(a_project(number) for number in range(1, 50))))

    async def ask(number: int) -> bool:
        loaded = await history.entity(ACME, identifier(100))
        row = await views.find(ACME, Selection("project", None, {"key": identifier(number)}, {}))
        scanned = await history.scan(ACME, entries[-2].position)
        return (loaded, row, len(scanned)) == (entries, a_project(number).body, 1)

    async def ask_all() -> list[bool]:
        return await asyncio.gather(*(ask(number) for number in range(1, 30)))

    assert all(run(ask_all()))
    scheduler.close()


def test_keeps_a_connection_but_no_snapshot(world: World, tmp_path: Path) -> None:
    views, history = readers(tmp_path, MemoryScheduler(fail))
    for number in range(1, 5):
        world.file([an_entry(number)], project=rows(a_project(number)))
        run(views.find(ACME, Selection("project", None, {"key": identifier(1)}, {})))
        run(views.browse(ACME, Selection("project", None, {}, {}), 1, None))
        run(history.entity(ACME, identifier(100)))
        run(history.changes(ACME, identifier(100), 0, 1))
        history.heads(ACME)

        assert world.filing.settle()
        assert len([each for each in apsw.connections() if each.filename.startswith(str(tmp_path))]) == 2


def readers(folder: Path, scheduler: MemoryScheduler | SystemScheduler) -> tuple[SqliteViews, SqliteHistory]:
    """Readers with connections of their own."""
    connections = Connections(SystemDisk(folder), str(folder), keyring(), Settings(connections=4))
    return SqliteViews(connections, TABLES, scheduler), SqliteHistory(connections, keyring(), scheduler)
