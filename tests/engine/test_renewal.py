"""Views that changed are made again: their rows equal the fold of what was filed, whatever interrupts the work."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from demo.projects import projects
from demo.projects.project import ProjectCreated, ProjectId, ProjectRenamed
from osteon.adapters.memory.disk import MemoryDisk
from osteon.adapters.memory.filing import MemoryFiling
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.memory.shelf import Shelf
from osteon.adapters.memory.views import MemoryViews
from osteon.adapters.sqlite import Connections, Settings, SqliteFiling, SqliteViews
from osteon.adapters.system.disk import SystemDisk
from osteon.app.inprocess import Storage, in_process
from osteon.domain import READER, Browse, Module, Product, Row, View
from osteon.engine import DeclaredViews, FoldFailed, Projection, Renewed, tables
from osteon.messages import Entry, Recorded, wire_name
from osteon.model import MessageId, ScopeId, record_json, replace
from osteon.modules import PLATFORM
from osteon.ports.filing import Filing
from osteon.ports.views import Views
from tests.contracts.filed import ACME, EU, an_entry, entry_record, fail, identifier, keyring, run
from tests.engine.test_cascade import SMALL, ada

PARTS = 1500
"""Entries: more than a part of them has."""


class NamesRow(Row):
    """Every name that a project ever had."""

    project: ProjectId
    scope: ScopeId
    names: tuple[str, ...]


class ListNames(Browse[NamesRow]):
    """The projects of a scope with all their names."""


def begin(event: ProjectCreated) -> NamesRow:
    """A row for a new project."""
    return NamesRow(project=event.project, scope=event.scope, names=(event.name,))


def evolve(event: ProjectRenamed, row: NamesRow) -> NamesRow | None:
    """The row after another name; a project named 'Gone' has none."""
    return None if event.name == "Gone" else replace(row, names=(*row.names, event.name))


def other_view() -> View[Any, Any, Any]:
    """A view of the same name, whose rows have a field more and never go."""

    class NamesRow(Row):
        """Every name, and whether there were several."""

        project: ProjectId
        scope: ScopeId
        names: tuple[str, ...]
        renamed: bool = False

    class ListNames(Browse[NamesRow]):
        """The projects of a scope that were renamed, or not."""

        renamed: bool | None = None

    def begin(event: ProjectCreated) -> NamesRow:
        return NamesRow(project=event.project, scope=event.scope, names=(event.name,))

    def evolve(event: ProjectRenamed, row: NamesRow) -> NamesRow:
        return replace(row, names=(*row.names, event.name), renamed=True)

    return View(begin=begin, evolve=evolve, queries=[ListNames])


def evolve_badly(event: ProjectRenamed, row: NamesRow) -> NamesRow:
    """Fails."""
    raise LookupError(event.name)


def having(view: View[Any, Any, Any]) -> Product:
    """The demo with one view more."""
    module = Module("names", parts=[view], grants={READER: list(view.queries)})
    return Product("demo", [*PLATFORM, projects, module])


without = Product("demo", [*PLATFORM, projects])
with_names = having(View(begin=begin, evolve=evolve, queries=[ListNames]))
with_other = having(other_view())
broken = having(View(begin=begin, evolve=evolve_badly, queries=[ListNames]))


class Place:
    """Where a product's projection files, and what reads it."""

    def __init__(self, filing: Filing, views: Views, product: Product) -> None:
        self.filing = filing
        self.views = views
        self.projection = Projection(product, filing, keyring())

    def names(self) -> dict[str, list[str]]:
        """The names of every project that the view has, by project."""
        return run(self._names())

    async def _names(self) -> dict[str, list[str]]:
        found = [msgspec.json.decode(body) async for body in self.views.all(ACME, "names")]
        return {row["project"]: row["names"] for row in found}


Opening = Callable[[Product], Place]


@pytest.fixture(params=["memory", "sqlite"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Opens the same place for one product after the other."""
    shelf, opened = Shelf(), list[Place]()

    def in_files(product: Product) -> Place:
        disk, declared = SystemDisk(tmp_path), tables(product)
        connections = Connections(disk, str(tmp_path), keyring(), Settings(writable=True))
        views = SqliteViews(connections, declared, MemoryScheduler(fail))
        return Place(SqliteFiling(connections, declared), views, product)

    def open_place(product: Product) -> Place:
        memory = request.param == "memory"
        declared = tables(product)
        opened.append(
            Place(MemoryFiling(shelf, declared), MemoryViews(shelf), product) if memory else in_files(product)
        )
        return opened[-1]

    yield open_place
    for place in opened:
        place.filing.close()


def test_fills_a_new_view_from_all_that_was_filed(opening: Opening) -> None:
    expected = record(opening(without), PARTS)
    place = opening(with_names)
    told: list[Renewed] = []

    place.projection.renew(told.append)

    assert place.names() == expected
    assert all(each.tenant == ACME and each.views == ["names"] for each in told)
    assert [each.done for each in told] == [False] * (len(told) - 1) + [True]
    assert (told[-1].number, told[-1].of, told[-1].entries) == (1, 1, PARTS)


def test_makes_a_view_again_whose_fields_changed(opening: Opening) -> None:
    before = opening(with_names)
    expected = record(before, 50)
    assert before.names() == expected
    place = opening(with_other)

    place.projection.renew()

    # This one has a row for what is gone in the other.
    assert {project: names for project, names in place.names().items() if "Gone" not in names} == expected


def test_folds_on_behind_what_was_made_again(opening: Opening) -> None:
    record(opening(without), 50)
    place = opening(with_names)
    place.projection.renew()

    expected = record(place, 100, first=51)

    assert place.names() == expected


def test_has_nothing_to_do_a_second_time(opening: Opening) -> None:
    record(opening(without), 50)
    opening(with_names).projection.renew()
    told: list[Renewed] = []

    opening(with_names).projection.renew(told.append)

    assert told == []


def test_drops_what_is_gone_and_makes_it_again(opening: Opening) -> None:
    record(opening(with_names), 50)
    between = opening(without)
    between.projection.renew()
    assert between.filing.changed(ACME) == []
    expected = record(between, 100, first=51)
    place = opening(with_names)

    place.projection.renew()

    assert place.names() == expected


@pytest.mark.parametrize("after", [1, 2, 3])
def test_begins_again_after_an_interruption(opening: Opening, after: int) -> None:
    expected = record(opening(without), PARTS)
    heard: list[Renewed] = []

    def interrupt(renewed: Renewed) -> None:
        heard.append(renewed)
        if len(heard) == after:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        opening(with_names).projection.renew(interrupt)
    assert opening(without).filing.changed(ACME) == []
    place = opening(with_names)
    place.projection.renew()

    assert place.names() == expected


def test_names_the_entry_that_cannot_be_folded(opening: Opening) -> None:
    record(opening(without), 50)

    with pytest.raises(FoldFailed) as caught:
        opening(broken).projection.renew()

    assert (caught.value.tenant, caught.value.position.sequence) == (ACME, 8)
    assert "Folding 'ProjectRenamed' into the view 'names' failed at entry 8 in partition 0" in str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)


def test_names_the_entry_whose_event_cannot_be_read(opening: Opening) -> None:
    place = opening(Product("demo", PLATFORM))
    event = Recorded(id=MessageId(identifier(9)), type=wire_name(ProjectCreated), body=msgspec.Raw(b'{"scope": 1}'))
    file(place, [replace(an_entry(1), events=(event,))])

    with pytest.raises(FoldFailed, match="Reading the event 'project-created' failed at entry 1 in partition 0"):
        opening(with_names).projection.renew()


@pytest.mark.anyio
async def test_a_product_in_process_makes_views_again() -> None:
    storage = Storage()
    async with in_process(without, SMALL, storage=storage) as installation:
        acme = await ada(installation, "acme")
        await acme.command("create-project", name="Bridge")
    async with in_process(with_names, storage=storage) as installation:
        acme = await ada(installation, "acme")
        assert [row["names"] async for row in acme.browse("list-names")] == [["Bridge"]]


def test_tells_tables_apart_by_fields_and_events() -> None:
    class Fewer(Row):
        """A row with fewer fields."""

        project: ProjectId
        scope: ScopeId

    def begin_fewer(event: ProjectCreated) -> Fewer:
        return Fewer(project=event.project, scope=event.scope)

    def evolve_fewer(event: ProjectRenamed, row: Fewer) -> Fewer:
        return row

    made = [
        tables(having(View(begin=begin, evolve=evolve, queries=[ListNames])))[-1],
        tables(having(View(begin=begin_fewer, evolve=evolve_fewer)))[-1],
        tables(having(View(begin=begin_fewer)))[-1],
    ]

    assert len({each.content for each in made}) == len(made)


def test_remembers_for_which_views_rows_were_made() -> None:
    disk = MemoryDisk()
    before, after = (DeclaredViews(disk, tables(product)) for product in (without, with_names))
    assert not before.are_remembered()

    before.remember()
    assert before.are_remembered()
    assert not after.are_remembered()
    after.remember()
    assert not before.are_remembered()
    assert after.are_remembered()


def test_remembers_and_forgets_through_a_power_cut() -> None:
    disk = MemoryDisk()
    declared = DeclaredViews(disk, tables(without))
    declared.remember()
    disk.power_cut()
    assert declared.are_remembered()

    declared.forget()
    disk.power_cut()
    assert not declared.are_remembered()
    declared.forget()
    declared.remember()
    assert declared.are_remembered()


def record(place: Place, until: int, first: int = 1) -> dict[str, list[str]]:
    """Files entries up to a number, of seven projects in turn; the names that the view must show then."""
    file(place, [entry(each) for each in range(first, until + 1)])
    names: dict[str, list[str]] = {}
    for number in range(1, until + 1):
        event = happening(number)
        if isinstance(event, ProjectCreated):
            names[event.project] = [event.name]
        elif event.name == "Gone":
            names.pop(event.project, None)
        elif event.project in names:
            names[event.project].append(event.name)
    return names


def file(place: Place, entries: Sequence[Entry]) -> None:
    """Files entries as the drain does."""
    ring = keyring()
    place.projection.apply([(1, [entry_record(ring, each).stored for each in entries])])


def entry(number: int) -> Entry:
    """The entry of what happens at a number."""
    event = happening(number)
    recorded = Recorded(
        id=MessageId(identifier(number)), type=wire_name(type(event)), body=msgspec.Raw(record_json(event))
    )
    return replace(an_entry(number), events=(recorded,))


def happening(number: int) -> ProjectCreated | ProjectRenamed:
    """What happens: projects begin, are renamed, go, and begin anew."""
    project = ProjectId(identifier(100 + number % 7))
    if number <= 7 or number % 53 == 0:
        return ProjectCreated(project=project, scope=EU, name=f"Project {number}")
    name = "Gone" if number % 41 == 0 else f"Name {number}"
    return ProjectRenamed(project=project, name=name, previous="?")
