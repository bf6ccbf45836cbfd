"""Ours driven: the server as `./dev up` starts it, with the benchmark's product, over its public wire alone."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import processes
from benchmarks.errors import Faulty
from benchmarks.load.wrk import Known, Load
from benchmarks.peers import NOTES_EACH, PAGE, PEOPLE, Kind, Place, Serving, Verification
from benchmarks.peers.notes import Caller, ask, log_in
from benchmarks.record import progress
from benchmarks.wire import Answer, Ask, Sender, body, fresh, send_all

ROOT = Path(__file__).parents[2]
PRODUCT = "benchmarks.product:product"
"""The demo with the module `notes` added."""

EMPTY = "benchmarks.product:empty"
"""The same modules without demo people: its journal begins with the genesis entry alone."""

REVISED = "benchmarks.product:revised"
"""The same as the first, but the code of the notes' view is said to have changed, so that its rows are made again."""

SAGA = "benchmarks.product:with_saga"
"""The same as the first, with a saga that follows every new note."""

SINK = "benchmarks.product:with_sink"
"""The same as the first, with a sink that takes every new note."""

TENANTS = 2
WRITER = "contributor"
PARTITIONS = 8
TOKEN_LIFE = 600.0
"""Seconds after which tokens are fetched anew; they are good for 900."""


class RoleHeld(msgspec.Struct):
    """A role in a scope, as the server prints it when it serves."""

    role: str
    scope: str
    path: str


class Person(msgspec.Struct):
    """Somebody who can log in, as the server prints it when it serves."""

    tenant: str
    email: str
    password: str
    roles: list[RoleHeld]


class Tenant(msgspec.Struct):
    """A tenant, as the server prints it when it serves."""

    name: str
    type: str


class Ready(msgspec.Struct):
    """The line that the server prints when it serves."""

    tenants: list[Tenant]
    people: list[Person]


class Said(msgspec.Struct):
    """A line of the server's log, or of its drain's, as far as the benchmark reads it."""

    event: str
    timestamp: datetime
    view: str = ""
    tenant: str = ""


class Osteon:
    """Ours, everything on, in a data folder of its own."""

    def __init__(
        self,
        place: Place,
        *,
        name: str = "ours",
        tenants: int = TENANTS,
        product: str = PRODUCT,
        busy: int | None = None,
    ) -> None:
        """Name the peer; nothing runs yet.

        Args:
            place: Where it keeps its data, and on which cores it runs.
            name: Its name in the table, and that of its data folder.
            tenants: Over how many tenants the callers are spread.
            product: What it serves.
            busy: How many of its notes are renamed, if not all.
        """
        self._place = place
        self.name = name
        self._product = product
        self._busy = busy
        self.remarks: list[str] = []
        self._tenants = tenants
        self._data = place.folder / name
        # One port for all starts: it is part of the tenants' addresses.
        self._port = processes.free_port()
        self._people: list[Person] = []
        self._administrators: list[Person] = []
        self._callers: list[Caller] = []
        self._logged_in = 0.0
        self._notes: list[Known] = []
        self._acknowledged: list[str] = []

    @contextmanager
    def serving(self, product: str | None = None) -> Generator[Serving]:
        """Serve over the data of the last time, this product or its own; the first time, enrol people who write notes."""
        with self._server(product or self._product, self._data) as (ready, server):
            if not self._people:
                self._people = self._enrolled(ready)
            self._log_in()
            serving = Serving(self._port, server)
            if not self._notes:
                self._prepare(serving)
            yield serving

    def load(self, kind: Kind) -> Load:
        """Give what the load generator sends, with tokens that are still good."""
        if time.monotonic() - self._logged_in > TOKEN_LIFE:
            self._log_in()
        asks = [ask(kind, caller) for caller in self._callers]
        # Notes of many people, as each person has a limit of their own.
        busy = self._notes[:: len(self._notes) // self._busy] if self._busy else self._notes
        return Load(asks, busy if kind in {Kind.RENAME, Kind.GET} else (), writes=kind.writes)

    def acknowledged(self, kind: Kind, bodies: Sequence[bytes]) -> None:
        """Take the answers to commands, each by the invocation that it names."""
        self._acknowledged += [_reply(kind, body)["invocation"] for body in bodies]

    def catch_up(self, serving: Serving) -> None:
        """Write one more note in every partition of every tenant, and wait until the views have them all.

        What was acknowledged before lies before them in its partition, so the views have that too.
        """
        for caller in self._one_a_tenant():
            marks = [ask(Kind.CREATE, caller).filled(key=fresh(), note=note) for note in _one_a_partition()]
            replies = send_all(serving.port, marks)
            self.acknowledged(Kind.CREATE, [reply.body for reply in replies])
            _await_view(serving.port, caller, ",".join(reply.json()["position"] for reply in replies))

    def first_command(self) -> float:
        """Start on an empty folder; the first command is the administrator's log-in, their password checked."""
        begun = time.perf_counter()
        with self._server(EMPTY, self._place.folder / f"start-{fresh()}") as (ready, _):
            administrator = ready.people[0]
            enter = log_in(self._host(administrator.tenant), administrator.email, administrator.password)
            sender = Sender(self._port)
            sender.expect(enter.filled(key=fresh(), note=""))
            took = time.perf_counter() - begun
            sender.close()
            return took

    def verify(self) -> Verification | None:
        """Look for every acknowledged command in the journal, read by the command line, not by the server."""
        wanted = set(self._acknowledged)
        if not wanted:
            return None
        found = _recorded(self._data)
        lost = sum(1 for invocation in wanted if invocation not in found)
        return Verification(len(wanted), lost, doubled=sum(1 for invocation in wanted if found[invocation] > 1))

    def once(self, kind: Kind, note: str) -> Ask:
        """Give a request about a note, to be sent once."""
        return ask(kind, self._callers[0]).filled(key=fresh(), note=note)

    def command(self, sender: Sender, kind: Kind, note: str) -> float:
        """Send a command about a note and give the seconds until it was acknowledged.

        Raises:
            Faulty: It was refused.
        """
        asked = self.once(kind, note)
        begun = time.perf_counter()
        answer = sender.expect(asked)
        took = time.perf_counter() - begun
        self.acknowledged(kind, [answer.body])
        return took

    def rename_often(self, note: str, times: int) -> None:
        """Rename a note so many times, in some order.

        Raises:
            Faulty: A renaming was refused.
        """
        answers = send_all(self._port, (self.once(Kind.RENAME, note) for _ in range(times)))
        self.acknowledged(Kind.RENAME, [answer.body for answer in answers])

    def recovered(self) -> float:
        """Start over what a killed server left, and give the seconds until a command was acknowledged.

        The tokens are those of the start before.
        """
        begun = time.perf_counter()
        with self._server(self._product, self._data):
            sender = Sender(self._port)
            self.command(sender, Kind.CREATE, fresh())
            took = time.perf_counter() - begun
            sender.close()
        return took

    def said(self) -> list[Said]:
        """Give the log of the start that runs, or of the last one."""
        text = (self._place.folder / f"{self.name}-log.err").read_bytes()
        # What does not end with a line break is still being written.
        lines = text[: text.rfind(b"\n") + 1].splitlines()
        return [msgspec.json.decode(line, type=Said) for line in lines if line.startswith(b"{")]

    def notes(self) -> set[str]:
        """Read every note that there is, page by page, as an administrator of each tenant sees them."""
        found: set[str] = set()
        for administrator in self._administrators:
            found |= set(_Administrator(self._port, administrator).notes())
        return found

    def copied(self, name: str) -> "Osteon":
        """Give another peer over a copy of the data, with the same people, to whom the same was acknowledged; not serving."""
        other = Osteon(self._place, name=name, tenants=self._tenants, product=self._product)
        shutil.copytree(self._data, other._data, ignore=shutil.ignore_patterns("*.sock"))
        other._port, other._administrators, other._people = self._port, self._administrators, self._people
        other._callers, other._logged_in, other._notes = self._callers, self._logged_in, self._notes
        other._acknowledged = list(self._acknowledged)
        return other

    def forget(self) -> None:
        """Remove the data: nothing is asked of this peer any more."""
        shutil.rmtree(self._data)
        self._acknowledged.clear()

    @contextmanager
    def _server(self, product: str, data: Path) -> Generator[tuple[Ready, int]]:
        """Run the server until it has said that it serves, and then for the length of a block."""
        command = [sys.executable, "-m", "osteon.cli", "up", product, "--json"]
        command += ["--port", str(self._port), "--data", str(data)]
        output = self._place.folder / f"{self.name}-log"
        with processes.running(
            command, core=self._place.cores.server, output=output, folder=ROOT, environment=_environment()
        ) as process:
            line = processes.until(lambda: _first_line(output.with_suffix(".out")), process, output=output, seconds=120)
            yield msgspec.json.decode(line, type=Ready), process.pid

    def _enrolled(self, ready: Ready) -> list[Person]:
        """Give the people who will send: as many as there should be, spread over the tenants."""
        if self._tenants > TENANTS:
            return provisioned(self._port, ready, self._tenants)
        customers = [tenant.name for tenant in ready.tenants if tenant.type == "customer"][: self._tenants]
        self._administrators = [
            next(person for person in ready.people if person.tenant == customer) for customer in customers
        ]
        return [person for tenant in customers for person in enrol(self._port, ready, tenant, PEOPLE // len(customers))]

    def _log_in(self) -> None:
        """Fetch tokens, where there are none, they are old, or the server no longer takes them."""
        fresh_enough = time.monotonic() - self._logged_in < TOKEN_LIFE
        if self._callers and fresh_enough and self._welcome():
            return
        enter = [log_in(self._host(person.tenant), person.email, person.password) for person in self._people]
        replies = send_all(self._port, [each.filled(key=fresh(), note="") for each in enter])
        tokens = [reply.json()["answer"]["accessToken"] for reply in replies]
        self._callers = [
            Caller(self._host(person.tenant), token, _scope(person) or "")
            for person, token in zip(self._people, tokens, strict=True)
        ]
        self._logged_in = time.monotonic()

    def _host(self, tenant: str) -> str:
        return f"{tenant}.localhost:{self._port}"

    def _welcome(self) -> bool:
        sender = Sender(self._port)
        try:
            return sender.send(ask(Kind.LIST, self._callers[0])).status == 200
        finally:
            sender.close()

    def _prepare(self, serving: Serving) -> None:
        """Write the notes that are renamed and read, and look whether they are."""
        each = PEOPLE * NOTES_EACH // len(self._callers)
        notes = [Known(caller, fresh()) for caller in range(len(self._callers)) for _ in range(each)]
        creates = [
            ask(Kind.CREATE, self._callers[known.caller]).filled(key=fresh(), note=known.note) for known in notes
        ]
        self.acknowledged(Kind.CREATE, [reply.body for reply in send_all(serving.port, creates)])
        self.catch_up(serving)
        caller, note = self._callers[notes[0].caller], notes[0].note
        sender = Sender(serving.port)
        page = sender.expect(ask(Kind.LIST, caller)).json()["answer"]["items"]
        one = sender.expect(ask(Kind.GET, caller).filled(key="", note=note)).json()["answer"]
        sender.close()
        # Somebody alone in a tenant sees no more than their own notes and those that mark the partitions.
        full = min(PAGE, each + PARTITIONS) if self._tenants > TENANTS else PAGE
        if len(page) != full or one["note"] != note:
            reason = f"Ours listed {len(page)} notes instead of {full}, or gave another note than was asked for."
            raise Faulty(reason)
        self._notes = notes

    def _one_a_tenant(self) -> list[Caller]:
        """Give the first caller of each tenant."""
        by_host = sorted(self._callers, key=lambda caller: caller.host)
        return [next(callers) for _, callers in groupby(by_host, key=lambda caller: caller.host)]


class _Administrator:
    """Somebody who opens tenants, or enrols people, through the public wire."""

    def __init__(self, port: int, person: Person) -> None:
        """Logs in; a tenant that was just opened may take a moment."""
        self._sender = Sender(port)
        self._host = f"{person.tenant}.localhost:{port}"
        enter = log_in(self._host, person.email, person.password)
        end = time.monotonic() + 30
        answer = self._sender.send(enter.filled(key=fresh(), note=""))
        while answer.status == 401 and time.monotonic() < end:
            time.sleep(0.02)
            answer = self._sender.send(enter.filled(key=fresh(), note=""))
        self._headers = {"Host": self._host, "Authorization": f"Bearer {answer.json()['answer']['accessToken']}"}

    def command(self, type: str, /, scope: str | None = None, **fields: str) -> Any:
        """The answer to a command that must be accepted."""
        headers = {**self._headers, "Idempotency-Key": fresh()} | ({"Osteon-Scope": scope} if scope else {})
        return self._sender.expect(Ask("POST", f"/commands/{type}", headers, body(fields))).json()["answer"]

    def scopes(self) -> dict[str, str]:
        """The tenant's scopes by name."""
        answer = self._sender.expect(Ask("POST", "/queries/list-scopes", self._headers, body({"limit": 100})))
        return {row["name"]: row["scope"] for row in answer.json()["answer"]["items"]}

    def notes(self) -> Generator[str]:
        """The tenant's notes."""
        cursor: str | None = None
        while True:
            asked = {"limit": 100} | ({"cursor": cursor} if cursor else {})
            page = self._sender.expect(Ask("POST", "/queries/list-notes", self._headers, body(asked))).json()["answer"]
            yield from (row["note"] for row in page["items"])
            cursor = page["next"]
            if cursor is None:
                return


def enrol(port: int, ready: Ready, tenant: str, count: int) -> list[Person]:
    """Have a tenant's administrator enrol people through the public wire, as contributors spread over the tenant's scopes."""
    administrator = _Administrator(port, next(person for person in ready.people if person.tenant == tenant))
    scopes = [each for each in administrator.scopes().items() if each[0] != "Global"]
    people: list[Person] = []
    for number in range(count):
        name, scope = scopes[number % len(scopes)]
        person = Person(
            tenant, f"writer{number}@{tenant}.example", f"a writer's password {number}", [RoleHeld(WRITER, scope, name)]
        )
        account = administrator.command(
            "add-person", email=person.email, person=f"Writer {number}", password=person.password
        )
        administrator.command("grant-role", scope=scope, account=account, role=WRITER)
        people.append(person)
    return people


def provisioned(port: int, ready: Ready, count: int) -> list[Person]:
    """Have the house open tenants through the public wire; the administrator of each writes in its root."""
    house = _Administrator(port, next(person for person in ready.people if person.tenant == "house"))
    people: list[Person] = []
    for number in range(count):
        name = f"tenant-{number}"
        person = Person(name, f"admin@{name}.example", f"an administrator's password {number}", [])
        house.command(
            "open-tenant", name=name, type="test", email=person.email, person="Administrator", password=person.password
        )
        people.append(person)
    for person in people:
        root = _Administrator(port, person).scopes()["Global"]
        person.roles.append(RoleHeld(WRITER, root, "Global"))
    return people


def _await_view(port: int, caller: Caller, after: str) -> Answer:
    """Ask for a list after a position until the view has it."""
    sender = Sender(port)
    end = time.monotonic() + 120
    try:
        while True:
            answer = sender.send(ask(Kind.LIST, caller, after=after))
            if answer.status == 200:
                return answer
            if answer.status != 503 or time.monotonic() > end:
                reason = f"A list after a position was answered with {answer.status}: {answer.body[:500]!r}"
                raise Faulty(reason)
    finally:
        sender.close()


def _one_a_partition() -> list[str]:
    """Give identifiers of new notes, one in each partition of a tenant.

    An entity's partition is BLAKE2b-512 over its wire type, a zero byte and its identifier: the first 8 bytes,
    big-endian, modulo the number of partitions.
    """
    found: dict[int, str] = {}
    while len(found) < PARTITIONS:
        note = fresh()
        found.setdefault(int.from_bytes(blake2b(b"note\0" + note.encode()).digest()[:8]) % PARTITIONS, note)
    return list(found.values())


def _recorded(data: Path) -> Counter[str]:
    """Count the accepted commands of a journal by their invocation."""
    command = [sys.executable, "-m", "osteon.cli", "journal", "show", "--json", "--data", str(data)]
    found: Counter[str] = Counter()
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **_environment()}, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        for line in reader.stdout:
            entry = msgspec.json.decode(line)
            if entry["verdict"] == "accepted":
                found[entry["invocation"]] += 1
                if len(found) % 100_000 == 0:
                    progress(f"  {len(found):,} commands read from '{data.name}'")
    if reader.returncode != 0:
        reason = f"'osteon journal show' ended with {reader.returncode}."
        raise Faulty(reason)
    return found


def _reply(kind: Kind, body: bytes) -> dict[str, Any]:
    """Decode the reply to a command, and insist that it was accepted."""
    reply: dict[str, Any] = msgspec.json.decode(body)
    if reply["verdict"] != "accepted":
        reason = f"A {kind.value} was answered with 2xx and the verdict '{reply['verdict']}'."
        raise Faulty(reason)
    return reply


def _first_line(path: Path) -> str | None:
    """Give the first line of a file once it is whole."""
    line, end, _ = path.read_text(encoding="utf-8").partition("\n")
    return line if end else None


def _scope(person: Person) -> str | None:
    """Give the first scope in which a person may write, or `None`."""
    return next((held.scope for held in person.roles if held.role == WRITER), None)


def _environment() -> dict[str, str]:
    """Let the server's interpreter find the product, as `dev` does."""
    paths = [
        ROOT,
        ROOT / "src",
        ROOT / "sdk" / "src",
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
    ]
    return {"PYTHONPATH": os.pathsep.join(str(path) for path in paths)}
