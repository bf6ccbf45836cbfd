"""What can be asked of a project, and what follows."""

from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from demo.projects.listing import ProjectRow, listing
from demo.projects.project import (
    ArchiveProject,
    CreateProject,
    MoveProject,
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectMoved,
    ProjectRenamed,
    ProjectRestored,
    RenameProject,
    RestoreProject,
    project,
)
from osteon.domain.testing import context, given, rows
from osteon.messages import Command, Event
from osteon.model import ScopeId, named

BRIDGE = ProjectId(named("", "bridge"))
EU, US = ScopeId(named("", "EU")), ScopeId(named("", "US"))
CREATED = ProjectCreated(project=BRIDGE, scope=EU, name="Bridge")
ARCHIVED, RESTORED = ProjectArchived(project=BRIDGE), ProjectRestored(project=BRIDGE)
MOVED = ProjectMoved(project=BRIDGE, scope=US, previous=EU)
RENAME, MOVE = RenameProject(project=BRIDGE, name="Tunnel"), MoveProject(project=BRIDGE, destination=US)
ARCHIVE, RESTORE = ArchiveProject(project=BRIDGE), RestoreProject(project=BRIDGE)
ASKED = [RENAME, MOVE, ARCHIVE, RESTORE]


def test_begins_in_the_scope_where_it_is_asked() -> None:
    create = CreateProject(project=BRIDGE, name="Bridge")
    given(project).when(create, context(scope=EU)).then(CREATED).answers(BRIDGE)


def test_takes_another_name_and_keeps_the_last() -> None:
    given(project, CREATED).when(RENAME).then(ProjectRenamed(project=BRIDGE, name="Tunnel", previous="Bridge"))


def test_moves_to_another_scope_for_good() -> None:
    given(project, CREATED).when(MOVE).then(MOVED)
    back = MoveProject(project=BRIDGE, destination=EU)
    given(project, CREATED, MOVED).when(back).then(ProjectMoved(project=BRIDGE, scope=EU, previous=US))


def test_is_archived_and_restored() -> None:
    given(project, CREATED).when(ARCHIVE).then(ARCHIVED)
    given(project, CREATED, ARCHIVED).when(RESTORE).then(RESTORED)


@pytest.mark.parametrize("command", [RENAME, MOVE])
def test_stays_as_it_is_while_archived(command: RenameProject | MoveProject) -> None:
    given(project, CREATED, ARCHIVED).when(command).rejects("projects.archived")
    assert given(project, CREATED, ARCHIVED, RESTORED).when(command).events


@pytest.mark.parametrize(
    ("command", "events"),
    [
        (RenameProject(project=BRIDGE, name="Bridge"), [CREATED]),
        (MoveProject(project=BRIDGE, destination=EU), [CREATED]),
        (RESTORE, [CREATED]),
        (ARCHIVE, [CREATED, ARCHIVED]),
    ],
)
def test_changes_nothing_where_it_is_so_already(command: Any, events: list[Event]) -> None:
    given(project, *events).when(command).changes_nothing()


@drawn(st.lists(st.sampled_from(ASKED), max_size=12))
def test_asking_twice_is_asking_once(commands: list[Any]) -> None:
    happened: list[Event] = [CREATED]
    for command in commands:
        first = given(project, *happened).when(command)
        again = given(project, *happened, *first.events).when(command)
        assert again.events == ()
        assert type(again.decision) is type(first.decision)
        happened += first.events


@drawn(st.lists(st.sampled_from(ASKED), max_size=12))
def test_shows_what_is_remembered(commands: list[Command[None]]) -> None:
    happened: list[Event] = [CREATED]
    asked: list[Any] = [*commands]
    for command in asked:
        happened += given(project, *happened).when(command).events
    (row,) = rows(listing, *happened)
    state = given(project, *happened).when(ARCHIVE).state
    assert state is not None
    assert (row.project, row.scope, row.name) == (state.project, state.scope, state.name)


def test_lists_projects_as_they_stand() -> None:
    tunnel = ProjectCreated(project=ProjectId(named("", "tunnel")), scope=US, name="Tunnel")
    assert rows(listing, CREATED, tunnel, ARCHIVED, MOVED) == [
        ProjectRow(project=BRIDGE, scope=US, name="Bridge", archived=True),
        ProjectRow(project=tunnel.project, scope=US, name="Tunnel"),
    ]
