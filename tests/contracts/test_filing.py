"""The contract of Filing, on a shelf in memory and on SQLite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from osteon.ports.filing import Batch, Misfiled, Progress
from tests.contracts.filed import (
    ACME,
    ANN,
    EU,
    GLOBEX,
    US,
    World,
    a_project,
    access_record,
    an_entry,
    entry_record,
    identifier,
    in_memory,
    on_sqlite,
    rows,
    run,
)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The adapters under test."""
    made = in_memory() if request.param == "memory" else on_sqlite(tmp_path)
    yield made
    made.filing.close()


def test_starts_a_tenant_at_nothing(world: World) -> None:
    assert world.filing.progress(ACME) == Progress({}, 0)
    assert world.filing.row(ACME, "project", identifier(1)) is None


def test_tells_how_far_it_is(world: World) -> None:
    world.file([an_entry(1), an_entry(1, partition=3), an_entry(2)], [access_record(world.keyring, 4, (ANN, 1))])

    assert world.filing.progress(ACME) == Progress({0: 2, 3: 1}, 4)
    assert world.filing.progress(GLOBEX) == Progress({}, 0)


def test_goes_on_where_it_ended(world: World) -> None:
    world.file([an_entry(1)], [access_record(world.keyring, 1, (ANN, 1))])
    world.file([an_entry(2)], [access_record(world.keyring, 2, (ANN, 2))])

    assert world.filing.progress(ACME) == Progress({0: 2}, 2)


def test_refuses_an_entry_filed_already(world: World) -> None:
    world.file([an_entry(1), an_entry(2)])

    with pytest.raises(Misfiled) as caught:
        world.file([an_entry(2), an_entry(3)])

    assert (caught.value.expected, caught.value.actual) == (3, 2)


def test_refuses_a_gap_in_a_partition(world: World) -> None:
    with pytest.raises(Misfiled):
        world.file([an_entry(2)])
    with pytest.raises(Misfiled):
        world.file([an_entry(1), an_entry(3)])


def test_refuses_a_block_filed_already(world: World) -> None:
    world.file(accesses=[access_record(world.keyring, 5, (ANN, 1))])

    with pytest.raises(Misfiled):
        world.file(accesses=[access_record(world.keyring, 5, (ANN, 1))])


def test_files_nothing_of_a_refused_batch(world: World) -> None:
    world.file([an_entry(1)])
    entry, block = entry_record(world.keyring, an_entry(2)), access_record(world.keyring, 1, (ANN, 1))

    with pytest.raises(Misfiled):
        world.filing.file(ACME, Batch([entry], [block, block], {"project": rows(a_project(1))}))

    assert world.filing.progress(ACME) == Progress({0: 1}, 0)
    assert world.filing.row(ACME, "project", identifier(1)) is None
    assert run(world.history.entity(ACME, identifier(100))) == [an_entry(1)]


def test_goes_on_after_a_refused_batch(world: World) -> None:
    world.file([an_entry(1)])
    with pytest.raises(Misfiled):
        world.file([an_entry(2), an_entry(2)])
    world.file([an_entry(2), an_entry(3)])

    assert run(world.history.by_account(ACME, ANN, None, 10)) == [an_entry(3), an_entry(2), an_entry(1)]


def test_gives_a_row_back_as_filed(world: World) -> None:
    row = a_project(1, archived=True, name="Ünïted", owner=None)
    world.file(project=rows(row))

    assert world.filing.row(ACME, "project", row.key) == row
    assert world.filing.row(GLOBEX, "project", row.key) is None


def test_replaces_a_row_that_changed(world: World) -> None:
    before, other = a_project(1), a_project(2)
    after = a_project(1, archived=True, name="Renamed", owner=identifier(50))
    world.file(project=rows(before, other))
    world.file(project=rows(after))

    assert world.filing.row(ACME, "project", before.key) == after
    assert world.filing.row(ACME, "project", other.key) == other


def test_moves_a_row_to_another_scope(world: World) -> None:
    world.file(project=rows(a_project(1, EU), a_project(2, EU)))
    moved, stayed = a_project(1, US, name="Moved"), a_project(2, EU, name="Stayed")
    world.file(project=rows(moved, stayed))

    assert world.filing.row(ACME, "project", moved.key) == moved
    assert world.filing.row(ACME, "project", stayed.key) == stayed


def test_removes_a_row(world: World) -> None:
    row = a_project(1)
    world.file(project=rows(row))
    world.file(project={row.key: None})
    world.file(project={row.key: None})

    assert world.filing.row(ACME, "project", row.key) is None


def test_makes_a_removed_row_again(world: World) -> None:
    first, second = a_project(1), a_project(1, order=77)
    world.file(project=rows(first))
    world.file(project={first.key: None})
    world.file(project=rows(second))

    assert world.filing.row(ACME, "project", first.key) == second


def test_settles_what_was_filed(world: World) -> None:
    assert world.filing.settle()
    world.file([an_entry(1)], project=rows(a_project(1)))

    assert world.filing.settle()
    assert world.filing.settle()


def test_keeps_tenants_apart(world: World) -> None:
    row = a_project(1)
    world.filing.file(GLOBEX, Batch([], [], {"project": rows(row)}))
    world.file([an_entry(1)])

    assert world.filing.row(ACME, "project", row.key) is None
    assert world.filing.progress(ACME).sequences == {0: 1}
    assert world.filing.progress(GLOBEX).sequences == {}
