"""Naming, as pure steps, and in a running product: two projects cannot keep one name."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from demo.main import product
from demo.projects.name import FreeProjectName, ProjectNameTaken, TakeProjectName, name_of, project_name
from demo.projects.naming import PATIENCE, TAKEN, Held, Naming, begin, due, proceed
from demo.projects.project import (
    GiveUpProject,
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectMoved,
    ProjectRenamed,
    RenameProject,
)
from demo.world import world
from osteon.app.inprocess import in_process, transport
from osteon.domain import Refusal
from osteon.domain.testing import NOW, context, given
from osteon.model import Problem, ScopeId, named, replace
from osteon_sdk import Client, Reply, new_id

ONE, TWO = (ProjectId(named("", name)) for name in ("one", "two"))
EU, US = (ScopeId(named("", name)) for name in ("EU", "US"))
BRIDGE = Held(project_name=name_of(EU, "Bridge"), scope=EU, name="Bridge")
HELD = Naming(project=ONE, scope=EU, name="Bridge", held=BRIDGE)


def refused(scope: ScopeId, name: str) -> Refusal:
    return Refusal(command="take-project-name", problem=Problem(key=TAKEN, params={"name": name_of(scope, name)}))


def test_a_name_is_the_same_in_upper_and_lower_case() -> None:
    assert name_of(EU, "Bridge") == name_of(EU, " BRIDGE ")
    assert name_of(EU, "Bridge") != name_of(US, "Bridge")


def test_the_first_one_has_a_name_until_it_lets_it_go() -> None:
    name = BRIDGE.project_name
    taken = ProjectNameTaken(project_name=name, project=ONE, scope=EU)
    given(project_name).when(TakeProjectName(project_name=name, project=ONE), context(scope=EU)).then(taken)
    given(project_name, taken).when(TakeProjectName(project_name=name, project=TWO)).rejects(TAKEN)
    given(project_name, taken).when(FreeProjectName(project_name=name, project=TWO)).changes_nothing()


def test_a_new_project_asks_for_its_name() -> None:
    step = begin(ProjectCreated(project=ONE, scope=EU, name="Bridge"), context(at=NOW))
    assert not step.settled
    assert [(type(ask.command), ask.scope) for ask in step.asks] == [(TakeProjectName, EU)]
    assert due(step.state) == NOW + PATIENCE


def test_a_renamed_project_lets_its_old_name_go() -> None:
    step = proceed(ProjectRenamed(project=ONE, name="Tunnel", previous="Bridge"), HELD, context())
    tunnel = ProjectNameTaken(project_name=name_of(EU, "Tunnel"), project=ONE, scope=EU)
    step = proceed(tunnel, step.state, context())
    assert step.settled
    assert [ask.command for ask in step.asks] == [FreeProjectName(project_name=BRIDGE.project_name, project=ONE)]


def test_a_renamed_project_that_loses_gets_its_old_name_back() -> None:
    step = proceed(ProjectRenamed(project=ONE, name="Tunnel", previous="Bridge"), HELD, context())
    step = proceed(refused(EU, "Tunnel"), step.state, context())
    assert [ask.command for ask in step.asks] == [RenameProject(project=ONE, name="Bridge")]
    step = proceed(ProjectRenamed(project=ONE, name="Bridge", previous="Tunnel"), step.state, context())
    assert (step.settled, step.asks) == (True, ())


def test_a_moved_project_that_loses_is_given_up() -> None:
    step = proceed(ProjectMoved(project=ONE, scope=US, previous=EU), HELD, context())
    step = proceed(refused(US, "Bridge"), step.state, context())
    assert [(ask.command, ask.scope) for ask in step.asks] == [(GiveUpProject(project=ONE, reason=TAKEN), US)]


@pytest.mark.parametrize(
    "late",
    [refused(EU, "Tunnel"), Refusal(command="rename-project", problem=Problem(key="projects.not-found"))],
    ids=["another name", "another command"],
)
def test_a_late_refusal_leaves_what_is_wanted_now(late: Refusal) -> None:
    wanting = proceed(ProjectMoved(project=ONE, scope=US, previous=EU), HELD, context()).state
    step = proceed(late, wanting, context())
    assert (step.state, step.asks, step.settled) == (wanting, (), False)
    step = proceed(ProjectNameTaken(project_name=name_of(US, "Bridge"), project=ONE, scope=US), step.state, context())
    assert step.settled
    assert [ask.command for ask in step.asks] == [FreeProjectName(project_name=BRIDGE.project_name, project=ONE)]


def test_an_archived_project_lets_a_name_go_that_comes_late() -> None:
    wanting = replace(HELD, held=None, since=NOW)
    step = proceed(ProjectArchived(project=ONE), wanting, context())
    late = ProjectNameTaken(project_name=BRIDGE.project_name, project=ONE, scope=EU)
    step = proceed(late, step.state, context())
    assert [ask.command for ask in step.asks] == [FreeProjectName(project_name=BRIDGE.project_name, project=ONE)]


def test_the_second_of_two_projects_is_archived() -> None:
    async def run() -> None:
        async with alice() as client:
            first = await client.command("create-project", name="Bridge")
            second = await client.command("create-project", name="bridge")
            assert await standing(client, first, second) == [(False, None), (True, TAKEN)]
            await settled(client, await client.command("archive-project", project=first.answer))
            restored = await client.command("restore-project", project=second.answer)
            assert await standing(client, first, second, after=restored) == [(True, None), (False, None)]

    asyncio.run(run())


def test_a_rename_to_a_taken_name_is_taken_back() -> None:
    async def run() -> None:
        async with alice() as client:
            first = await client.command("create-project", name="Bridge")
            second = await client.command("create-project", name="Tunnel")
            await settled(client, first, second)
            renamed = await client.command("rename-project", project=second.answer, name="Bridge")
            assert await names(client, first, second, after=renamed) == ["Bridge", "Tunnel"]

    asyncio.run(run())


@pytest.mark.parametrize("count", [2, 5])
def test_one_of_many_at_once_keeps_the_name(count: int) -> None:
    async def run() -> None:
        async with alice() as client:
            created = await asyncio.gather(
                *(client.command("create-project", project=new_id(), name="Bridge") for _ in range(count))
            )
            stands = await standing(client, *created)
            assert sorted(stands, key=str) == [(False, None), *[(True, TAKEN)] * (count - 1)]

    asyncio.run(run())


@asynccontextmanager
async def alice() -> AsyncGenerator[Client]:
    """Alice of acme, logged in to a product that runs in this process."""
    async with in_process(product, world) as installation, Client(transport(installation, "acme")) as client:
        await client.log_in("alice@acme.example", "correct horse battery staple")
        yield client


async def settled(client: Client, *replies: Reply) -> None:
    """Waits until the names of projects are settled."""
    for reply in replies:
        await client.settled(reply)


async def rows(client: Client, created: Sequence[Reply], after: Reply | None) -> list[dict[str, Any]]:
    """The rows of projects, once their names are settled after what was done last."""
    await settled(client, *created, *([after] if after else []))
    return [(await client.query("get-project", project=each.answer)).answer for each in created]


async def standing(client: Client, *created: Reply, after: Reply | None = None) -> list[tuple[bool, str | None]]:
    """Whether projects are archived, and why."""
    return [(row["archived"], row["reason"]) for row in await rows(client, created, after)]


async def names(client: Client, *created: Reply, after: Reply | None = None) -> list[str]:
    """What projects are called."""
    return [row["name"] for row in await rows(client, created, after)]
