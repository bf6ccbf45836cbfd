"""The projects of a scope, as they are listed and found."""

from typing import Annotated

from demo.projects.project import (
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectMoved,
    ProjectRenamed,
    ProjectRestored,
)
from osteon.domain import Browse, Contains, Find, Row, View
from osteon.model import ScopeId, replace

__all__ = ["GetProject", "ListProjects", "ProjectRow", "listing"]


class ProjectRow(Row):
    """A project in a list; `reason` tells why it was archived when nobody wanted that."""

    project: ProjectId
    scope: ScopeId
    name: str
    archived: bool = False
    reason: str | None = None


class GetProject(Find[ProjectRow]):
    """One project."""

    project: ProjectId


class ListProjects(Browse[ProjectRow]):
    """The projects of a scope and of all below it."""

    name: Annotated[str | None, Contains] = None
    archived: bool | None = False


def begin(event: ProjectCreated) -> ProjectRow:
    """A row for a new project."""
    return ProjectRow(project=event.project, scope=event.scope, name=event.name)


def evolve(event: ProjectRenamed | ProjectArchived | ProjectRestored | ProjectMoved, row: ProjectRow) -> ProjectRow:
    """The row after one more event."""
    match event:
        case ProjectRenamed():
            return replace(row, name=event.name)
        case ProjectArchived():
            return replace(row, archived=True, reason=event.reason)
        case ProjectRestored():
            return replace(row, archived=False, reason=None)
        case ProjectMoved():
            return replace(row, scope=event.scope)


listing = View(begin=begin, evolve=evolve, queries=[GetProject, ListProjects])
