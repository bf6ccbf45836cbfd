"""One's own trail: commands, queries and refusals, newest first, and nobody else's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from osteon.adapters.memory.clock import MemoryClock
from osteon.app.inprocess import InProcess, in_process, transport
from osteon.domain import Product
from osteon.modules import PLATFORM
from osteon_sdk import Client, Invalid, NotAuthenticated, NotPermitted

product = Product("platform", PLATFORM)
PERSON = {"email": "pat@house.example", "person": "Pat", "password": "right"}


class Visit:
    """An installation, its administrator, and the access log's clock."""

    def __init__(self, installation: InProcess, clock: MemoryClock) -> None:
        """Nobody is logged in yet."""
        self.installation = installation
        self.clock = clock

    async def person(self, email: str = "admin@house.example", password: str = "password") -> Client:
        """Somebody, logged in."""
        client = Client(transport(self.installation, "house"))
        await client.log_in(email, password)
        return client

    async def trail(self, client: Client, **fields: Any) -> list[dict[str, Any]]:
        """What somebody did until now: the access log is recorded a while later."""
        await client.query("list-my-invocations")
        engine, tape = self.installation.engine, self.installation.storage.tape
        recorded = tape.last
        await engine.recorder.record()
        engine.batches.flush_aside()
        async with asyncio.timeout(5):
            while tape.last == recorded or engine.ports.drain.drained < tape.last:
                self.clock.advance(1.0)
                await asyncio.sleep(0)
        return [row async for row in client.browse("list-my-invocations", **fields)]


Work = Callable[[Visit], Awaitable[None]]


def test_shows_commands_with_their_verdict() -> None:
    async def work(visit: Visit) -> None:
        client = await visit.person()
        added = await client.command("add-person", **PERSON)
        with pytest.raises(Exception, match="email-taken"):
            await client.command("add-person", **PERSON)
        found = [row for row in await visit.trail(client) if row["kind"] == "command"]
        assert [(row["type"], row["outcome"], row["invocation"]) for row in found] == [
            ("enrol-person", "accepted", added.invocation)
        ]
        assert found[0]["position"] == added.position

    run(work)


def test_shows_queries_with_what_was_asked() -> None:
    async def work(visit: Visit) -> None:
        client = await visit.person()
        asked = await client.query("list-people", locale="en", limit=5)
        (row,) = [row for row in await visit.trail(client) if row["type"] == "list-people"]
        assert (row["kind"], row["outcome"], row["rows"]) == ("query", "answered", 1)
        assert (row["invocation"], row["parameters"]) == (
            asked.invocation,
            {"limit": 5, "cursor": None, "locale": "en"},
        )

    run(work)


def test_shows_what_was_refused() -> None:
    async def work(visit: Visit) -> None:
        await (await visit.person()).command("add-person", **PERSON)
        client = await visit.person("pat@house.example", "right")
        with pytest.raises(NotPermitted):
            await client.query("list-people")
        (row,) = [row for row in await visit.trail(client) if row["type"] == "list-people"]
        assert (row["kind"], row["outcome"], row["problem"]["key"]) == ("refusal", "refused", "not-permitted")

    run(work)


def test_shows_nobody_elses_doings() -> None:
    async def work(visit: Visit) -> None:
        administrator = await visit.person()
        await administrator.command("add-person", **PERSON)
        client = await visit.person("pat@house.example", "right")
        assert {row["type"] for row in await visit.trail(client)} <= {"list-my-invocations"}

    run(work)


def test_pages_from_the_newest_to_the_oldest() -> None:
    async def work(visit: Visit) -> None:
        client = await visit.person()
        asked = [(await client.query("list-people")).invocation for _ in range(7)]
        await client.command("add-person", **PERSON)
        found = [row["invocation"] for row in await visit.trail(client, limit=2)]
        assert [each for each in found if each in asked] == asked[::-1]
        assert found == sorted(found, reverse=True)
        assert len(found) == len(set(found))

    run(work)


def test_refuses_guests_and_false_cursors() -> None:
    async def work(visit: Visit) -> None:
        with pytest.raises(NotAuthenticated):
            await Client(transport(visit.installation, "house")).query("list-my-invocations")
        with pytest.raises(Invalid) as caught:
            await (await visit.person()).query("list-my-invocations", cursor="nothing of ours")
        assert caught.value.key == "invalid-cursor"

    run(work)


def run(work: Work) -> None:
    """Does the work in a new installation."""

    async def main() -> None:
        clock = MemoryClock()
        async with in_process(product, clock=clock) as installation:
            await work(Visit(installation, clock))

    asyncio.run(main())
