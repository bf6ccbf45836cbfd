"""A project: created in a scope, renamed, archived and restored, moved to another scope."""

from datetime import datetime
from typing import Annotated, NewType

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import Identifier, ScopeId, Value, replace

__all__ = [
    "ArchiveProject",
    "CreateProject",
    "GiveUpProject",
    "MoveProject",
    "Project",
    "ProjectArchived",
    "ProjectCreated",
    "ProjectId",
    "ProjectMoved",
    "ProjectNeglected",
    "ProjectRenamed",
    "ProjectRestored",
    "RemindOfProject",
    "RenameProject",
    "RestoreProject",
    "project",
]

ProjectId = NewType("ProjectId", Identifier)
ProjectName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class CreateProject(Command[ProjectId]):
    """Create a project in a scope."""

    project: ProjectId
    name: ProjectName


class RenameProject(Command[None]):
    """Give a project another name."""

    project: ProjectId
    name: ProjectName


class ArchiveProject(Command[None]):
    """Put a project away; nothing of it is lost."""

    project: ProjectId


class RestoreProject(Command[None]):
    """Bring an archived project back."""

    project: ProjectId


class GiveUpProject(Command[None], internal=True):
    """Put a project away because it cannot have its name."""

    project: ProjectId
    reason: str


class RemindOfProject(Command[None], internal=True):
    """Say that nothing was done with a project for long."""

    project: ProjectId
    since: datetime


class MoveProject(Command[None], also_in="destination"):
    """Move a project to another scope."""

    project: ProjectId
    destination: ScopeId


class ProjectCreated(Event):
    """A project exists."""

    project: ProjectId
    scope: ScopeId
    name: str


class ProjectRenamed(Event):
    """A project has another name."""

    project: ProjectId
    name: str
    previous: str


class ProjectArchived(Event):
    """A project is put away; `reason` is the key of a problem when nobody wanted that."""

    project: ProjectId
    reason: str | None = None


class ProjectRestored(Event):
    """A project is back."""

    project: ProjectId


class ProjectMoved(Event):
    """A project lives in another scope."""

    project: ProjectId
    scope: ScopeId
    previous: ScopeId


class ProjectNeglected(Event):
    """Nothing was done with a project for long."""

    project: ProjectId
    since: datetime


class Project(Value):
    """What is remembered of a project."""

    project: ProjectId
    scope: ScopeId
    name: str
    archived: bool = False


def create(command: CreateProject, context: InvocationContext) -> Decision:
    """A project begins in the scope in which it is asked for."""
    created = ProjectCreated(project=command.project, scope=context.scope.id, name=command.name)
    return accept(created, answer=command.project)


def decide(
    command: RenameProject | ArchiveProject | RestoreProject | GiveUpProject | MoveProject | RemindOfProject,
    project: Project,
    context: InvocationContext,
) -> Decision:
    """What is archived cannot be renamed or moved until it is restored; asking for what is so already changes nothing."""
    if project.archived:
        return _decide_archived(command, project)
    match command:
        case RestoreProject():
            return accept()
        case ArchiveProject():
            return accept(ProjectArchived(project=project.project))
        case GiveUpProject(reason=reason):
            return accept(ProjectArchived(project=project.project, reason=reason))
        case RemindOfProject(since=since):
            return accept(ProjectNeglected(project=project.project, since=since))
        case RenameProject(name=name) if name == project.name:
            return accept()
        case RenameProject(name=name):
            return accept(ProjectRenamed(project=project.project, name=name, previous=project.name))
        case MoveProject(destination=destination) if destination == project.scope:
            return accept()
        case MoveProject(destination=destination):
            return accept(ProjectMoved(project=project.project, scope=destination, previous=project.scope))


def _decide_archived(command: Command[None], project: Project) -> Decision:
    match command:
        case RestoreProject():
            return accept(ProjectRestored(project=project.project))
        case RenameProject() | MoveProject():
            return reject("projects.archived")
        case _:
            return accept()


def begin(event: ProjectCreated) -> Project:
    """A project as it starts."""
    return Project(project=event.project, scope=event.scope, name=event.name)


def evolve(
    event: ProjectRenamed | ProjectArchived | ProjectRestored | ProjectMoved | ProjectNeglected, project: Project
) -> Project:
    """A project after one more event."""
    match event:
        case ProjectRenamed():
            return replace(project, name=event.name)
        case ProjectArchived():
            return replace(project, archived=True)
        case ProjectRestored():
            return replace(project, archived=False)
        case ProjectMoved():
            return replace(project, scope=event.scope)
        case ProjectNeglected():
            return project


project = Decider("project", create=create, decide=decide, begin=begin, evolve=evolve)
