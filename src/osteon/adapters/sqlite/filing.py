"""Filing on SQLite: each batch is one transaction in the tenant's file."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import apsw

from osteon.adapters.sqlite.chains import Chains, Link
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.adapters.sqlite.schema import ViewTable, all_statements, column_value, folded, tables_of
from osteon.model import AccountId, OsteonError, TenantId, is_identifier
from osteon.ports.filing import AccessRecord, Batch, EntryRecord, Misfiled, Progress, RowChange, Table, ViewChanged

__all__ = ["SqliteFiling"]

T = TypeVar("T")

TENANTS, ACCOUNTS = 32, 2000
"""Of how many tenants, and of how many accounts of each, the last entry is remembered."""

PUT_PROGRESS = (
    "INSERT INTO progress(kind, part, place) VALUES (?, ?, ?) "
    "ON CONFLICT (kind, part) DO UPDATE SET place = excluded.place"
)
PUT_GREATEST = (
    "INSERT INTO greatest(name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE value < excluded.value"
)
PUT_ENTRY = (
    "INSERT INTO journal(number, position, entity, key, invocation, earlier, stored) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class SqliteFiling:
    """Files into a file for each tenant. Nothing waits for the platter until `settle`."""

    def __init__(self, connections: Connections, tables: Sequence[Table]) -> None:
        """Files rows of the views `tables`, through connections that may write."""
        self._connections = connections
        self._views = tables_of(tables)
        # What an earlier process filed may not be on the platter: a file that was opened must be settled.
        self._unsettled: dict[TenantId, None] = {}
        self._checked: set[TenantId] = set()
        self._last: OrderedDict[TenantId, dict[AccountId, Link]] = OrderedDict()

    def progress(self, tenant: TenantId) -> Progress:
        return self._with(tenant, _progress)

    def row(self, tenant: TenantId, view: str, key: str) -> RowChange | None:
        table = self._views[view]
        found = self._with(tenant, lambda connection: connection.execute(table.get, (key,)).fetchall())
        if not found:
            return None
        order, scope, *columns, body = found[0]
        return RowChange(key, scope, order, dict(zip(table.columns, columns, strict=True)), body)

    def file(self, tenant: TenantId, batch: Batch) -> None:
        # Forgotten unless the transaction is committed.
        last = self._last.pop(tenant, {})
        last = self._with(tenant, lambda connection: self._file(connection, batch, last))
        self._unsettled[tenant] = None
        if len(last) <= ACCOUNTS:
            self._last[tenant] = last
        if len(self._last) > TENANTS:
            self._last.popitem(last=False)

    def settle(self) -> bool:
        for tenant in list(self._unsettled):
            if self._with(tenant, _is_synced):
                del self._unsettled[tenant]
        return not self._unsettled

    def close(self) -> None:
        self._connections.close()

    def _with(self, tenant: TenantId, work: Callable[[Connection], T]) -> T:
        connection = self._connections.take(tenant) or self._make(tenant)
        try:
            if tenant not in self._checked:
                self._check(connection, tenant)
            return work(connection)
        finally:
            self._connections.give(tenant, connection)

    def _make(self, tenant: TenantId) -> Connection:
        self._connections.make(tenant, all_statements(list(self._views.values())))
        connection = self._connections.take(tenant)
        if connection is None:
            raise OsteonError(f"The file of '{tenant}' was made and is not there; see what else removes files.")
        return connection

    def _check(self, connection: Connection, tenant: TenantId) -> None:
        filed = set(connection.execute("SELECT name, shape FROM views").fetchall())
        declared = {(view.name, view.shape) for view in self._views.values()}
        changed = sorted({str(name) for name, _ in filed ^ declared})
        if changed:
            raise ViewChanged(tenant, changed)
        self._checked.add(tenant)
        self._unsettled[tenant] = None

    def _file(self, connection: Connection, batch: Batch, last: dict[AccountId, Link]) -> dict[AccountId, Link]:
        chains = Chains(connection, last)
        with connection:
            progress = _progress(connection)
            _file_entries(connection, batch.entries, progress, chains)
            _file_accesses(connection, batch.accesses, progress)
            for view, rows in batch.rows.items():
                _file_rows(connection, self._views[view], rows)
            chains.keep()
        return chains.last()


def _progress(connection: Connection) -> Progress:
    sequences: dict[int, int] = {}
    accesses = 0
    for kind, part, place in connection.execute("SELECT kind, part, place FROM progress").fetchall():
        if kind == "partition":
            sequences[part] = place
        else:
            accesses = place
    return Progress(sequences, accesses)


def _file_entries(connection: Connection, entries: Sequence[EntryRecord], progress: Progress, chains: Chains) -> None:
    if not entries:
        return
    sequences = dict(progress.sequences)
    number: int = connection.execute("SELECT max(number) FROM journal").get or 0
    rows: list[tuple[Any, ...]] = []
    for (partition, sequence), name, key, account, invocation, stored in entries:
        expected = sequences.get(partition, 0) + 1
        if sequence != expected:
            raise Misfiled(f"partition {partition}", expected, sequence)
        sequences[partition] = sequence
        number += 1
        earlier = chains.follow(account, invocation, number) if account is not None else None
        rows.append((number, partition << 48 | sequence, name, key, invocation, earlier, stored))
    connection.executemany(PUT_ENTRY, rows)
    entity = max([entry.entity for entry in entries])
    externals = (entry.key.rpartition("/")[2] for entry in entries if entry.key is not None)
    external = max(filter(is_identifier, externals), default="")
    connection.executemany(PUT_GREATEST, [("entity", entity), ("external", external)])
    connection.executemany(PUT_PROGRESS, [("partition", *each) for each in sequences.items()])


def _file_accesses(connection: Connection, accesses: Sequence[AccessRecord], progress: Progress) -> None:
    if not accesses:
        return
    last = progress.accesses
    for access in accesses:
        if access.number <= last:
            raise Misfiled("the access log", last + 1, access.number)
        last = access.number
    connection.executemany("INSERT INTO accesses(number, stored) VALUES (?, ?)", [each[:2] for each in accesses])
    connection.executemany(
        "INSERT INTO access_accounts(account, greatest, least, number) VALUES (?, ?, ?, ?)",
        [(account, span[1], span[0], each.number) for each in accesses for account, span in each.accounts.items()],
    )
    connection.execute(PUT_PROGRESS, ("accesses", 0, last))


def _file_rows(connection: Connection, table: ViewTable, rows: Mapping[str, RowChange | None]) -> None:
    removed = [(key,) for key, row in rows.items() if row is None]
    if removed:
        connection.executemany(table.drop, removed)
    changed = _bindings(table, [row for row in rows.values() if row is not None])
    if not changed:
        return
    before = connection.total_changes()
    connection.executemany(table.put, changed)
    if connection.total_changes() - before < len(changed):
        connection.executemany(table.move, changed)


def _bindings(table: ViewTable, rows: Sequence[RowChange]) -> list[tuple[Any, ...]]:
    # By columns, as that takes half the time.
    return list(
        zip(
            [row.order for row in rows],
            [row.key for row in rows],
            [row.scope for row in rows],
            *[[column_value(row.columns[each]) for row in rows] for each in table.columns],
            *[[folded(row.columns[each]) for row in rows] for each in table.searched],
            [row.body for row in rows],
            strict=True,
        )
    )


def _is_synced(connection: Connection) -> bool:
    """Whether everything committed is in the file itself, and that on the platter."""
    # Until something was read, the connection does not know of a WAL, and a checkpoint does nothing.
    connection.execute("SELECT 1 FROM progress LIMIT 1").fetchall()
    try:
        written, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        return False
    return written == copied >= 0
