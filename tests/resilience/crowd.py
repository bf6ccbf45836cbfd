"""Many clients at a time, on one loop: each does one thing after another over its own connection, and remembers what it was told.

A server that is killed under them breaks their connections. A deed without a reply is in doubt: its client stops there, and asks it
again under the same key once there is a server.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.serving import Server, new_key

__all__ = ["Deed", "Member", "Reply", "crowd", "repeat", "seeded", "work"]

PEOPLE: dict[str, dict[str, tuple[str, ...]]] = {
    "acme": {"alice": ("EU", "France", "US"), "karim": ("EU", "France"), "ren": ("US",)},
    "globex": {"gina": ("EU", "US"), "omar": ("EU", "France")},
}
"""Who works where; the first of a tenant sees all its scopes."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    raw: bytes
    replayed: bool


class Account(NamedTuple):
    """A person, logged in."""

    tenant: str
    token: str
    scopes: Sequence[str]
    """Where they may create, and between which they may move."""


@dataclass
class Deed:
    """A command that was asked, and the first reply to it; None while that is not known."""

    account: Account
    type: str
    scope: str
    fields: dict[str, str]
    key: str = field(default_factory=new_key)
    reply: Reply | None = None


@dataclass
class Member:
    """One client of the crowd: what it knows of its own projects, and what it is waiting for."""

    account: Account
    random: Random
    names: Sequence[str] = ()
    """What it calls its projects, in upper or lower case; without any, no two projects have the same name."""
    projects: dict[str, str] = field(default_factory=dict[str, str])
    """The scope of each."""
    doubt: Deed | None = None

    def next(self) -> Deed:
        """What it does next."""
        choice = self.random.random()
        if not self.projects or choice < 0.4:
            scope = self.random.choice(self.account.scopes)
            return Deed(self.account, "create-project", scope, {"name": self._name(f"Project {choice}")})
        project = self.random.choice(list(self.projects))
        type, more = self._change(choice)
        return Deed(self.account, type, self.projects[project], {"project": project, **more})

    def learn(self, deed: Deed) -> None:
        """Takes in what came of its deed."""
        self.doubt = None
        if deed.reply is None or deed.reply.status != 200:
            return
        if deed.type == "create-project":
            self.projects[json.loads(deed.reply.raw)["answer"]] = deed.scope
        if deed.type == "move-project":
            self.projects[deed.fields["project"]] = deed.fields["destination"]

    def _name(self, own: str) -> str:
        return self.random.choice((str.upper, str.lower))(self.random.choice(self.names)) if self.names else own

    def _change(self, choice: float) -> tuple[str, dict[str, str]]:
        if choice < 0.75:
            return "rename-project", {"name": self._name(f"Renamed {choice}")}
        if choice < 0.85:
            return "move-project", {"destination": self.random.choice(self.account.scopes)}
        return ("archive-project" if choice < 0.92 else "restore-project"), {}


def seeded(seed: float) -> Random:
    """Chance that is the same each time."""
    return Random(seed)  # noqa: S311 - nothing here is a secret


def crowd(server: Server, size: int, random: Random, names: Sequence[str] = ()) -> list[Member]:
    """So many members at two tenants, some of them the same person in several windows; they name projects by `names`."""
    accounts = [account for tenant in PEOPLE for account in _accounts(server, tenant)]
    return [Member(accounts[number % len(accounts)], seeded(random.random()), names) for number in range(size)]


async def work(port: int, members: Sequence[Member], asked: Callable[[Deed], None]) -> None:
    """Lets all members work until their connections break; tells of each deed before it is sent."""
    await asyncio.gather(*(_work(port, member, asked) for member in members))


async def repeat(port: int, deeds: Sequence[Deed], connections: int = 64) -> list[tuple[Deed, Reply]]:
    """Asks deeds again under their keys, each by whoever asked it first; the new replies."""
    waiting = iter(deeds)
    workers = (_repeat(port, waiting) for _ in range(connections))
    return [pair for pairs in await asyncio.gather(*workers) for pair in pairs]


def _accounts(server: Server, tenant: str) -> Iterator[Account]:
    scopes: dict[str, str] = {}
    for name, places in PEOPLE[tenant].items():
        client = server.client(tenant, f"{name}@{tenant}.example")
        scopes = scopes or {row["name"]: row["scope"] for row in client.every("list-scopes")}
        yield Account(tenant, client.headers["authorization"], [scopes[place] for place in places])


async def _work(port: int, member: Member, asked: Callable[[Deed], None]) -> None:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return
    try:
        while True:
            deed = member.doubt = member.next()
            asked(deed)
            deed.reply = await _ask(reader, writer, deed)
            member.learn(deed)
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def _repeat(port: int, deeds: Iterator[Deed]) -> list[tuple[Deed, Reply]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return [(deed, await _ask(reader, writer, deed)) for deed in deeds]
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deed: Deed) -> Reply:
    body = json.dumps(deed.fields).encode()
    head = [
        f"POST /commands/{deed.type} HTTP/1.1",
        f"Host: {deed.account.tenant}.localhost",
        f"Authorization: {deed.account.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {deed.key}",
        f"Osteon-Scope: {deed.scope}",
    ]
    while True:
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        reply = await _reply(reader)
        # Busy means nothing but later.
        if reply.status not in {429, 503}:
            return reply


async def _reply(reader: asyncio.StreamReader) -> Reply:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    raw = await reader.readexactly(int(headers["content-length"]))
    return Reply(int(status.split()[1]), raw, headers.get("idempotency-replayed") == "true")
