"""Projects: what the demo product manages."""

from demo.projects.listing import GetProject, ListProjects, listing
from demo.projects.name import project_name
from demo.projects.naming import naming
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
from demo.projects.reminder import reminder
from osteon.domain import CONTRIBUTOR, READER, Module

__all__ = [
    "CreateProject",
    "ProjectArchived",
    "ProjectCreated",
    "ProjectMoved",
    "ProjectRenamed",
    "ProjectRestored",
    "projects",
]

projects = Module(
    "projects",
    parts=[project, project_name, listing, naming, reminder],
    exports=[ProjectCreated, ProjectRenamed, ProjectArchived, ProjectRestored, ProjectMoved],
    grants={
        READER: [GetProject, ListProjects],
        CONTRIBUTOR: [CreateProject, RenameProject, ArchiveProject, RestoreProject, MoveProject],
    },
)
