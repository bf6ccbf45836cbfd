"""The kit for testing a module's functions: what it lets pass, and what it says where it does not."""

import doctest
from typing import Any

import pytest

from demo.projects.listing import ProjectRow, listing
from demo.projects.project import (
    CreateProject,
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectRenamed,
    ProjectRestored,
    RenameProject,
    project,
)
from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, Row, View, accept, reject, testing
from osteon.domain.testing import ROOT, Unmet, context, given, rows
from osteon.messages import Command, Event
from osteon.model import Leak, Personal, ScopeId, Secret, Value, named

BRIDGE = ProjectId(named("", "bridge"))
EU = ScopeId(named("", "EU"))
CREATED = ProjectCreated(project=BRIDGE, scope=EU, name="Bridge")
RENAME = RenameProject(project=BRIDGE, name="Tunnel")
RENAMED = ProjectRenamed(project=BRIDGE, name="Tunnel", previous="Bridge")


def test_the_example_of_the_documentation_runs() -> None:
    result = doctest.testmod(testing)
    assert result.failed == 0
    assert result.attempted > 20


def test_asks_where_the_entity_lives() -> None:
    given(project, CREATED).when(RENAME).then(RENAMED)
    given(project, CREATED).when(RENAME, context(scope=EU)).then(RENAMED)


def test_keeps_the_state_that_results() -> None:
    outcome = given(project, CREATED).when(RENAME).then(RENAMED)
    assert outcome.state is not None
    assert outcome.state.name == "Tunnel"
    assert outcome.events == (RENAMED,)


def test_shows_events_that_differ_by_line() -> None:
    other = ProjectRenamed(project=BRIDGE, name="Tunnel", previous="Bridges")
    with pytest.raises(Unmet) as caught:
        given(project, CREATED).when(RENAME).then(other)
    assert str(caught.value).splitlines()[0] == "'RenameProject' led to other events than expected:"
    assert [line for line in str(caught.value).splitlines() if line[0] in "+-"] == [
        "-     previous = 'Bridges'",
        "+     previous = 'Bridge'",
    ]


def test_shows_that_masked_values_differ() -> None:
    with pytest.raises(Unmet, match=r"(?s)- .*Personal\(… no. 1\).*\+ .*Personal\(… no. 2\)") as caught:
        given(guest).when(Greet(guest="g", name=Personal("Ada"))).then(Greeted(guest="g", name=Personal("Eve")))
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize("expected", [(), (RENAMED, RENAMED), (ProjectArchived(project=BRIDGE),)])
def test_refuses_other_events_than_happened(expected: tuple[Any, ...]) -> None:
    with pytest.raises(Unmet, match="other events"):
        given(project, CREATED).when(RENAME).then(*expected)


def test_refuses_a_change_where_none_is_expected() -> None:
    given(project, CREATED, RENAMED).when(RENAME).changes_nothing()
    with pytest.raises(Unmet, match="ProjectRenamed"):
        given(project, CREATED).when(RENAME).changes_nothing()


def test_refuses_another_answer_than_expected() -> None:
    with pytest.raises(Unmet, match="answered otherwise"):
        given(project).when(CreateProject(project=BRIDGE, name="Bridge"), context(scope=EU)).answers("another")


def test_tells_a_rejection_from_an_acceptance() -> None:
    archived = given(project, CREATED, ProjectArchived(project=BRIDGE))
    archived.when(RENAME).rejects("projects.archived")
    with pytest.raises(Unmet, match=r"was rejected as 'projects.archived'"):
        archived.when(RENAME).then(RENAMED)
    with pytest.raises(Unmet, match=r"to be rejected as 'projects.full', but was rejected as 'projects.archived'"):
        archived.when(RENAME).rejects("projects.full")
    with pytest.raises(Unmet, match=r"(?s)was accepted; what happened:.*ProjectRenamed"):
        given(project, CREATED).when(RENAME).rejects("projects.archived")


def test_compares_parameters_where_they_are_given() -> None:
    outcome = given(guest).when(Greet(guest="g", name=Personal("")))
    outcome.rejects("guests.nameless").rejects("guests.nameless", least=1)
    with pytest.raises(Unmet, match="other parameters"):
        outcome.rejects("guests.nameless", least=2)


def test_refuses_what_the_engine_never_asks() -> None:
    create = CreateProject(project=BRIDGE, name="Bridge")
    with pytest.raises(Unmet, match="'already-exists'"):
        given(project, CREATED).when(create)
    with pytest.raises(Unmet, match="'not-found' before any rule"):
        given(project).when(RENAME)
    with pytest.raises(Unmet, match=f"'not-found' in the scope '{ROOT}'"):
        given(project, CREATED).when(RENAME, context())
    with pytest.raises(Unmet, match="for the project"):
        given(project, CREATED).when(RenameProject(project=ProjectId(named("", "tunnel")), name="Tunnel"))
    asked: Any = Greet(guest="g", name=Personal("Ada"))
    with pytest.raises(Unmet, match="its commands are 'CreateProject'"):
        given(project, CREATED).when(asked)


def test_refuses_events_that_cannot_have_happened() -> None:
    with pytest.raises(Unmet, match="'ProjectRenamed' does not happen to a 'project' first"):
        given(project, RENAMED)
    with pytest.raises(Unmet, match="'ProjectCreated' does not happen to a 'project' later"):
        given(project, CREATED, CREATED)


def test_refuses_a_decision_that_changes() -> None:
    moods = iter((accept(), reject("guests.tired")))

    def create(command: Greet, context: InvocationContext) -> Decision:  # it decides by its mood
        return next(moods)

    fickle = Decider("guest", create=create, begin=begin)
    with pytest.raises(Unmet, match="not decided the same twice"):
        given(fickle).when(Greet(guest="g", name=Personal("Ada")))


def test_refuses_secrets_in_recorded_commands() -> None:
    with pytest.raises(Leak):
        given(safe).when(OpenSafe(safe="s", code=Secret("1234")))


def test_folds_a_view_as_the_drain_does() -> None:
    archived, restored = ProjectArchived(project=BRIDGE), ProjectRestored(project=BRIDGE)
    tunnel = ProjectCreated(project=ProjectId(named("", "tunnel")), scope=ROOT, name="Tunnel")
    assert rows(listing, CREATED, tunnel, archived, RENAMED) == [
        ProjectRow(project=BRIDGE, scope=EU, name="Tunnel", archived=True),
        ProjectRow(project=tunnel.project, scope=ROOT, name="Tunnel"),
    ]
    assert rows(listing, archived, restored) == []


def test_drops_the_rows_that_a_view_drops() -> None:
    assert len(rows(guests, Greeted(guest="g", name=Personal("Ada")))) == 1
    assert rows(guests, Greeted(guest="g", name=Personal("Ada")), GuestLeft(guest="g")) == []


def test_refuses_events_that_a_view_ignores() -> None:
    event: Any = Greeted(guest="g", name=Personal("Ada"))
    with pytest.raises(Unmet, match="The view 'project' does not follow 'Greeted'"):
        rows(listing, event)


def test_a_context_has_what_is_asked_for() -> None:
    assert context(scope=EU).scope.path == (ROOT, EU)
    assert context(scope=(EU, ROOT)).scope.path == (EU, ROOT)
    assert context().scope.path == (ROOT,)
    assert context(account=None).account is None


class Greet(Command[None]):
    """Greet a guest."""

    guest: str
    name: Personal[str]


class Greeted(Event):
    """A guest was greeted."""

    guest: str
    name: Personal[str]


class GuestLeft(Event):
    """A guest left."""

    guest: str


class OpenSafe(Command[None]):
    """Open a safe."""

    safe: str
    code: Secret[str]


class SafeOpened(Event):
    """A safe was opened."""

    safe: str


class Guest(Value):
    """A guest."""

    guest: str


class GuestRow(Row):
    """A guest in a list."""

    guest: str
    name: Personal[str]


def create(command: Greet, context: InvocationContext) -> Decision:
    """Greets whoever has a name."""
    if not command.name.reveal():
        return reject("guests.nameless", least=1)
    return accept(Greeted(guest=command.guest, name=command.name))


def begin(event: Greeted) -> Guest:
    """A guest as greeted."""
    return Guest(guest=event.guest)


def begin_row(event: Greeted) -> GuestRow:
    """A guest's row."""
    return GuestRow(guest=event.guest, name=event.name)


def evolve_row(event: GuestLeft, row: GuestRow) -> None:
    """Who left has no row."""


def open_safe(command: OpenSafe, context: InvocationContext) -> Decision:
    """Opens whatever the code is."""
    return accept(SafeOpened(safe=command.safe))


def begin_safe(event: SafeOpened) -> Guest:
    """A safe as it is opened."""
    return Guest(guest=event.safe)


guest = Decider("guest", create=create, begin=begin)
guests = View(begin=begin_row, evolve=evolve_row)
safe = Decider("safe", create=open_safe, begin=begin_safe)
