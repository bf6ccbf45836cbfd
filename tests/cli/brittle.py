"""The demo with a decider that breaks, what else it might decide, and an installation in which it broke."""

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from demo.projects.listing import GetProject, ListProjects, listing
from demo.projects.name import project_name
from demo.projects.naming import naming
from demo.projects.project import (
    ArchiveProject,
    CreateProject,
    GiveUpProject,
    MoveProject,
    Project,
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectMoved,
    ProjectRenamed,
    ProjectRestored,
    RemindOfProject,
    RenameProject,
    RestoreProject,
    begin,
    create,
    decide,
    evolve,
)
from demo.world import world
from osteon.app.inspection import Chain, Inspection
from osteon.context import InvocationContext
from osteon.domain import (
    CONTRIBUTOR,
    READER,
    Ask,
    Decider,
    Decision,
    Module,
    Product,
    Saga,
    Step,
    Woken,
    accept,
    reject,
)
from osteon.messages import ACCESS
from osteon.model import ScopeId, Value, replace
from osteon.modules import PLATFORM
from tests.cli.installation import ALICE
from tests.serving import Client, new_key, running

__all__ = ["FRACTURE", "Broken", "brittle_project", "broken", "lesser", "loud", "mended", "nudge", "product", "strict"]

Asked = RenameProject | ArchiveProject | RestoreProject | GiveUpProject | MoveProject | RemindOfProject
AnyDecider = Decider[Any, Any, Any, Any, Any]

FRACTURE = "Fracture"
SOON = timedelta(milliseconds=50)


class Idle(Value):
    """A project that nobody has been reminded of yet; `since` is None once somebody was."""

    project: ProjectId
    scope: ScopeId
    since: datetime | None


def begin_nudge(event: ProjectCreated, context: InvocationContext) -> Step[Idle]:
    """A new project lies idle."""
    return Step(state=Idle(project=event.project, scope=event.scope, since=context.at), settled=True)


def proceed_nudge(event: Woken, state: Idle, context: InvocationContext) -> Step[Idle]:
    """Somebody is reminded, once."""
    reminding = RemindOfProject(project=state.project, since=event.at)
    return Step(state=replace(state, since=None), asks=(Ask(command=reminding, scope=state.scope),), settled=True)


def due(state: Idle) -> datetime | None:
    """Soon."""
    return None if state.since is None else state.since + SOON


nudge = Saga("nudge", about="project", begin=begin_nudge, proceed=proceed_nudge, due=due)


def break_down(command: Asked, project: Project, context: InvocationContext) -> Decision:
    """Cannot bear one name, until it is mended."""
    if isinstance(command, RenameProject) and command.name == FRACTURE and "MENDED" not in os.environ:
        raise ZeroDivisionError("nothing is left to be divided")
    return decide(command, project, context)


def refuse(command: Asked, project: Project, context: InvocationContext) -> Decision:
    """Lets nobody rename."""
    return (
        reject("projects.named-for-good") if isinstance(command, RenameProject) else decide(command, project, context)
    )


def shout(command: Asked, project: Project, context: InvocationContext) -> Decision:
    """Renames otherwise."""
    if isinstance(command, RenameProject) and not project.archived:
        name = command.name.upper()
        return accept(ProjectRenamed(project=project.project, name=name, previous=project.name))
    return decide(command, project, context)


def _product(project: AnyDecider) -> Product:
    module = Module(
        "projects",
        parts=[project, project_name, listing, naming, nudge],
        exports=[ProjectCreated, ProjectRenamed, ProjectArchived, ProjectRestored, ProjectMoved],
        grants={
            READER: [GetProject, ListProjects],
            CONTRIBUTOR: [CreateProject, RenameProject, ArchiveProject, RestoreProject, MoveProject],
        },
    )
    return Product("brittle", [*PLATFORM, module], world)


brittle_project = Decider("project", create=create, decide=break_down, begin=begin, evolve=evolve)
product = _product(brittle_project)
mended = _product(Decider("project", create=create, decide=decide, begin=begin, evolve=evolve))
strict = _product(Decider("project", create=create, decide=refuse, begin=begin, evolve=evolve))
loud = _product(Decider("project", create=create, decide=shout, begin=begin, evolve=evolve))
lesser = Product("lesser", PLATFORM)


class Broken(NamedTuple):
    """A data folder in which a decider broke; its server has ended.

    Attributes:
        project: A project of `acme`, created, renamed, broken, archived, and asked to be renamed once more.
        created: The invocation of its creation; so with the others.
        action: What the client called the action that all but the creation belong to; a query does too.
    """

    data: Path
    project: str
    created: str
    renamed: str
    faulted: str
    archived: str
    rejected: str
    refused: str
    key: str
    action: str


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    """An installation of the brittle product."""
    data = tmp_path_factory.mktemp("broken") / "data"
    with running(data, product=f"{__name__}:product") as server:
        alice, uma = server.client("acme", ALICE), server.client("acme", "uma@acme.example")
        project, key, action = new_key(), new_key(), new_key()
        created = alice.command("create-project", project=project, name="Bone")
        assert created.status == 200
        _await(alice, "project", project, "project-neglected", 1)
        alice.headers["osteon-action"] = action
        renamed = alice.command("rename-project", key, project=project, name="Marrow")
        faulted = alice.command("rename-project", project=project, name=FRACTURE)
        archived = alice.command("archive-project", project=project)
        rejected = alice.command("rename-project", project=project, name="Rib")
        assert alice.query("list-projects", after=archived.position).status == 200
        _await(alice, "naming", project, "naming-advanced", 4)
        refused = uma.command("rename-project", project=project, name="Rib")
        _await_access(data, refused.body["invocation"])
        answers = (created, renamed, faulted, archived, rejected, refused)
        assert [each.status for each in answers] == [200, 200, 500, 200, 409, 403]
        assert server.stop() in {0, 143}
        names = ("created", "renamed", "faulted", "archived", "rejected", "refused")
        told = {name: str(each.body["invocation"]) for name, each in zip(names, answers, strict=True)}
        yield Broken(data=data, project=project, key=key, action=action, **told)


def _await_access(data: Path, invocation: str) -> None:
    """Waits until an invocation stands in the access log of `acme`."""

    async def stands() -> bool:
        inspection = await Inspection.open(data)
        try:
            bodies = inspection.bodies(Chain(inspection.named("acme"), ACCESS, 0))
            return any([invocation.encode() in (body or b"") async for _, body in bodies])
        finally:
            inspection.close()

    deadline = time.monotonic() + 30
    while not asyncio.run(stands()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _await(client: Client, entity: str, identifier: str, event: str, count: int) -> None:
    """Waits until something happened to an entity so many times."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        asked = client.query(f"list-{entity}-history", **{entity: identifier}, limit=100)
        items: list[Any] = asked.answer["items"] if asked.status == 200 else []
        if [each["event"] for each in items].count(event) >= count:
            return
        time.sleep(0.05)
    raise TimeoutError(f"'{event}' did not happen {count} times.")
