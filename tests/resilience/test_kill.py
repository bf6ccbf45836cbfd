"""Kills the server under 64 clients, again and again, and compares what they were told with what was kept.

Acknowledged is what has a reply: accepted or rejected. It must be in the journal exactly once, in the views if it changed anything, and
a retry under its key must be given the very same bytes, after however many kills.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.resilience.books import Entry, gaps, projects, read_journal
from tests.resilience.crowd import Deed, Member, Reply, crowd, repeat, seeded, work
from tests.serving import Server, running

CLIENTS = 64
OLDER = 60
"""How many deeds of the last round, and of earlier ones, are asked again after a kill."""


@pytest.mark.timeout(300)
def test_twenty_kills_lose_and_double_nothing(data: Path) -> None:
    survive(data, kills=20, most=500, random=seeded(20))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(3))
def test_a_hundred_kills_lose_and_double_nothing(data: Path, seed: int) -> None:
    survive(data, kills=100, most=1_000, random=seeded(seed))


def survive(data: Path, kills: int, most: int, random: Random) -> None:
    """Kills so many times, each time after some replies, at most so many; then checks everything."""
    deeds: list[Deed] = []
    members: list[Member] = []
    for _ in range(kills):
        with running(data) as server:
            members = members or crowd(server, CLIENTS, random)
            asyncio.run(retry(server.port, members, deeds, random))
            deeds += asyncio.run(interrupted(server, members, after=random.randint(1, most)))
    with running(data) as server:
        asyncio.run(retry(server.port, members, deeds, random))
        entries = read_journal(data)
        assert gaps(entries) == []
        assert_each_is_there_once(deeds, entries)
        assert_views_are_the_fold(server, entries)
        assert server.stop() in {0, 143}


async def interrupted(server: Server, members: Sequence[Member], after: int) -> list[Deed]:
    """Lets the crowd work and kills the server after so many replies; all that was asked."""
    deeds: list[Deed] = []
    enough = asyncio.Event()

    def asked(deed: Deed) -> None:
        deeds.append(deed)
        if len(deeds) - len(members) >= after:
            enough.set()

    working = asyncio.create_task(work(server.port, members, asked))
    stopped = asyncio.create_task(enough.wait())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    assert enough.is_set(), "The clients stopped before the server was killed."
    await asyncio.to_thread(server.kill)
    await working
    unexpected = {deed.reply.status for deed in deeds if deed.reply} - {200, 409}
    assert not unexpected
    return deeds


async def retry(port: int, members: Sequence[Member], deeds: Sequence[Deed], random: Random) -> None:
    """Asks again what is in doubt, what was acknowledged last, and some of what was acknowledged long ago."""
    waiting = {member.doubt.key: member for member in members if member.doubt}
    for deed, reply in await repeat(port, [deed for deed in deeds if deed.key in waiting]):
        assert reply.status in {200, 409}, reply
        deed.reply = reply
        waiting[deed.key].learn(deed)
    latest, older = deeds[-OLDER:], deeds[:-OLDER]
    for deed, reply in await repeat(port, [*latest, *random.sample(older, min(OLDER, len(older)))]):
        assert deed.reply is not None
        assert reply == Reply(deed.reply.status, deed.reply.raw, replayed=True), deed


def assert_each_is_there_once(deeds: Sequence[Deed], entries: Sequence[Entry]) -> None:
    """The journal holds an entry for each deed, with the verdict that was told, and none for what nobody asked."""
    asked = [entry for entry in entries if entry["command"]["type"].endswith("-project")]
    kept = {key_of(entry): entry for entry in asked}
    assert Counter(map(key_of, asked)).most_common(1)[0][1] == 1, "A command was recorded twice."
    assert kept.keys() == {deed.key for deed in deeds}
    for deed in deeds:
        assert deed.reply is not None
        entry, told = kept[deed.key], json.loads(deed.reply.raw)
        assert entry["verdict"] == ("accepted" if deed.reply.status == 200 else "rejected")
        assert entry["command"]["type"] == deed.type
        assert entry["invocation"] == told["invocation"]
        assert entry["position"] == told.get("position", entry["position"])


def assert_views_are_the_fold(server: Server, entries: Sequence[Entry]) -> None:
    """Lists over HTTP show what a fold of the journal gives, tenant by tenant and scope by scope."""
    folded = projects(entries)
    for tenant, email in (("acme", "alice@acme.example"), ("globex", "gina@globex.example")):
        administrator, rows = server.client(tenant, email), folded[tenant]
        listed = administrator.every("list-projects", archived=None)
        assert len(listed) == len(rows)
        assert {row["project"]: row for row in listed} == rows
        scopes = {row["name"]: row["scope"] for row in administrator.every("list-scopes")}
        for name in ("US", "France"):
            listed = administrator.every("list-projects", within=scopes[name], archived=None)
            assert {row["project"] for row in listed} == {
                project for project, row in rows.items() if row["scope"] == scopes[name]
            }


def key_of(entry: Entry) -> str:
    """The external invocation ID in an entry's key."""
    key: str = entry["key"]
    return key.rpartition("/")[2]
