"""Something to file, and the ports that read it, on a shelf in memory and on SQLite."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from ulid import ULID

from osteon.adapters.memory.access_log import MemoryAccessLog
from osteon.adapters.memory.filing import MemoryFiling
from osteon.adapters.memory.history import MemoryHistory
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.memory.shelf import Shelf
from osteon.adapters.memory.views import MemoryViews
from osteon.adapters.sqlite import (
    Connections,
    Settings,
    SqliteAccessLog,
    SqliteFiling,
    SqliteHistory,
    SqliteViews,
)
from osteon.adapters.system.disk import SystemDisk
from osteon.context import (
    Account,
    Actor,
    Authenticated,
    Authorization,
    InvocationContext,
    Origin,
    Scope,
    SessionProof,
    Trace,
    Unauthenticated,
)
from osteon.messages import ACCESS, ENTRY, GENESIS, Correlation, Entry, Position, Recorded, header
from osteon.model import AccountId, Identifier, InvocationId, MessageId, ScopeId, SessionId, TenantId, record_json
from osteon.ports.access_log import Access, AccessLog
from osteon.ports.filing import AccessRecord, Batch, EntryRecord, Filing, RowChange, Table
from osteon.ports.history import History
from osteon.ports.keyring import Keyring
from osteon.ports.views import Views

T = TypeVar("T")

START = 1_780_000_000_000
TABLES = (
    Table("project", scoped=True, columns=("archived", "name", "owner"), indexed=("owner",), searched=("name",)),
    Table("account", scoped=False, columns=("email",), indexed=("email",), searched=()),
)


def identifier(number: int) -> Identifier:
    """The identifier with that number: a greater number, a greater identifier."""
    return Identifier(str(ULID.from_bytes(START.to_bytes(6, "big") + number.to_bytes(10, "big"))))


ACME, GLOBEX = TenantId(identifier(1)), TenantId(identifier(2))
ROOT, EU, FRANCE, US = (ScopeId(identifier(10 + each)) for each in range(4))
ANN, BOB = AccountId(identifier(20)), AccountId(identifier(21))


class World(NamedTuple):
    """The four ports over one place."""

    filing: Filing
    history: History
    views: Views
    access_log: AccessLog
    keyring: Keyring

    def file(
        self, entries: Sequence[Entry] = (), accesses: Iterable[AccessRecord] = (), **rows: dict[str, RowChange | None]
    ) -> None:
        """Files entries, blocks of accesses, and rows by view, for ACME."""
        records = [entry_record(self.keyring, entry) for entry in entries]
        self.filing.file(ACME, Batch(records, list(accesses), rows))


def keyring() -> Keyring:
    """Keys of two tenants."""
    ring = MemoryKeyring()
    ring.create(ACME)
    ring.create(GLOBEX)
    return ring


def in_memory(shelf: Shelf | None = None, tables: Sequence[Table] = TABLES) -> World:
    """A world on a shelf, on which there may be something already."""
    shelf, ring = shelf or Shelf(), keyring()
    return World(
        MemoryFiling(shelf, tables),
        MemoryHistory(shelf, ring),
        MemoryViews(shelf),
        MemoryAccessLog(shelf, ring),
        ring,
    )


def on_sqlite(folder: Path, tables: Sequence[Table] = TABLES, idle: int = 4) -> World:
    """A world in files below a folder, which may hold some already; readers have connections of their own."""
    folder.mkdir(exist_ok=True)
    disk, ring, scheduler = SystemDisk(folder), keyring(), MemoryScheduler(fail)
    writing = Connections(disk, str(folder), ring, Settings(writable=True, connections=idle))
    reading = Connections(disk, str(folder), ring, Settings(connections=idle))
    return World(
        SqliteFiling(writing, tables),
        SqliteHistory(reading, ring, scheduler),
        SqliteViews(reading, tables, scheduler),
        SqliteAccessLog(reading, ring, scheduler),
        ring,
    )


def fail(task: str, fault: BaseException) -> None:
    """What happens to a fault that nobody expects."""
    raise AssertionError(task) from fault


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs one question to its end."""
    return asyncio.run(work)


def an_entry(
    sequence: int,
    *,
    partition: int = 0,
    entity: int = 100,
    key: str = "",
    account: AccountId | None = ANN,
    invocation: int = 0,
    body: bytes = b"{}",
) -> Entry:
    """An entry with a number for whatever is not said."""
    number = partition * 1_000 + sequence
    return Entry(
        position=Position(partition, sequence),
        entity_type="project",
        entity=identifier(entity),
        key=key or f"{account}/{identifier(5_000 + number)}",
        fingerprint="print",
        context=context(account, invocation or 10_000 + number),
        correlation=Correlation(id=MessageId(identifier(number)), originating=MessageId(identifier(number))),
        command=Recorded(id=MessageId(identifier(number)), type="create-project", body=msgspec.Raw(body)),
        verdict="accepted",
    )


def context(account: AccountId | None, invocation: int) -> InvocationContext:
    """The context of an invocation of somebody, or of a guest."""
    allowed = Authorization(permission="create-project", reason="granted")
    access = Unauthenticated(origin=Origin(), authorization=allowed)
    name = InvocationId(identifier(invocation))
    return InvocationContext(
        tenant=ACME,
        scope=Scope(path=(ROOT,)),
        access=access
        if account is None
        else Authenticated(actor=actor(account), origin=Origin(), authorization=allowed),
        trace=Trace(action=identifier(30), external=identifier(31), originating=name, current=name),
        at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def actor(account: AccountId) -> Actor:
    """Somebody in a session."""
    proof = SessionProof(session=SessionId(identifier(40)))
    return Actor(account=Account(account=account, tenant=ACME), locale="en", authentication=proof)


def entry_record(ring: Keyring, entry: Entry) -> EntryRecord:
    """An entry, sealed and to be filed."""
    context, key = entry.context, None if entry.verdict == "faulted" else entry.key
    stored = sealed(ring, ENTRY, entry.position, record_json(entry))
    return EntryRecord(entry.position, entry.entity, key, context.account, context.trace.current, stored)


def access_record(ring: Keyring, number: int, *accesses: tuple[AccountId | None, int]) -> AccessRecord:
    """A block of accesses, each given by its account and the number of its invocation."""
    block = [
        Access(context=context(*each), type="get-project", at=datetime(2026, 1, 2, tzinfo=UTC)) for each in accesses
    ]
    accounts: dict[AccountId, tuple[InvocationId, InvocationId]] = {}
    for account in {account for account, _ in accesses if account is not None}:
        mine = [InvocationId(identifier(invocation)) for each, invocation in accesses if each == account]
        accounts[account] = min(mine), max(mine)
    return AccessRecord(number, sealed(ring, ACCESS, Position(0, number), record_json(block)), accounts)


def sealed(ring: Keyring, kind: int, position: Position, body: bytes, tenant: TenantId = ACME) -> bytes:
    """A record of a tenant."""
    place = header(kind, ULID.from_str(tenant).bytes, position, GENESIS)
    return place + ring.seal(tenant, body, place)


def a_project(number: int, scope: ScopeId = EU, *, order: int = 0, **columns: Any) -> RowChange:
    """A row of the view `project`, in the order of its number unless another order is said."""
    fields = {"archived": False, "name": f"Project {number}", "owner": ANN} | columns
    key = identifier(number)
    return RowChange(key, scope, order or number, fields, record_json({"project": key, "name": fields["name"]}))


def rows(*changes: RowChange) -> dict[str, RowChange | None]:
    """Rows by key."""
    return {row.key: row for row in changes}
