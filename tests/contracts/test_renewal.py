"""The contract of Filing where views do not follow: declared otherwise, stopped, made again. In memory and on SQLite."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from osteon.adapters.memory.shelf import Shelf
from osteon.messages import Position
from osteon.ports.filing import Batch, Misfiled, RowChange, Step, Stopped, Table, ViewChanged
from osteon.ports.views import Selection, Standing, Stop
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
OTHER_ROW, OTHER_CODE = PROJECT._replace(row="other fields"), PROJECT._replace(folded="other events")
SORTS = {
    "new": ((*TABLES, NEW), ["new"]),
    "gone": ((PROJECT,), ["account"]),
    "columns": ((PROJECT._replace(columns=("archived", "owner"), searched=()), ACCOUNT), ["project"]),
    "row": ((OTHER_ROW, ACCOUNT), ["project"]),
    "folded": ((OTHER_CODE, ACCOUNT), ["project"]),
    "several": ((OTHER_ROW, NEW), ["account", "new", "project"]),
}
STOP = Stop(position=Position(0, 2), event="project-renamed", reason="LookupError")

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


def test_has_nothing_to_revise_in_no_place(opening: Opening) -> None:
    assert opening().filing.revise(GLOBEX) == []
    assert opening().filing.tenants() == []


def test_has_nothing_to_revise_without_a_change(opening: Opening) -> None:
    opening().file([an_entry(1)])
    assert opening().filing.revise(ACME) == []


@pytest.mark.parametrize(("tables", "names"), SORTS.values(), ids=SORTS)
def test_refuses_to_file_until_it_was_asked_to_revise(
    opening: Opening, tables: Sequence[Table], names: list[str]
) -> None:
    opening().file([an_entry(1)])

    with pytest.raises(ViewChanged) as caught:
        opening(tables).filing.progress(ACME)

    assert caught.value.views == tuple(names)


@pytest.mark.parametrize(("tables", "names"), SORTS.values(), ids=SORTS)
def test_files_on_while_rows_are_made_and_then_follows(
    opening: Opening, tables: Sequence[Table], names: list[str]
) -> None:
    opening().file([an_entry(1)])
    world = opening(tables)
    made = [name for name in names if name in {table.name for table in tables}]

    assert [each.view for each in world.filing.revise(ACME)] == made
    world.file([an_entry(2)])
    for view in made:
        assert advanced(world, view, 0, 1).made == 1
        assert advanced(world, view, 1, 1).state == "following"

    assert world.filing.settle()
    world = opening(tables)
    assert world.filing.revise(ACME) == []
    world.file([an_entry(3)])


def test_gives_entries_as_and_in_the_order_they_were_filed(opening: Opening) -> None:
    world = opening()
    entries = [an_entry(1, partition=3), *(an_entry(each) for each in range(1, 300)), an_entry(2, partition=3)]
    world.file(entries)
    stored = [entry_record(world.keyring, entry).stored for entry in entries]

    assert world.filing.behind(ACME, 0, 1000) == stored
    assert world.filing.behind(ACME, 10, 5) == stored[10:15]
    assert world.filing.behind(ACME, len(stored), 5) == []


def test_makes_rows_beside_those_that_answer(opening: Opening) -> None:
    before, after = a_project(1), a_project(1, name="Again")
    account = RowChange("ann", "root", 1, {"email": "ann@example.org"}, b"{}")
    opening().file([an_entry(1)], project=rows(before), account=rows(account))
    world = opening((OTHER_CODE, ACCOUNT))
    world.filing.revise(ACME)
    assert world.filing.row(ACME, "project", before.key, beside=True) is None

    world.file([an_entry(2)])
    advanced(world, "project", 0, 1, after)
    assert world.filing.row(ACME, "project", before.key, beside=True) == after
    assert world.filing.row(ACME, "project", before.key) == before
    assert found(world) == [before.body]
    advanced(world, "project", 1, 1)

    assert world.filing.row(ACME, "project", before.key) == after
    assert found(world) == [after.body]
    assert world.filing.row(ACME, "account", account.key) == account


def test_takes_removed_rows_away_beside(opening: Opening) -> None:
    opening().file([an_entry(1), an_entry(2)])
    world = opening((OTHER_CODE, ACCOUNT))
    world.filing.revise(ACME)
    gone, kept = a_project(1), a_project(2)

    advanced(world, "project", 0, 1, gone, kept)
    world.filing.advance(ACME, Step(["project"], 1, 1, {"project": {gone.key: None}}))

    assert found(world) == [kept.body]


@pytest.mark.parametrize(
    ("table", "fits"),
    [(OTHER_CODE, True), (OTHER_ROW, False), (PROJECT._replace(columns=("name",), indexed=()), False)],
    ids=["code", "row", "columns"],
)
def test_tells_whether_older_rows_fit(opening: Opening, table: Table, fits: bool) -> None:
    opening().file([an_entry(1), an_entry(2)])

    standing = opening((table, ACCOUNT)).filing.revise(ACME)[0]

    assert standing == Standing(tenant=ACME, view="project", entries=2, place=2, fits=fits, made=0)


def test_has_no_older_rows_of_a_new_view(opening: Opening) -> None:
    opening().file([an_entry(1)])

    standing = opening((*TABLES, NEW)).filing.revise(ACME)[0]

    assert standing == Standing(tenant=ACME, view="new", entries=1, place=0, fits=False, made=0)


def test_answers_by_the_columns_of_now(opening: Opening) -> None:
    opening((PROJECT._replace(columns=(), indexed=(), searched=()),)).file([an_entry(1)])
    world = opening((PROJECT,))
    world.filing.revise(ACME)
    row = a_project(1, name="Bridge")

    advanced(world, "project", 0, 1, row)

    assert run(world.views.find(ACME, Selection("project", None, {}, {"name": "RIDG"}))) == row.body
    assert run(
        world.views.browse(ACME, Selection("project", None, {"owner": row.columns["owner"]}, {}), 5, None)
    ).bodies


def test_goes_on_with_rows_that_were_begun(opening: Opening) -> None:
    opening().file([an_entry(1), an_entry(2)])
    world = opening((OTHER_ROW, ACCOUNT))
    world.filing.revise(ACME)
    advanced(world, "project", 0, 1, a_project(1))
    later = opening((OTHER_ROW, ACCOUNT))

    assert later.filing.revise(ACME)[0].made == 1
    advanced(later, "project", 1, 1)

    assert found(later) == [a_project(1).body]


def test_begins_anew_for_another_declaration(opening: Opening) -> None:
    opening().file([an_entry(1), an_entry(2)])
    world = opening((OTHER_ROW, ACCOUNT))
    world.filing.revise(ACME)
    advanced(world, "project", 0, 1, a_project(1))
    other = opening((OTHER_CODE, ACCOUNT))

    assert other.filing.revise(ACME)[0].made == 0
    assert other.filing.row(ACME, "project", a_project(1).key, beside=True) is None


def test_catches_up_when_a_change_is_taken_back(opening: Opening) -> None:
    row = a_project(1)
    opening().file([an_entry(1)], project=rows(row))
    world = opening((OTHER_ROW, NEW))
    world.filing.revise(ACME)
    advanced(world, "project", 0, 1, a_project(2))
    interrupted = opening((OTHER_CODE, NEW))
    interrupted.filing.revise(ACME)
    interrupted.file([an_entry(2)])
    back = opening((OTHER_ROW, NEW))

    standing = back.filing.revise(ACME)[1]
    assert (standing.view, standing.state, standing.place, standing.fits) == ("project", "catching-up", 1, True)
    assert advanced(back, "project", 1, 1, a_project(3)).state == "following"
    assert found(back) == [a_project(2).body, a_project(3).body]


def test_keeps_what_a_stopped_view_has_and_why(opening: Opening) -> None:
    world = opening()
    world.file([an_entry(1)], project=rows(a_project(1)))
    records = [entry_record(world.keyring, an_entry(each)) for each in (2, 3, 4)]
    batch = Batch(records, [], {"project": rows(a_project(2))}, {"project": Stopped(2, STOP)})
    world.filing.file(ACME, batch)
    later = opening()

    with pytest.raises(ViewChanged):
        later.filing.progress(ACME)
    stopped = Standing(tenant=ACME, view="project", entries=4, place=3, stop=STOP)
    assert later.filing.revise(ACME) == [stopped]
    assert stopped.state == "stopped"

    assert advanced(later, "project", 3, 1, a_project(3)).state == "following"
    assert found(later) == [a_project(each).body for each in (1, 2, 3)]
    assert opening().filing.revise(ACME) == []


def test_stops_while_rows_are_made(opening: Opening) -> None:
    opening().file([an_entry(each) for each in (1, 2, 3)])
    world = opening((OTHER_CODE, ACCOUNT))
    world.filing.revise(ACME)
    step = Step(["project"], 0, 3, {"project": rows(a_project(1))}, {"project": Stopped(1, STOP)}, 50.0)

    expected = Standing(tenant=ACME, view="project", entries=3, place=3, made=1, rate=50.0, stop=STOP)
    assert list(world.filing.advance(ACME, step)) == [expected]
    assert list(opening((OTHER_CODE, ACCOUNT)).filing.revise(ACME)) == [expected]


def test_makes_rows_again_while_the_old_ones_follow(opening: Opening) -> None:
    world = opening()
    world.file([an_entry(1)], project=rows(a_project(1)))

    begun = world.filing.begin(ACME, "project")
    assert begun == Standing(tenant=ACME, view="project", entries=1, made=0)
    world.file([an_entry(2)], project=rows(a_project(2)))
    advanced(world, "project", 0, 1, a_project(1, name="Again"))
    assert found(world) == [a_project(1).body, a_project(2).body]
    assert opening().filing.revise(ACME)[0].made == 1
    advanced(world, "project", 1, 1, a_project(2, name="Again"))

    assert found(world) == [a_project(each, name="Again").body for each in (1, 2)]
    assert opening().filing.revise(ACME) == []


def test_refuses_a_step_from_another_place(opening: Opening) -> None:
    opening().file([an_entry(1), an_entry(2)])
    world = opening((OTHER_CODE, ACCOUNT))
    world.filing.revise(ACME)
    advanced(world, "project", 0, 1, a_project(1))

    with pytest.raises(Misfiled):
        advanced(world, "project", 0, 1, a_project(2))
    with pytest.raises(Misfiled):
        advanced(world, "account", 0, 1)

    assert world.filing.row(ACME, "project", a_project(2).key, beside=True) is None


def test_leaves_other_tenants_as_they_are(opening: Opening) -> None:
    before = opening()
    before.file([an_entry(1)], project=rows(a_project(1)))
    before.filing.file(GLOBEX, Batch([], [], {"project": rows(a_project(2))}))
    filing = opening((*TABLES, NEW)).filing

    assert filing.revise(ACME)
    filing.advance(ACME, Step(["new"], 0, 1, {}))

    assert filing.revise(ACME) == []
    assert [each.view for each in filing.revise(GLOBEX)] == ["new"]


def advanced(world: World, view: str, place: int, entries: int, *changed: RowChange) -> Standing:
    """Where a view stands after a step."""
    return world.filing.advance(ACME, Step([view], place, entries, {view: rows(*changed)}))[0]


def found(world: World) -> list[bytes]:
    """The projects from which queries are answered."""
    return list(run(world.views.browse(ACME, Selection("project", None, {}, {}), 10, None)).bodies)
