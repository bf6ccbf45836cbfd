"""The demo with other views, as it may look after somebody worked on it; run in place of the CLI.

`python -m tests.resilience.revised NAME up …` serves the product NAME below, whatever else the command line names.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from demo.projects.project import (
    ArchiveProject,
    CreateProject,
    MoveProject,
    ProjectCreated,
    ProjectId,
    ProjectRenamed,
    RenameProject,
    RestoreProject,
    project,
)
from demo.world import world
from osteon.cli import main
from osteon.domain import CONTRIBUTOR, READER, Browse, Find, Module, Product, Row, View
from osteon.engine import projection
from osteon.model import ScopeId, replace
from osteon.modules import PLATFORM
from tests.plain import projects
from tests.serving import UP

__all__ = [
    "BREAKING",
    "WAITING",
    "breaking",
    "breaking_index",
    "killing",
    "program",
    "slow_revision",
    "slow_view",
    "waiting",
    "with_column",
    "with_view",
]

BREAKING = "Break"
"""A name that some folds below do not survive."""
WAITING = "waiting for ever"
step = projection.Projection.step


class NamesRow(Row):
    """Every name that a project ever had."""

    project: ProjectId
    scope: ScopeId
    names: tuple[str, ...]


class ListNames(Browse[NamesRow]):
    """The projects of a scope with all their names."""


class ProjectRow(Row):
    """A project, and how often it was renamed."""

    project: ProjectId
    scope: ScopeId
    name: str
    renames: int = 0


class GetProjectRow(Find[ProjectRow]):
    """One project."""

    project: ProjectId


class ListProjects(Browse[ProjectRow]):
    """The projects that were renamed so often."""

    renames: int | None = None


def program(name: str) -> tuple[str, ...]:
    """What Python runs to serve one of the products."""
    return ("-m", "tests.resilience.revised", name, *UP[2:])


class Kept:
    """An index that nobody asks."""

    def put(self, row: NamesRow) -> None:
        """Forgets the row."""

    def drop(self, row: NamesRow) -> None:
        """Has it forgotten."""


def with_names(survive: Callable[[str], None], **more: Any) -> Product:
    """The demo with another view, whose fold asks `survive` about each name."""

    def begin(event: ProjectCreated) -> NamesRow:
        survive(event.name)
        return NamesRow(project=event.project, scope=event.scope, names=(event.name,))

    def evolve(event: ProjectRenamed, row: NamesRow) -> NamesRow:
        survive(event.name)
        return replace(row, names=(*row.names, event.name))

    view = View(begin=begin, evolve=evolve, queries=[ListNames], **more)
    names = Module("names", parts=[view], grants={READER: [ListNames]})
    return Product("demo", [*PLATFORM, projects, names], world)


def begin(event: ProjectCreated) -> ProjectRow:
    """A row for a new project."""
    return ProjectRow(project=event.project, scope=event.scope, name=event.name)


def evolve(event: ProjectRenamed, row: ProjectRow) -> ProjectRow:
    """The row after another name."""
    return replace(row, name=event.name, renames=row.renames + 1)


def fail(name: str) -> None:
    """Fails at a name."""
    if name == BREAKING:
        raise LookupError("no such thing")


def kill(name: str) -> None:
    """Kills the server and this drain at a name."""
    if name == BREAKING:
        os.killpg(0, signal.SIGKILL)


def slow_step(self: projection.Projection) -> bool:
    """Takes its time for a step."""
    time.sleep(0.04)
    return step(self)


def wait(name: str) -> None:
    """Says that it waits, and does so for ever, at a name."""
    if name == BREAKING:
        sys.stderr.write(f"{WAITING}\n")
        sys.stderr.flush()
        Event().wait()


with_view = with_names(lambda name: None)
breaking = with_names(fail)
killing = with_names(kill)
waiting = with_names(wait)
breaking_index = with_names(fail, index=Kept)
slow_view = with_names(lambda name: None)
slow_revision = with_names(lambda name: None, revision=2)
with_column = Product(
    "demo",
    [
        *PLATFORM,
        Module(
            "projects",
            parts=[project, View(begin=begin, evolve=evolve, queries=[GetProjectRow, ListProjects])],
            grants={
                READER: [GetProjectRow, ListProjects],
                CONTRIBUTOR: [CreateProject, RenameProject, ArchiveProject, RestoreProject, MoveProject],
            },
        ),
    ],
    world,
)

if __name__ == "__main__":
    name, command, _, *options = sys.argv[1:]
    # A step an entry, so that there are many of them.
    projection.PART = 1
    if name.startswith("slow"):
        projection.Projection.step = slow_step  # type: ignore[method-assign]
    sys.exit(main([command, f"tests.resilience.revised:{name}", *options]))
