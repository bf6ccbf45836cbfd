"""The contract of Views, on a shelf in memory and on SQLite."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from osteon.model import Identifier, Refused, ScopeId
from osteon.ports.filing import RowChange
from osteon.ports.views import Selection
from tests.contracts.filed import (
    ACME,
    ANN,
    BOB,
    EU,
    FRANCE,
    GLOBEX,
    ROOT,
    US,
    World,
    a_project,
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


def test_finds_nothing_in_a_new_tenant(world: World) -> None:
    assert run(world.views.find(ACME, projects(key=identifier(1)))) is None
    assert run(world.views.browse(ACME, projects(), 10, None)) == ([], None)
    assert run(everything(world, "project")) == []


def test_finds_a_row_by_its_key(world: World) -> None:
    row = a_project(1)
    world.file(project=rows(row, a_project(2)))

    assert run(world.views.find(ACME, projects(key=row.key))) == row.body
    assert run(world.views.find(ACME, projects(key=identifier(3)))) is None
    assert run(world.views.find(GLOBEX, projects(key=row.key))) is None


def test_finds_a_row_within_the_scopes_only(world: World) -> None:
    row = a_project(1, FRANCE)
    world.file(project=rows(row))

    assert run(world.views.find(ACME, projects([EU, FRANCE], key=row.key))) == row.body
    assert run(world.views.find(ACME, projects([US], key=row.key))) is None
    assert run(world.views.find(ACME, projects([], key=row.key))) is None


def test_finds_a_row_by_other_columns(world: World) -> None:
    row = a_project(2, owner=BOB, archived=True)
    world.file(project=rows(a_project(1), row, a_project(3, owner=BOB)))

    assert run(world.views.find(ACME, projects(owner=BOB, archived=True))) == row.body
    assert run(world.views.find(ACME, projects(key=row.key, owner=BOB))) == row.body
    assert run(world.views.find(ACME, projects(key=row.key, owner=ANN))) is None
    assert run(world.views.find(ACME, projects([US], owner=BOB))) is None


def test_finds_the_first_of_several_rows(world: World) -> None:
    first = a_project(5, owner=BOB, order=1)
    world.file(project=rows(a_project(1, owner=BOB, order=2), first))

    assert run(world.views.find(ACME, projects(owner=BOB))) == first.body


def test_finds_rows_of_a_view_without_scopes(world: World) -> None:
    row = RowChange(ANN, ROOT, 1, {"email": "ann@acme.test"}, b'{"name":"Ann"}')
    world.file(account={row.key: row})

    selection = Selection("account", None, {"email": "ann@acme.test"}, {})
    assert run(world.views.find(ACME, selection)) == row.body
    assert run(world.views.browse(ACME, selection._replace(scopes=[ROOT]), 10, None)) == ([row.body], None)
    assert run(world.views.browse(ACME, selection._replace(scopes=[EU, US]), 10, None)) == ([], None)


def test_browses_by_order_and_then_by_key(world: World) -> None:
    last, first, second = a_project(1, order=9), a_project(3, order=4), a_project(4, order=4)
    world.file(project=rows(last, second, first))

    assert run(world.views.browse(ACME, projects(), 10, None)) == ([first.body, second.body, last.body], None)


SCOPES = [ROOT, EU, FRANCE, US, *(ScopeId(Identifier(identifier(900 + each))) for each in range(96))]


@pytest.mark.parametrize(
    "scopes",
    [None, [], [EU], [EU, FRANCE], SCOPES[:64], SCOPES[:65], SCOPES],
    ids=["all", "none", "one", "two", "64", "65", "100"],
)
@pytest.mark.parametrize("equal", [{}, {"archived": False}, {"owner": BOB}, {"scope": EU}], ids=str)
@pytest.mark.parametrize("contains", [{}, {"name": "T 1"}], ids=str)
def test_browses_in_parts_what_matches(
    world: World, scopes: Sequence[ScopeId] | None, equal: Mapping[str, Any], contains: Mapping[str, str]
) -> None:
    changes = [
        a_project(number, SCOPES[number % 7 if number % 2 else number % 100], archived=number % 3 == 0, owner=owner)
        for number in range(200)
        for owner in [BOB if number % 5 else ANN]
    ]
    world.file(project=rows(*changes[::2]))
    world.file(project=rows(*changes[1::2]))
    selection = Selection("project", scopes, equal, contains)

    assert run(in_parts(world, selection, 7)) == [row.body for row in changes if matches(row, selection)]


def test_gives_a_cursor_only_when_more_follows(world: World) -> None:
    world.file(project=rows(*(a_project(number) for number in range(4))))

    assert run(world.views.browse(ACME, projects(), 4, None)).next is None
    assert run(world.views.browse(ACME, projects(), 3, None)).next is not None


def test_keeps_a_cursor_good_while_rows_come_and_go(world: World) -> None:
    world.file(project=rows(*(a_project(number) for number in (10, 20, 30, 40))))
    cursor = run(world.views.browse(ACME, projects(), 2, None)).next
    world.file(project={**rows(a_project(5), a_project(25)), identifier(20): None})

    rest = run(world.views.browse(ACME, projects(), 10, cursor)).bodies

    assert rest == [a_project(number).body for number in (25, 30, 40)]


def test_refuses_a_cursor_not_given_out(world: World) -> None:
    world.file(
        project=rows(a_project(1), a_project(2)),
        account={
            each: RowChange(each, ROOT, order, {"email": str(order)}, b"{}") for order, each in enumerate((ANN, BOB))
        },
    )
    foreign = run(world.views.browse(ACME, Selection("account", None, {}, {}), 1, None)).next
    assert foreign is not None

    for cursor in ("", "x", "é", "AAAA", "cHJvamVjdA", foreign, foreign + "=", "/" * 40, "00" * 9):
        with pytest.raises(Refused) as caught:
            run(world.views.browse(ACME, projects(), 10, cursor))
        assert caught.value.problem.key == "invalid-cursor"


@pytest.mark.parametrize(
    ("name", "part", "found"),
    [
        ("Straße nach Süden", "SÜD", True),
        ("Straße nach Süden", "STRASSE", True),
        ("ΟΔΥΣΣΕΥΣ", "σσευ", True),
        ("Привет", "ПРИВ", True),
        ("100 % done_", "0 % D", True),
        ("100 percent", "0 % p", False),
        ("under_score", "r_s", True),
        ("underscore", "r_s", False),
        ("anything", "", True),
        ("O'Brien", "o'b", True),
        (None, "none", False),
    ],
)
def test_searches_texts_in_any_script(world: World, name: str | None, part: str, found: bool) -> None:
    row = a_project(1, name=name)
    world.file(project=rows(row, a_project(2, name="§§")))

    bodies = run(world.views.browse(ACME, Selection("project", None, {}, {"name": part}), 1, None)).bodies

    assert (bodies == [row.body]) is found


def test_searches_the_name_as_it_is_now(world: World) -> None:
    world.file(project=rows(a_project(1, name="before")))
    world.file(project=rows(a_project(1, US, name="after")))

    assert run(world.views.browse(ACME, Selection("project", None, {}, {"name": "BEFORE"}), 9, None)).bodies == []
    assert len(run(world.views.browse(ACME, Selection("project", [US], {}, {"name": "AFTER"}), 9, None)).bodies) == 1


def test_browses_a_moved_row_where_it_is(world: World) -> None:
    world.file(project=rows(a_project(1, EU, owner=ANN), a_project(2, EU)))
    world.file(project=rows(a_project(1, US, owner=BOB)))

    assert run(world.views.browse(ACME, projects([EU]), 10, None)).bodies == [a_project(2).body]
    assert run(world.views.browse(ACME, projects([US]), 10, None)).bodies == [a_project(1).body]
    assert run(world.views.browse(ACME, projects(owner=BOB), 10, None)).bodies == [a_project(1).body]


def test_gives_out_every_row(world: World) -> None:
    changes = [a_project(number) for number in range(1, 2_101)]
    world.file(project=rows(*changes))

    assert run(everything(world, "project")) == [row.body for row in changes]


def projects(scopes: Sequence[ScopeId] | None = None, **equal: Any) -> Selection:
    """Projects of some scopes whose columns are equal to something."""
    return Selection("project", scopes, equal, {})


def matches(row: RowChange, selection: Selection) -> bool:
    """What a selection means, said once more."""
    fields = {**row.columns, "scope": row.scope}
    within = selection.scopes is None or row.scope in selection.scopes
    equal = all(fields[name] == value for name, value in selection.equal.items())
    return within and equal and all(part.lower() in fields[name].lower() for name, part in selection.contains.items())


async def in_parts(world: World, selection: Selection, limit: int) -> list[bytes]:
    """Every part of a list, one after another."""
    part = await world.views.browse(ACME, selection, limit, None)
    found = list(part.bodies)
    while part.next is not None:
        assert len(part.bodies) == limit
        part = await world.views.browse(ACME, selection, limit, part.next)
        found += part.bodies
    return found


async def everything(world: World, view: str) -> list[bytes]:
    """Every row of a view."""
    return [body async for body in world.views.all(ACME, view)]
