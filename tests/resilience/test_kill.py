"""Kills the server under 64 clients, again and again, and compares what they were told with what was kept.

It serves the whole demo: sagas are on their way, a list is made again beside its old rows, backups are made. Acknowledged is what has a
reply: accepted or rejected. It must be in the journal exactly once, in the views if it changed anything, and a retry under its key must
be given the very same bytes, after however many kills. What sagas are told and ask is done once too, and no two projects keep a name.
"""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from urllib.request import urlopen

import pytest

from tests.resilience.books import Entry, gaps, projects, read_journal
from tests.resilience.copies import Backups
from tests.resilience.crowd import Deed, Member, Reply, crowd, repeat, seeded, work
from tests.resilience.sagas import clashes, not_once, unsettled
from tests.resilience.whole import REBUILDING, WHOLE, revision
from tests.serving import Server, running

CLIENTS = 64
NAMES = [f"Project {number}" for number in range(40)]
"""Few, so that many clash."""
OLDER = 60
"""How many deeds of the last round, and of earlier ones, are asked again after a kill."""
LIFE = 100
"""How often a data folder is killed at most, before everything is looked at: all of it has to fit into memory."""
ADMINISTRATORS = (("acme", "alice@acme.example"), ("globex", "gina@globex.example"))


@pytest.mark.timeout(300)
def test_twenty_kills_lose_and_double_nothing(data: Path, tmp_path: Path) -> None:
    life = Life(data, tmp_path, seeded(20))
    life.survive(kills=20, most=200)
    assert life.rebuilding, "No kill came while a view was made again."
    assert life.backups.made, life.backups.refused


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_kills_lose_and_double_nothing(
    world: Path, tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    kills = int(request.config.getoption("--kills") or 0)
    done, began = Counter[str](), time.monotonic()

    def killed() -> None:
        done["kills"] += 1
        if done["kills"] % 10 == 0:
            with capsys.disabled():
                told = (
                    f"{done['deeds'] + len(life.deeds):,} deeds, {done['backups'] + len(life.backups.made):,} backups"
                )
                rest = f"{done['rebuilding'] + life.rebuilding:,} of them during a rebuild"
                print(f"{done['kills']:,} kills, {rest}, {told}, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201

    for number, first in enumerate(range(0, kills, LIFE)):
        folder = tmp_path / f"life-{number}"
        data = Path(shutil.copytree(world, folder / "data"))
        life = Life(data, folder, seeded(kills + number), killed)
        life.survive(min(LIFE, kills - first), most=200)
        done.update(deeds=len(life.deeds), backups=len(life.backups.made), rebuilding=life.rebuilding)
        shutil.rmtree(folder)


class Life:
    """What a data folder goes through.

    Attributes:
        deeds: Everything that was asked.
        rebuilding: How many kills came while a view was made again.
        backups: Those that were made meanwhile.
    """

    def __init__(self, data: Path, folder: Path, random: Random, killed: Callable[[], None] = lambda: None) -> None:
        """Begins nothing; `folder` is where backups come, `killed` is told of each kill."""
        self.deeds: list[Deed] = []
        self.rebuilding = 0
        self.backups = Backups(data, folder, lambda: acknowledged(self.deeds))
        self._data, self._random, self._killed = data, random, killed
        self._members: list[Member] = []

    def survive(self, kills: int, most: int) -> None:
        """Kills so many times, each time after some replies, at most so many; then checks everything."""
        for number in range(kills):
            # Three starts go on with what the first of them began to make again.
            with running(self._data, program=WHOLE, product=revision(2 + number // 3)) as server:
                if number % 5 == 0:
                    self.backups.begin()
                self._members = self._members or crowd(server, CLIENTS, self._random, NAMES)
                asyncio.run(retry(server.port, self._members, self.deeds, self._random))
                asyncio.run(self._interrupted(server, after=self._random.randint(1, most)))
            self._killed()
        self.backups.end()
        with running(self._data, product=revision(2)) as server:
            asyncio.run(retry(server.port, self._members, self.deeds, self._random))
            await_quiet(server)
            entries = read_journal(self._data, revision(2))
            assert_each_is_there_once(self.deeds, entries)
            assert_sagas_are_done(server, entries)
            assert_views_are_the_fold(server, entries)
            assert server.stop() in {0, 143}
        assert_backups_are_whole(self.backups)

    async def _interrupted(self, server: Server, after: int) -> None:
        """Lets the crowd work and kills the server after so many replies."""
        enough = asyncio.Event()
        target = len(self.deeds) + len(self._members) + after

        def asked(deed: Deed) -> None:
            self.deeds.append(deed)
            if len(self.deeds) >= target:
                enough.set()

        working = asyncio.create_task(work(server.port, self._members, asked))
        stopped = asyncio.create_task(enough.wait())
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        assert enough.is_set(), "The clients stopped before the server was killed."
        self.rebuilding += await asyncio.to_thread(metric, server, REBUILDING) > 0
        await asyncio.to_thread(server.kill)
        await working
        assert {deed.reply.status for deed in self.deeds[-after:] if deed.reply} <= {200, 409}


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


def await_quiet(server: Server, within: float = 60.0) -> None:
    """Waits until no command of a saga is on its way, and every view follows."""
    deadline = time.monotonic() + within
    while any(
        metric(server, name) for name in ("osteon_reactions_running", "osteon_views", "osteon_undrained_entries")
    ):
        assert time.monotonic() < deadline, server.messages
        time.sleep(0.05)


def metric(server: Server, name: str) -> float:
    """What the server tells of itself now: the sum of all values whose name begins so."""
    with urlopen(f"{server.management}/metrics") as response:  # noqa: S310  # our own server, on loopback
        lines: list[str] = response.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def acknowledged(deeds: Sequence[Deed]) -> frozenset[str]:
    """The keys of what has a reply."""
    return frozenset(deed.key for deed in list(deeds) if deed.reply is not None)


def assert_sagas_are_done(server: Server, entries: Sequence[Entry]) -> None:
    """Each saga was told of each event once, did once what it asked, and is settled; names are unique."""
    assert not_once(entries) == []
    assert unsettled(entries) == []
    assert clashes(entries) == []
    for tenant, email in ADMINISTRATORS:
        administrator, rows = server.client(tenant, email), projects(entries)[tenant]
        for project in list(rows)[-10:]:
            assert administrator.query("get-naming", naming=project).answer["settled"]


def assert_backups_are_whole(backups: Backups) -> None:
    """Each backup passed its drill; the last one has what was acknowledged before it began, once."""
    assert backups.findings == []
    for made in backups.made[-1:]:
        entries = read_journal(made.folder, revision(2))
        assert gaps(entries) == []
        kept = Counter(key_of(entry) for entry in entries if entry["fingerprint"] != "internal")
        assert {kept[key] for key in made.before} == ({1} if made.before else set())


def assert_each_is_there_once(deeds: Sequence[Deed], entries: Sequence[Entry]) -> None:
    """The journal holds an entry for each deed, with the verdict that was told, and none for what nobody asked."""
    assert gaps(entries) == []
    assert "faulted" not in {entry["verdict"] for entry in entries}
    asked = [
        entry
        for entry in entries
        if entry["command"]["type"].endswith("-project") and entry["fingerprint"] != "internal"
    ]
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
    for tenant, email in ADMINISTRATORS:
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
