"""Views that changed are made again, those that fail stop alone: rows equal the fold of what was filed, whatever happens."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, cast

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
from osteon.engine import DeclaredViews, FoldFailed, Projection, projection, tables
from osteon.messages import ENTRY, Entry, Position, Recorded, wire_name
from osteon.model import MessageId, ScopeId, TenantId, record_json, replace
from osteon.modules import PLATFORM
from osteon.ports.filing import Filing
from osteon.ports.views import Standing, Stop, Views
from tests.contracts.filed import ACME, EU, GLOBEX, an_entry, fail, identifier, keyring, run, sealed
from tests.engine.test_cascade import SMALL, ada

PARTS = 5000
"""Entries: more than two steps fold."""


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


def evolve_to_something(event: ProjectRenamed, row: NamesRow) -> NamesRow:
    """Makes a row that cannot be written."""
    return replace(row, names=cast("tuple[str, ...]", (object(),)))


class Kept:
    """An index."""

    def put(self, row: NamesRow) -> None:
        """Forgets the row."""

    def drop(self, row: NamesRow) -> None:
        """Has it forgotten."""


def having(view: View[Any, Any, Any]) -> Product:
    """The demo with one view more."""
    module = Module("names", parts=[view], grants={READER: list(view.queries)})
    return Product("demo", [*PLATFORM, projects, module])


without = Product("demo", [*PLATFORM, projects])
with_names = having(View(begin=begin, evolve=evolve, queries=[ListNames]))
with_other = having(other_view())
broken = having(View(begin=begin, evolve=evolve_badly, queries=[ListNames]))
unwritten = having(View(begin=begin, evolve=evolve_to_something, queries=[ListNames]))
revised = having(View(begin=begin, evolve=evolve, queries=[ListNames], revision=2))
deciding = having(View(begin=begin, evolve=evolve, queries=[ListNames], index=Kept))
deciding_badly = having(View(begin=begin, evolve=evolve_badly, queries=[ListNames], index=Kept))


class Place:
    """Where a product's projection files, and what reads it."""

    def __init__(self, filing: Filing, views: Views, product: Product) -> None:
        self.filing = filing
        self.views = views
        self.told: list[Standing] = []
        self.fell = 0
        self.patience = 1_000
        self.projection = Projection(
            product, filing, keyring(), told=self.hear, falling_behind=self.fall, monotonic=count().__next__
        )

    def hear(self, standing: Standing) -> None:
        """Hears where a view stands, until its patience is over."""
        self.told.append(standing)
        if len(self.told) == self.patience:
            raise InterruptedError

    def fall(self) -> None:
        """Hears that a view is about to be behind."""
        self.fell += 1

    @property
    def standing(self) -> Standing | None:
        """Where the view stands."""
        return self.projection.standing(ACME, "names")

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

    place.projection.renew()

    assert place.names() == expected
    assert [each.made for each in place.told] == [0, 2000, 4000, None]
    assert {(each.tenant, each.view, each.entries) for each in place.told} == {(ACME, "names", PARTS)}
    assert [each.state for each in place.told] == ["rebuilding"] * 3 + ["following"]
    assert place.projection.is_whole


def test_reads_rows_again_that_it_does_not_know_any_more(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "PART", 10)
    monkeypatch.setattr(projection, "KNOWN", 3)
    expected = record(opening(without), 300)
    place = opening(with_names)

    place.projection.renew()

    assert place.names() == expected


def test_tells_how_long_the_rest_takes(opening: Opening) -> None:
    record(opening(without), PARTS)
    place = opening(with_names)

    place.projection.renew()

    # A clock that moves by a second with each look: the first step only begins the measure.
    assert [each.rate for each in place.told[:3]] == [0.0, 0.0, 2000.0]
    assert [each.seconds_left for each in place.told[:3]] == [None, None, 0.5]
    assert [each.percent for each in place.told] == [0, 40, 80, 100]


def test_makes_a_view_again_whose_fields_changed(opening: Opening) -> None:
    before = opening(with_names)
    expected = record(before, 50)
    assert before.names() == expected
    place = opening(with_other)

    place.projection.renew()

    # This one has a row for what is gone in the other.
    assert {project: names for project, names in place.names().items() if "Gone" not in names} == expected


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_makes_a_revised_view_beside_what_goes_on(opening: Opening, steps: int) -> None:
    old = record(opening(with_names), PARTS)
    place = opening(revised)
    place.projection.revise()
    for _ in range(steps):
        assert place.projection.step()

    expected = record(place, PARTS + 60, first=PARTS + 1)
    standing = place.standing
    assert standing is not None
    assert (standing.place, standing.fits, standing.state) == (PARTS, True, "rebuilding")
    assert place.names() == old
    while place.projection.step():
        pass

    assert place.names() == expected
    assert place.standing is None
    assert record(place, PARTS + 90, first=PARTS + 61) == place.names()


def test_folds_on_behind_what_was_made_again(opening: Opening) -> None:
    record(opening(without), 50)
    place = opening(with_names)
    place.projection.renew()

    expected = record(place, 100, first=51)

    assert place.names() == expected


def test_has_nothing_to_do_a_second_time(opening: Opening) -> None:
    record(opening(without), 50)
    opening(with_names).projection.renew()
    place = opening(with_names)

    place.projection.renew()

    assert place.told == []


def test_drops_what_is_gone_and_makes_it_again(opening: Opening) -> None:
    record(opening(with_names), 50)
    between = opening(without)
    between.projection.renew()
    assert between.told == []
    expected = record(between, 100, first=51)
    place = opening(with_names)

    place.projection.renew()

    assert place.names() == expected


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_goes_on_after_an_interruption(opening: Opening, after: int) -> None:
    expected = record(opening(without), PARTS)
    first = opening(with_names)
    first.patience = after
    with pytest.raises(InterruptedError):
        first.projection.renew()
    place = opening(with_names)
    place.projection.renew()

    assert place.names() == expected
    folded = [each.reached for each in place.told]
    assert min(folded, default=PARTS) == first.told[-1].reached


@pytest.mark.parametrize("product", [broken, unwritten], ids=["raises", "unwritten"])
def test_stops_a_view_alone_that_fails(opening: Opening, product: Product) -> None:
    place = opening(product)
    place.projection.revise()

    record(place, 50)

    # The first seven begin, the eighth is the first that is renamed.
    standing = place.standing
    assert standing is not None
    assert (standing.state, standing.place, standing.entries) == ("stopped", 7, 50)
    assert standing.stop is not None
    assert (standing.stop.position, standing.stop.event) == (Position(0, 8), "project-renamed")
    assert place.names() == expected_names(7)
    assert place.fell == 1
    others = [msgspec.json.decode(body) for body in run(listed(place, "project"))]
    assert {row["name"] for row in others} == {f"Name {number}" for number in range(44, 51)}
    assert place.filing.progress(ACME).sequences == {0: 50}


def test_tells_what_was_raised_but_no_values(opening: Opening) -> None:
    place = opening(broken)
    record(place, 8)

    assert place.standing is not None
    stop = place.standing.stop
    assert stop is not None
    assert stop.reason.startswith("LookupError in 'evolve_badly', test_renewal.py line ")
    assert "Name 8" not in str(stop)


def test_leaves_the_view_of_another_tenant_alone(opening: Opening) -> None:
    place = opening(broken)
    file(place, [entry(each) for each in range(1, 8)], GLOBEX)
    record(place, 20)
    # What is renamed there has no row yet.
    file(place, [entry(8, project=900)], GLOBEX)

    assert place.standing is not None
    assert place.projection.standing(GLOBEX, "names") is None
    assert place.filing.progress(GLOBEX).sequences == {0: 8}


def test_keeps_nothing_of_an_entry_that_fails_halfway(opening: Opening) -> None:
    place = opening(broken)
    made, named = entry(1).events, entry(8).events

    file(place, [replace(entry(1), events=(*made, *named)), entry(2)])

    assert place.names() == {}
    standing = place.standing
    assert standing is not None
    assert standing.place == 0


def test_goes_on_where_it_stopped_once_mended(opening: Opening) -> None:
    record(opening(broken), 50)
    mended = opening(with_names)

    mended.projection.revise()
    assert mended.standing is not None
    assert mended.standing.state == "stopped"
    while mended.projection.step():
        pass

    expected = record(mended, 80, first=51)
    assert mended.names() == expected
    assert [each.reached for each in mended.told] == [7, 50]


def test_stops_again_while_it_is_not_mended(opening: Opening) -> None:
    record(opening(broken), 50)
    place = opening(broken)

    place.projection.renew()

    assert place.standing is not None
    assert (place.standing.state, place.standing.place) == ("stopped", 7)
    assert not place.projection.step()


def test_stops_while_rows_are_made_and_goes_on_when_asked(opening: Opening) -> None:
    expected = record(opening(without), 50)
    place = opening(broken)
    place.projection.renew()
    assert place.standing is not None
    assert (place.standing.state, place.standing.made, place.standing.fits) == ("stopped", 7, False)

    assert place.projection.start("names") == 1
    states = [place.standing.state]
    assert not place.projection.step()
    assert [*states, place.standing.state] == ["rebuilding", "stopped"]

    mended = opening(with_names)
    mended.projection.renew()
    assert mended.names() == expected


def test_makes_rows_again_when_asked(opening: Opening) -> None:
    place = opening(with_names)
    record(place, 50)

    assert place.projection.rebuild("names", GLOBEX) == 0
    assert place.projection.rebuild("names") == 1
    assert place.fell == 2
    assert place.standing is not None
    assert (place.standing.state, place.standing.place) == ("rebuilding", None)
    expected = record(place, 80, first=51)
    assert place.names() == expected
    while place.projection.step():
        pass

    assert place.names() == expected
    assert place.projection.is_whole


def test_gives_rows_up_that_are_made_when_the_view_stops(opening: Opening) -> None:
    place = opening(broken)
    record(place, 7)
    place.projection.rebuild("names")

    record(place, 20, first=8)

    assert place.standing is not None
    assert (place.standing.state, place.standing.made) == ("stopped", None)
    mended = opening(with_names)
    mended.projection.renew()
    assert mended.names() == expected_names(20)


def test_has_views_that_decide_whole_before_anything(opening: Opening) -> None:
    record(opening(without), PARTS)
    place = opening(deciding)

    place.projection.revise()

    assert place.projection.is_whole
    assert place.names() == expected_names(PARTS)
    assert place.projection.rebuild("names") == 0


def test_ends_with_the_entry_that_a_view_which_decides_cannot_take(opening: Opening) -> None:
    record(opening(without), 50)

    with pytest.raises(FoldFailed) as caught:
        opening(deciding_badly).projection.revise()

    assert (caught.value.tenant, caught.value.position.sequence) == (ACME, 8)
    assert "Folding 'ProjectRenamed' into the view 'names' failed at entry 8 in partition 0" in str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)


def test_files_nothing_that_a_view_which_decides_cannot_take(opening: Opening) -> None:
    place = opening(deciding_badly)
    record(place, 7)

    with pytest.raises(FoldFailed):
        record(place, 50, first=8)

    assert place.filing.progress(ACME).sequences == {0: 7}
    assert place.fell == 0


def test_stops_every_view_whose_event_cannot_be_read(opening: Opening) -> None:
    place = opening(with_names)
    event = Recorded(id=MessageId(identifier(9)), type=wire_name(ProjectCreated), body=msgspec.Raw(b'{"scope": 1}'))

    file(place, [entry(1), replace(an_entry(2), events=(event,)), entry(3)])

    stops = {each.view: each.stop for each in place.told}
    assert {"names", "project"} <= set(stops)
    assert {stop.event for stop in stops.values() if isinstance(stop, Stop)} == {"project-created"}
    assert list(place.names().values()) == [["Project 1"]]


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

    assert len({(each.row, each.folded) for each in made}) == len(made)
    assert tables(revised)[-1]._replace(folded="") == made[0]._replace(folded="")
    assert tables(revised)[-1] != made[0]


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
    return expected_names(until)


def expected_names(until: int) -> dict[str, list[str]]:
    """The names that the view must show when entries up to a number are filed."""
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


async def listed(place: Place, view: str) -> list[bytes]:
    """Every row of a view."""
    return [body async for body in place.views.all(ACME, view)]


def file(place: Place, entries: Sequence[Entry], tenant: TenantId = ACME) -> None:
    """Files entries as the drain does."""
    ring = keyring()
    place.projection.apply([(1, [sealed(ring, ENTRY, each.position, record_json(each), tenant) for each in entries])])


def entry(number: int, project: int = 0) -> Entry:
    """The entry of what happens at a number."""
    event = happening(number)
    if project:
        event = replace(event, project=ProjectId(identifier(project)))
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
