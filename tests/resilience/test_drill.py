"""Backups made under load: what was acknowledged before one began is in it exactly once, and what is restored serves.

The log's segments are small and given up all the time, so that entries move from the log to the histories meanwhile.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from osteon.app.backup import back_up
from tests.resilience.books import Entry, gaps, read_journal
from tests.resilience.crowd import Deed, Reply, crowd, repeat, seeded, work
from tests.resilience.test_kill import key_of
from tests.serving import ROOT, Server, environment, running

CLIENTS = 8
BACKUPS = 2
RETIRING = ("-m", "tests.resilience.retiring", "up")

pytestmark = pytest.mark.timeout(240)


class Made(NamedTuple):
    """A backup, what was acknowledged when it began, and what was asked when it was done."""

    folder: Path
    before: Sequence[Deed]
    asked: Sequence[Deed]


def test_a_backup_under_load_holds_what_was_acknowledged(data: Path, tmp_path: Path) -> None:
    with running(data, program=RETIRING) as server:
        made = asyncio.run(backed_up(server, data, tmp_path))[-1]
        server.kill()
    assert json.loads(osteon("backup", "verify", made.folder, "--json"))["whole"]
    osteon("restore", "--from", made.folder, "--data", tmp_path / "restored")
    entries = read_journal(tmp_path / "restored")
    assert gaps(entries) == []
    assert_each_is_there_once(made, entries)
    with running(tmp_path / "restored") as server:
        asyncio.run(told_again(server, made.before))
        assert_each_project_is_listed_once(server, entries)
        assert server.stop() in {0, 143}


def test_a_backup_begins_anew_when_the_log_outruns_it(data: Path, tmp_path: Path) -> None:
    told = set[str]()
    with running(data, program=RETIRING) as server:
        acme, globex = (tenant_of(data, name) for name in ("acme", "globex"))
        assert acme < globex, "The files are copied in this order."
        alice = server.client("acme", "alice@acme.example")

        def outrun(what: str, count: int) -> None:
            # The file of 'acme' is copied: what comes now is in the log, and soon in neither of the two.
            if not told and (tmp_path / "backup.unfinished" / "tenants" / globex).exists():
                first = first_segment(data)
                while first_segment(data) == first:
                    told.add(alice.command("create-project", name="Between").body["invocation"])

        back_up(data, tmp_path / "backup", outrun, with_key=True)
        assert told
        server.kill()
    entries = read_journal(tmp_path / "backup")
    assert gaps(entries) == []
    assert told <= {entry["invocation"] for entry in entries}


async def backed_up(server: Server, data: Path, folder: Path) -> list[Made]:
    """Makes backups, one after another, while a crowd works."""
    deeds: list[Deed] = []
    members = crowd(server, CLIENTS, seeded(7))
    working = asyncio.create_task(work(server.port, members, deeds.append))
    made: list[Made] = []
    first = first_segment(data)
    for number in range(BACKUPS):
        await until_told(deeds, more=100)
        while number and first_segment(data) == first:
            await asyncio.sleep(0.01)
        first = first_segment(data)
        before = [deed for deed in deeds if deed.reply is not None]
        to = folder / f"backup-{number}"
        await asyncio.to_thread(osteon, "backup", "--data", data, "--to", to, "--with-installation-key")
        made.append(Made(to, before, list(deeds)))
    assert not working.done()
    working.cancel()
    await asyncio.wait([working])
    return made


def first_segment(data: Path) -> int:
    """The oldest segment of the log that was not given up yet."""
    return min(int(path.name.rpartition("-")[2]) for path in (data / "log").glob("segment-*"))


def tenant_of(data: Path, name: str) -> str:
    """The identifier of a tenant."""
    tenants = json.loads(osteon("tenants", "--json", "--data", data))
    return str(next(each["id"] for each in tenants if each["name"] == name))


async def until_told(deeds: Sequence[Deed], more: int) -> None:
    """Waits until so many more deeds have a reply."""
    target = sum(deed.reply is not None for deed in deeds) + more
    while sum(deed.reply is not None for deed in deeds) < target:
        await asyncio.sleep(0.01)


async def told_again(server: Server, deeds: Sequence[Deed]) -> None:
    """Asks again what was acknowledged before the backup: each gets the very same reply."""
    for deed, reply in await repeat(server.port, deeds):
        assert deed.reply is not None
        assert reply == Reply(deed.reply.status, deed.reply.raw, replayed=True), deed


def assert_each_is_there_once(made: Made, entries: Sequence[Entry]) -> None:
    """The journal holds an entry for each deed that was acknowledged before, with its verdict."""
    asked = {deed.key for deed in made.asked}
    kept = [entry for entry in entries if key_of(entry) in asked and entry["command"]["type"].endswith("-project")]
    verdicts = {key_of(entry): entry["verdict"] for entry in kept}
    assert len(kept) == len(verdicts), "A command was recorded twice."
    for deed in made.before:
        assert deed.reply is not None
        assert verdicts[deed.key] == ("accepted" if deed.reply.status == 200 else "rejected")


def assert_each_project_is_listed_once(server: Server, entries: Sequence[Entry]) -> None:
    """The views have every project that the journal has, and no other."""
    for tenant, email in (("acme", "alice@acme.example"), ("globex", "gina@globex.example")):
        created = [
            event["body"]["project"]
            for entry in entries
            for event in entry["events"]
            if event["type"] == "project-created" and entry["tenant"] == tenant
        ]
        listed = [row["project"] for row in server.client(tenant, email).every("list-projects", archived=None)]
        assert sorted(listed) == sorted(created)


def osteon(*arguments: str | Path) -> str:
    """What a command says, in a process of its own."""
    command = [sys.executable, "-m", "osteon.cli", *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
