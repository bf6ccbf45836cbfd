"""Views: what they show is the fold of what was recorded, also when they are made again."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.main import product
from demo.projects.listing import listing
from osteon.adapters.memory.shelf import Shelf
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.domain.testing import rows
from osteon.model import answer_json, decoder
from osteon_sdk import Call, Client, call, new_id
from tests.engine.sending import entries
from tests.engine.test_cascade import SMALL, ada

PROJECTS = [new_id() for _ in range(3)]
SCOPES = ["EU", "US"]
asked = st.lists(
    st.tuples(
        st.sampled_from(["create", "rename", "archive", "restore", "move"]),
        st.sampled_from(PROJECTS),
        st.sampled_from(SCOPES),
        st.sampled_from(["Bridge", "Tunnel"]),
    ),
    max_size=25,
)


@settings(max_examples=20, deadline=None)
@given(asked)
def test_a_view_shows_the_fold_of_events(commands: list[tuple[str, str, str, str]]) -> None:
    async def run() -> None:
        storage = Storage()
        async with in_process(product, SMALL, storage=storage) as installation:
            acme = await ada(installation, "acme")
            scopes = {row["name"]: row["scope"] async for row in acme.browse("list-scopes")}
            await acme.commands(a_call(*each, scopes) for each in commands)
            expected = folded(installation)
            assert await shown(acme) == expected
        storage.shelf = Shelf()
        async with in_process(product, storage=storage) as installation:
            assert await shown(await ada(installation, "acme")) == expected

    asyncio.run(run())


async def shown(client: Client) -> dict[str, Any]:
    """Every project as the view has it."""
    return {row["project"]: row async for row in client.browse("list-projects", archived=None)}


def folded(installation: InProcess) -> dict[str, Any]:
    """Every project as its events say."""
    catalogue = installation.engine.product.catalogue
    recorded = (event for entry in entries(installation.storage) for event in entry.events)
    events = (catalogue[event.type].decoder.decode(event.body) for event in recorded)
    found = rows(listing, *(event for event in events if isinstance(event, listing.events)))
    return {row.project: decoder(dict[str, Any]).decode(answer_json(row)) for row in found}


def a_call(what: str, project: str, scope: str, name: str, scopes: dict[str, str]) -> Call:
    """A command for a project that may exist there, or not."""
    fields: dict[str, dict[str, str]] = {
        "create": {"name": name},
        "rename": {"name": name},
        "move": {"destination": scopes[next(each for each in SCOPES if each != scope)]},
    }
    return call(f"{what}-project", project=project, **fields.get(what, {})).using(scope=scopes[scope])
