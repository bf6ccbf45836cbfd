"""Projects: what the demo product manages."""

from demo.projects.listing import GetProject, ListProjects, listing
from demo.projects.project import (
    ArchiveProject,
    CreateProject,
    MoveProject,
    ProjectCreated,
    RenameProject,
    RestoreProject,
    project,
)
from osteon.domain import CONTRIBUTOR, READER, Module

__all__ = ["projects"]

projects = Module(
    "projects",
    parts=[project, listing],
    exports=[ProjectCreated],
    grants={
        READER: [GetProject, ListProjects],
        CONTRIBUTOR: [CreateProject, RenameProject, ArchiveProject, RestoreProject, MoveProject],
    },
)
