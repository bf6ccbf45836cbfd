"""Peer P driven: Uvicorn with the program in `apps/crud.py`, and its database."""

import secrets
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import msgspec

from benchmarks import machine, processes
from benchmarks.environment import peers_python
from benchmarks.errors import Faulty
from benchmarks.load.wrk import Known, Load
from benchmarks.peers import NOTES_EACH, PAGE, PEOPLE, Kind, Place, Serving, Verification
from benchmarks.peers.postgres import Cluster
from benchmarks.peers.uvicorn import running, token
from benchmarks.wire import KEY, NOTE, Ask, Sender, body, fresh, send_all

SCOPES = 4


class Crud:
    """Peer P: what a careful team builds first, with nothing kept beside the rows."""

    name = "P"
    remarks: Sequence[str]

    def __init__(self, place: Place) -> None:
        """Name the peer; nothing runs yet.

        Raises:
            Unfit: Its requirements or PostgreSQL are missing.
        """
        self._place = place
        self._python = peers_python()
        self._cluster = Cluster(place)
        self.remarks = (f"P keeps its notes in PostgreSQL {self._cluster.version()}",)
        self._key = secrets.token_hex(32)
        self._tokens = [token(self._key, f"person-{number}") for number in range(PEOPLE)]
        self._scopes = [fresh() for _ in range(SCOPES)]
        self._notes: list[Known] = []
        self._acknowledged: list[str] = []
        self._starts = 0

    @contextmanager
    def serving(self) -> Generator[Serving]:
        """Serve over the data of the last time."""
        port = processes.free_port()
        with self._cluster.running() as database, self._application(port, "postgres") as server:
            if not self._notes:
                self._prepare(port)
            yield Serving(port, server, database)

    def load(self, kind: Kind) -> Load:
        """Give what the load generator sends."""
        asks = [self._ask(kind, caller) for caller in range(PEOPLE)]
        return Load(asks, self._notes if kind in {Kind.RENAME, Kind.GET} else (), writes=kind.writes)

    def acknowledged(self, kind: Kind, bodies: Sequence[bytes]) -> None:
        """Take the answers to creates; a rename leaves nothing by which it could be told from the next one."""
        if kind is Kind.CREATE:
            self._acknowledged += [msgspec.json.decode(body)["id"] for body in bodies]

    def catch_up(self, serving: Serving) -> None:
        """Return at once: it has nothing behind its tables."""

    def first_command(self) -> float:
        """Start on an empty database that already runs."""
        self._starts += 1
        name, port = f"start_{self._starts}", processes.free_port()
        create = self._ask(Kind.CREATE, 0).filled(key=fresh(), note=fresh())
        with self._cluster.running() as database:
            self._cluster.query(f"CREATE DATABASE {name}")
            machine.rest([database])
            begun = time.perf_counter()
            with self._application(port, name, first=create):
                return time.perf_counter() - begun

    def verify(self) -> Verification:
        """Look for every acknowledged note in the table."""
        with self._cluster.running():
            found = set(self._cluster.query("SELECT id FROM notes"))
        wanted = set(self._acknowledged)
        return Verification(len(wanted), lost=len(wanted - found), doubled=0)

    @contextmanager
    def _application(self, port: int, database: str, first: Ask | None = None) -> Generator[int]:
        """Run the server until it has answered the first request, and then for the length of a block."""
        settings = {"DATABASE_URL": self._cluster.address(database), "TOKEN_KEY": self._key}
        ask = first or self._ask(Kind.LIST, 0)
        with running("crud", self._place, python=self._python, port=port, settings=settings, first=ask) as process:
            yield process

    def _prepare(self, port: int) -> None:
        notes = [Known(caller, fresh()) for caller in range(PEOPLE) for _ in range(NOTES_EACH)]
        creates = [self._ask(Kind.CREATE, known.caller).filled(key=fresh(), note=known.note) for known in notes]
        self.acknowledged(Kind.CREATE, [answer.body for answer in send_all(port, creates)])
        sender = Sender(port)
        page = sender.expect(self._ask(Kind.LIST, 0)).json()["items"]
        one = sender.expect(self._ask(Kind.GET, 0).filled(key="", note=notes[0].note)).json()
        sender.close()
        if len(page) != PAGE or one["id"] != notes[0].note:
            reason = f"Peer P listed {len(page)} notes instead of {PAGE}, or gave another note than was asked for."
            raise Faulty(reason)
        self._notes = notes

    def _ask(self, kind: Kind, caller: int) -> Ask:
        headers = {"Host": "localhost", "Authorization": f"Bearer {self._tokens[caller]}"}
        scope = self._scopes[caller % SCOPES]
        match kind:
            case Kind.CREATE:
                note = {"id": NOTE, "scope": scope, "name": f"Note {KEY}"}
                return Ask("POST", "/notes", headers, body(note))
            case Kind.RENAME:
                return Ask("PATCH", f"/notes/{NOTE}", headers, body({"name": f"Renamed {KEY}"}))
            case Kind.GET:
                return Ask("GET", f"/notes/{NOTE}", headers)
            case Kind.LIST:
                return Ask("GET", f"/notes?scope={scope}&limit={PAGE}", headers)
