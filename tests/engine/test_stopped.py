"""A view that stopped, as those see it who ask: never older rows in the place of newer ones; everything else goes on."""

from typing import Any

import pytest

from demo.projects.project import ProjectCreated, ProjectId, ProjectRenamed
from osteon.app.inprocess import Storage, in_process
from osteon.domain import READER, Browse, Find, Module, Product, Row, View
from osteon.messages import Query
from osteon.model import ScopeId, replace
from osteon.modules import PLATFORM
from osteon_sdk import Client, OsteonProblem
from tests.engine.test_cascade import SMALL, ada
from tests.plain import projects

pytestmark = pytest.mark.anyio


class LengthRow(Row):
    """How long the name of a project is."""

    project: ProjectId
    scope: ScopeId
    length: int


class GetLength(Find[LengthRow]):
    """One project."""

    project: ProjectId


class ListLengths(Browse[LengthRow]):
    """The projects of a scope."""


def begin(event: ProjectCreated) -> LengthRow:
    """A row for a new project."""
    return LengthRow(project=event.project, scope=event.scope, length=len(event.name))


def evolve(event: ProjectRenamed, row: LengthRow) -> LengthRow:
    """The row after another name."""
    return replace(row, length=len(event.name))


def evolve_badly(event: ProjectRenamed, row: LengthRow) -> LengthRow:
    """Fails."""
    raise LookupError(event.name)


def having(view: View[LengthRow, ProjectCreated, ProjectRenamed]) -> Product:
    """The demo with one view more."""
    lengths = Module("lengths", parts=[view], grants={READER: [GetLength, ListLengths]})
    return Product("demo", [*PLATFORM, projects, lengths])


queries: list[type[Query[Any]]] = [GetLength, ListLengths]
broken = having(View(begin=begin, evolve=evolve_badly, queries=queries))
mended = having(View(begin=begin, evolve=evolve, queries=queries))


@pytest.fixture
def anyio_backend() -> str:
    """The engine runs on asyncio."""
    return "asyncio"


async def test_refuses_what_a_stopped_view_is_asked() -> None:
    async with in_process(broken, SMALL) as installation:
        acme = await ada(installation, "acme")
        project = (await acme.command("create-project", name="Bridge")).answer
        assert (await acme.query("get-length", project=project)).answer["length"] == 6

        await acme.command("rename-project", project=project, name="Viaduct")

        for query in ("get-length", "list-lengths"):
            fields = {"project": project} if query == "get-length" else {}
            assert await refusal(acme, query, **fields) == ("views.stopped", False)
        assert (await acme.query("get-project", project=project)).answer["name"] == "Viaduct"
        assert (await acme.query("list-project-history", project=project)).answer["items"]


async def test_goes_on_after_a_start_with_mended_code() -> None:
    storage = Storage()
    async with in_process(broken, SMALL, storage=storage) as installation:
        acme = await ada(installation, "acme")
        project = (await acme.command("create-project", name="Bridge")).answer
        await acme.command("rename-project", project=project, name="Viaduct")
        assert await refusal(acme, "get-length", project=project) == ("views.stopped", False)
    async with in_process(mended, storage=storage) as installation:
        acme = await ada(installation, "acme")
        assert (await acme.query("get-length", project=project)).answer["length"] == 7


async def refusal(client: Client, query: str, **fields: str) -> tuple[str, bool]:
    """How a query is refused: the key, and whether the same may fare better."""
    with pytest.raises(OsteonProblem) as refused:
        await client.query(query, **fields)
    return refused.value.key, refused.value.retryable
