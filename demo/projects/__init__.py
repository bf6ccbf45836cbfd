"""Projects: what the demo product manages."""

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
from osteon.domain import CONTRIBUTOR, READER, Module

__all__ = ["projects"]

projects = Module(
    "projects",
    parts=[project, listing],
    exports=[ProjectCreated, ProjectRenamed, ProjectArchived, ProjectRestored, ProjectMoved],
    grants={
        READER: [GetProject, ListProjects],
        CONTRIBUTOR: [CreateProject, RenameProject, ArchiveProject, RestoreProject, MoveProject],
    },
)
