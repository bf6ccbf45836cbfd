"""A name in a scope: one project holds it, or none does."""

from typing import NewType

from demo.projects.project import ProjectId
from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import Identifier, ScopeId, Value, named, replace

__all__ = [
    "FreeProjectName",
    "NameId",
    "ProjectNameFreed",
    "ProjectNameTaken",
    "TakeProjectName",
    "name_of",
    "project_name",
]

NameId = NewType("NameId", Identifier)


def name_of(scope: ScopeId, text: str) -> NameId:
    """The identifier of a name in a scope; upper and lower case are the same name."""
    return NameId(named(scope, scope, text.strip().casefold()))


class TakeProjectName(Command[None], internal=True):
    """Take a name for a project, unless another one has it."""

    project_name: NameId
    project: ProjectId


class FreeProjectName(Command[None], internal=True):
    """Let a project's name go, if it is that project's."""

    project_name: NameId
    project: ProjectId


class ProjectNameTaken(Event):
    """A project has a name."""

    project_name: NameId
    project: ProjectId
    scope: ScopeId


class ProjectNameFreed(Event):
    """A project's name is free again."""

    project_name: NameId
    project: ProjectId


class Name(Value):
    """A name and the project that holds it."""

    scope: ScopeId
    holder: ProjectId | None


def create(command: TakeProjectName, context: InvocationContext) -> Decision:
    """A name that nobody ever had is free."""
    return accept(_taken(command, context))


def decide(command: TakeProjectName | FreeProjectName, name: Name, context: InvocationContext) -> Decision:
    """The first one has it until it lets it go."""
    match command:
        case TakeProjectName(project=project) if name.holder not in (None, project):
            return reject("projects.name-taken", holder=name.holder, name=command.project_name)
        case TakeProjectName():
            return accept(_taken(command, context))
        case FreeProjectName(project=project) if name.holder == project:
            return accept(ProjectNameFreed(project_name=command.project_name, project=project))
        case FreeProjectName():
            return accept()


def begin(event: ProjectNameTaken) -> Name:
    """A name that is held."""
    return Name(scope=event.scope, holder=event.project)


def evolve(event: ProjectNameTaken | ProjectNameFreed, name: Name) -> Name:
    """A name that is held, or free."""
    return replace(name, holder=event.project if isinstance(event, ProjectNameTaken) else None)


def _taken(command: TakeProjectName, context: InvocationContext) -> ProjectNameTaken:
    return ProjectNameTaken(project_name=command.project_name, project=command.project, scope=context.scope.id)


project_name = Decider("project_name", create=create, decide=decide, begin=begin, evolve=evolve)
