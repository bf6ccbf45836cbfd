"""The demo without its sagas: what most tests ask something of, so that one command leaves one entry and nothing comes later."""

from demo.projects.listing import GetProject, ListProjects, listing
from demo.projects.project import (
    ArchiveProject,
    CreateProject,
    MoveProject,
    ProjectArchived,
    ProjectCreated,
    ProjectMoved,
    ProjectRenamed,
    ProjectRestored,
    RenameProject,
    RestoreProject,
    project,
)
from demo.world import world
from osteon.domain import CONTRIBUTOR, READER, Module, Product
from osteon.modules import PLATFORM

__all__ = ["product", "projects"]

projects = Module(
    "projects",
    parts=[project, listing],
    exports=[ProjectCreated, ProjectRenamed, ProjectArchived, ProjectRestored, ProjectMoved],
    grants={
        READER: [GetProject, ListProjects],
        CONTRIBUTOR: [CreateProject, RenameProject, ArchiveProject, RestoreProject, MoveProject],
    },
)

product = Product("demo", [*PLATFORM, projects], world)
