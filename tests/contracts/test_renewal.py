"""The contract of Filing where views were declared otherwise before, on a shelf in memory and on SQLite."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from osteon.adapters.memory.shelf import Shelf
from osteon.ports.filing import Batch, Table, ViewChanged
from osteon.ports.views import Selection
from tests.contracts.filed import (
    ACME,
    GLOBEX,
    TABLES,
    World,
    a_project,
    an_entry,
    entry_record,
    in_memory,
    on_sqlite,
    rows,
    run,
)

PROJECT, ACCOUNT = TABLES
NEW = Table("new", scoped=False, columns=(), indexed=(), searched=())
SORTS = {
    "new": ((*TABLES, NEW), ["new"]),
    "gone": ((PROJECT,), ["account"]),
    "columns": ((PROJECT._replace(columns=("archived", "owner"), searched=()), ACCOUNT), ["project"]),
    "content": ((PROJECT._replace(content="other fields"), ACCOUNT), ["project"]),
    "several": ((PROJECT._replace(content="other fields"), NEW), ["account", "new", "project"]),
}

Opening = Callable[..., World]


@pytest.fixture(params=["memory", "sqlite"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Opens the adapters under test, again and again in the same place, for the tables that are given."""
    opened: list[World] = []
    shelf = Shelf()

    def open_world(tables: Sequence[Table] = TABLES) -> World:
        opened.append(in_memory(shelf, tables) if request.param == "memory" else on_sqlite(tmp_path, tables))
        return opened[-1]

    yield open_world
    for world in opened:
        world.filing.close()


def test_knows_the_tenants_that_have_a_place(opening: Opening) -> None:
    world = opening()
    assert world.filing.tenants() == []
    world.file([an_entry(1)])
    assert opening().filing.tenants() == [ACME]


def test_has_nothing_to_change_in_no_place(opening: Opening) -> None:
    assert opening().filing.changed(GLOBEX) == []
    assert opening().filing.tenants() == []


def test_finds_nothing_changed_without_a_change(opening: Opening) -> None:
    opening().file([an_entry(1)])
    assert opening().filing.changed(ACME) == []


@pytest.mark.parametrize(("tables", "names"), SORTS.values(), ids=SORTS)
def test_refuses_to_file_until_views_are_made_again(
    opening: Opening, tables: Sequence[Table], names: list[str]
) -> None:
    opening().file([an_entry(1)])
    filing = opening(tables).filing

    assert filing.changed(ACME) == names
    with pytest.raises(ViewChanged) as caught:
        filing.progress(ACME)
    assert caught.value.views == tuple(names)


@pytest.mark.parametrize(("tables", "names"), SORTS.values(), ids=SORTS)
def test_goes_on_once_views_are_made_again(opening: Opening, tables: Sequence[Table], names: list[str]) -> None:
    opening().file([an_entry(1)])
    world = opening(tables)

    with world.filing.renewal(ACME) as renewal:
        assert list(renewal.views) == [name for name in names if name in {table.name for table in tables}]

    assert world.filing.changed(ACME) == []
    world.file([an_entry(2)])
    assert world.filing.settle()
    assert opening(tables).filing.changed(ACME) == []


def test_gives_entries_as_and_in_the_order_they_were_filed(opening: Opening) -> None:
    world = opening()
    entries = [an_entry(1, partition=3), *(an_entry(each) for each in range(1, 1200)), an_entry(2, partition=3)]
    world.file(entries)

    with opening((*TABLES, NEW)).filing.renewal(ACME) as renewal:
        found = [stored for part in renewal.entries() for stored in part]

    assert found == [entry_record(world.keyring, entry).stored for entry in entries]


def test_begins_empty_and_keeps_what_was_put(opening: Opening) -> None:
    world = opening()
    before, account = a_project(1), a_project(7, email="ann@example.org")
    world.file([an_entry(1)], project=rows(before), account=rows(account))
    made = a_project(1, name="Again"), a_project(2), a_project(3)
    world = opening((PROJECT._replace(content="other fields"), ACCOUNT))

    with world.filing.renewal(ACME) as renewal:
        assert renewal.row("project", before.key) is None
        renewal.put({"project": rows(*made)})
        renewal.put({"project": {made[1].key: None}})
        assert [renewal.row("project", each.key) for each in made] == [made[0], None, made[2]]

    assert [world.filing.row(ACME, "project", each.key) for each in made] == [made[0], None, made[2]]
    kept = world.filing.row(ACME, "account", account.key)
    assert kept is not None
    assert kept.body == account.body


def test_gives_up_what_was_interrupted(opening: Opening) -> None:
    row = a_project(1)
    opening().file([an_entry(1)], project=rows(row))
    tables = (PROJECT._replace(columns=("name",), indexed=(), searched=()), NEW)

    def interrupted() -> None:
        with opening(tables).filing.renewal(ACME) as renewal:
            renewal.put({"project": rows(a_project(2))})
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()

    assert opening(tables).filing.changed(ACME) == ["account", "new", "project"]
    old = opening()
    assert old.filing.changed(ACME) == []
    assert old.filing.row(ACME, "project", row.key) == row
    assert old.filing.row(ACME, "project", a_project(2).key) is None


def test_answers_by_the_columns_of_now(opening: Opening) -> None:
    opening((PROJECT._replace(columns=(), indexed=(), searched=()),)).file([an_entry(1)])
    world = opening((PROJECT,))
    row = a_project(1, name="Bridge")

    with world.filing.renewal(ACME) as renewal:
        renewal.put({"project": rows(row)})

    assert run(world.views.find(ACME, Selection("project", None, {}, {"name": "RIDG"}))) == row.body


def test_leaves_other_tenants_as_they_are(opening: Opening) -> None:
    before = opening()
    before.file([an_entry(1)], project=rows(a_project(1)))
    before.filing.file(GLOBEX, Batch([], [], {"project": rows(a_project(2))}))
    filing = opening((*TABLES, NEW)).filing

    with filing.renewal(ACME):
        pass

    assert filing.changed(ACME) == []
    assert filing.changed(GLOBEX) == ["new"]
