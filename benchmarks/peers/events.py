"""Peer E driven: Uvicorn with the program in `apps/events.py`, and what it does beside its server."""

import os
import secrets
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from ulid import ULID

from benchmarks import processes
from benchmarks.environment import peers_python
from benchmarks.errors import Faulty, Missing
from benchmarks.load.wrk import Known, Load
from benchmarks.peers import NOTES_EACH, PEOPLE, Kind, Place, Serving, Verification
from benchmarks.peers.uvicorn import APPS, running, token
from benchmarks.wire import KEY, NOTE, Ask, Sender, body, fresh, send_all

WITHIN = 1_200.0
"""Seconds that filling its database, or making its view, may take."""


class Change(msgspec.Struct, frozen=True):
    """What a command is answered with: each version of a note is one event."""

    id: str
    version: int


class Events:
    """Peer E: notes as event-sourced aggregates, kept by `eventsourcing` in SQLite."""

    def __init__(self, place: Place, *, name: str = "E", endpoints: str = "threads", snapshots: int = 0) -> None:
        """Name the peer; nothing runs yet.

        Args:
            place: Where it keeps its data, and on which cores it runs.
            name: Its name in the table, and that of its database.
            endpoints: Where its functions run: in 'threads', as its guide has it, or on the 'loop'.
            snapshots: After how many events of a note it takes a snapshot; never, unless it is told to.

        Raises:
            Unfit: Its requirements are missing.
        """
        self.name = name
        self.remarks: Sequence[str] = ()
        self._place = place
        self._endpoints = endpoints
        self._snapshots = {"SNAPSHOTS_EVERY": str(snapshots)} if snapshots else {}
        self._python = peers_python()
        self._data = place.folder / f"{name}.sqlite"
        self._key = secrets.token_hex(32)
        self._tokens = [token(self._key, f"person-{number}") for number in range(PEOPLE)]
        self._scope = fresh()
        self._notes: list[Known] = []
        self._acknowledged: list[Change] = []

    @contextmanager
    def serving(self) -> Generator[Serving]:
        """Serve over the data of the last time."""
        port = processes.free_port()
        # The first note of each start is the price of knowing that it serves; nobody waits for its answer.
        first = self._ask(Kind.CREATE, 0).filled(key=fresh(), note=fresh())
        settings = {**self._settings(), "TOKEN_KEY": self._key, "ENDPOINTS": self._endpoints}
        with running("events", self._place, python=self._python, port=port, settings=settings, first=first) as server:
            if not self._notes:
                self._prepare(port)
            yield Serving(port, server)

    def load(self, kind: Kind) -> Load:
        """Give what the load generator sends.

        Raises:
            Missing: It is asked for commands alone.
        """
        if not kind.writes:
            reason = "Peer E is asked for commands alone."
            raise Missing(reason)
        asks = [self._ask(kind, caller) for caller in range(PEOPLE)]
        return Load(asks, self._notes if kind is Kind.RENAME else (), writes=True)

    def acknowledged(self, kind: Kind, bodies: Sequence[bytes]) -> None:
        """Take the answers to commands, each by the event that it names."""
        self._acknowledged += [msgspec.json.decode(body, type=Change) for body in bodies]

    def catch_up(self, serving: Serving) -> None:
        """Return at once: it has nothing behind its events."""

    def first_command(self) -> float:
        """Refuse: its start is not compared."""
        reason = "The start of peer E is not measured."
        raise Missing(reason)

    def verify(self) -> Verification | None:
        """Look for the event of every acknowledged command; two commands that were told of the same one count as doubled."""
        if not self._acknowledged:
            return None
        return held(self._acknowledged, self._data)

    def fill(self, others: int, note: str = "", events: int = 0) -> None:
        """Create so many notes without the server, and one with so many events spread among them.

        Raises:
            Faulty: It did not work out.
        """
        known = (note, str(events)) if note else ()
        self._beside("fill", str(others), *known)

    def project(self) -> tuple[float, int]:
        """Make a view of everything from scratch; the seconds that it took, and the events that it has.

        Raises:
            Faulty: It did not work out.
        """
        view = self._place.folder / f"{self.name}-view-{fresh()}.sqlite"
        made = self._beside("project", VIEW_DBNAME=str(view))
        return made["seconds"], made["events"]

    def command(self, sender: Sender, kind: Kind, note: str) -> float:
        """Send a command about a note and give the seconds until it was acknowledged.

        Raises:
            Faulty: It was refused.
        """
        asked = self._ask(kind, 0).filled(key=fresh(), note=note)
        begun = time.perf_counter()
        answer = sender.expect(asked)
        took = time.perf_counter() - begun
        self.acknowledged(kind, [answer.body])
        return took

    def _settings(self) -> dict[str, str]:
        return {
            "PERSISTENCE_MODULE": "eventsourcing.sqlite",
            "SQLITE_DBNAME": str(self._data),
            **self._snapshots,
        }

    def _prepare(self, port: int) -> None:
        notes = [Known(caller, fresh()) for caller in range(PEOPLE) for _ in range(NOTES_EACH)]
        creates = [self._ask(Kind.CREATE, known.caller).filled(key=fresh(), note=known.note) for known in notes]
        self.acknowledged(Kind.CREATE, [answer.body for answer in send_all(port, creates)])
        self._notes = notes

    def _ask(self, kind: Kind, caller: int) -> Ask:
        headers = {"Host": "localhost", "Authorization": f"Bearer {self._tokens[caller]}"}
        match kind:
            case Kind.CREATE:
                return Ask("POST", "/notes", headers, body({"id": NOTE, "scope": self._scope, "name": f"Note {KEY}"}))
            case Kind.RENAME:
                return Ask("PATCH", f"/notes/{NOTE}", headers, body({"name": f"Renamed {KEY}"}))
            case Kind.GET | Kind.LIST:
                raise Missing(kind.value)

    def _beside(self, *arguments: str, **settings: str) -> dict[str, Any]:
        """Run its program that is no server, and give the line that it prints."""
        finished = subprocess.run(
            ["taskset", "--cpu-list", str(self._place.cores.server), self._python, APPS / "history.py", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **self._settings(), **settings},
            timeout=WITHIN,
        )
        if finished.returncode != 0:
            reason = f"What peer E does beside its server ended with {finished.returncode}: {finished.stderr[-1000:]}"
            raise Faulty(reason)
        printed: dict[str, Any] = msgspec.json.decode(finished.stdout)
        return printed


def held(changes: Sequence[Change], database: Path) -> Verification:
    """Hold acknowledged changes against the events of a database; one that is there twice is one that two were told of."""
    wanted = Counter((ULID.from_str(change.id).hex, change.version) for change in changes)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as opened:
        rows = opened.execute("SELECT originator_id, originator_version FROM stored_events")
        found = {(note, version) for note, version in rows}
    lost = sum(count for event, count in wanted.items() if event not in found)
    return Verification(wanted.total(), lost, doubled=wanted.total() - len(wanted))
