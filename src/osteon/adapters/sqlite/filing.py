"""Filing on SQLite: each batch is one transaction in the tenant's file."""

from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import apsw

from osteon.adapters.sqlite.chains import Chains, Link
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.adapters.sqlite.past import records_numbered, rows_behind
from osteon.adapters.sqlite.renewal import (
    DeclaredTables,
    advance,
    begin,
    read_behind,
    read_standings,
    revise,
    stop,
    unlike,
)
from osteon.adapters.sqlite.rows import put_rows, read_row
from osteon.adapters.sqlite.schema import all_statements
from osteon.adapters.sqlite.settled import SettledFiles
from osteon.messages import Position
from osteon.model import AccountId, OsteonError, TenantId, is_identifier
from osteon.ports.filing import (
    AccessRecord,
    Batch,
    DamagedFile,
    EntryRecord,
    Misfiled,
    Progress,
    RowChange,
    Step,
    Table,
    ViewChanged,
)
from osteon.ports.history import PAST
from osteon.ports.views import Standing

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
        self._settled = SettledFiles(connections.disk, connections)
        self._declared = DeclaredTables(tables)
        self._views = self._declared.served
        # What an earlier process filed may not be on the platter: a file that was opened must be settled.
        self._unsettled: dict[TenantId, None] = {}
        self._checked: set[TenantId] = set()
        self._last: OrderedDict[TenantId, dict[AccountId, Link]] = OrderedDict()

    def tenants(self) -> Sequence[TenantId]:
        return self._connections.tenants()

    def expect_settled(self) -> None:
        self._settled.expect()

    def revise(self, tenant: TenantId) -> Sequence[Standing]:
        with self._lent(tenant) as connection:
            if connection is None:
                return []
            # A process that has ended may have written to it, and not brought that to the platter.
            self._unsettled[tenant] = None
            self._checked.add(tenant)
            if not unlike(connection, self._views):
                return []
            with connection:
                revise(connection, self._declared)
            return read_standings(connection, tenant)

    def begin(self, tenant: TenantId, view: str) -> Standing:
        def work(connection: Connection) -> Standing:
            with connection:
                begin(connection, self._declared, view)
            return next(each for each in read_standings(connection, tenant) if each.view == view)

        self._unsettled[tenant] = None
        return self._with(tenant, work)

    def behind(self, tenant: TenantId, place: int, most: int) -> Sequence[bytes]:
        return self._with(tenant, lambda connection: read_behind(connection, place, most))

    def of_entity(self, tenant: TenantId, entity: str, after: Position | None) -> Iterator[Sequence[bytes]]:
        numbers = self._with(tenant, lambda connection: rows_behind(connection, tenant, entity, after))
        for start in range(0, len(numbers), PAST):
            part = numbers[start : start + PAST]
            yield self._with(tenant, partial(records_numbered, numbers=part))

    def advance(self, tenant: TenantId, step: Step) -> Sequence[Standing]:
        def work(connection: Connection) -> list[Standing]:
            with connection:
                advance(connection, self._declared, step)
            found = {each.view: each for each in read_standings(connection, tenant)}
            return [found.get(view) or _following(tenant, view, step) for view in step.views]

        self._unsettled[tenant] = None
        return self._with(tenant, work)

    def progress(self, tenant: TenantId) -> Progress:
        return self._with(tenant, _progress)

    def row(self, tenant: TenantId, view: str, key: str, *, beside: bool = False) -> RowChange | None:
        table = (self._declared.beside if beside else self._views)[view]
        return self._with(tenant, lambda connection: read_row(connection, table, key))

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
        if self._unsettled:
            return False
        self._settled.remember()
        return True

    def close(self) -> None:
        self._connections.close()

    def _with(self, tenant: TenantId, work: Callable[[Connection], T]) -> T:
        try:
            connection = self._connections.take(tenant) or self._make(tenant)
            try:
                if tenant not in self._checked:
                    self._check(connection, tenant)
                return work(connection)
            finally:
                self._connections.give(tenant, connection)
        except (apsw.NotADBError, apsw.CorruptError) as fault:
            raise DamagedFile(tenant, fault) from fault

    @contextmanager
    def _lent(self, tenant: TenantId) -> Generator[Connection | None]:
        """A connection to a file as it is; None where there is none."""
        try:
            connection = self._connections.take(tenant)
            try:
                yield connection
            finally:
                if connection is not None:
                    self._connections.give(tenant, connection)
        except (apsw.NotADBError, apsw.CorruptError) as fault:
            raise DamagedFile(tenant, fault) from fault

    def _make(self, tenant: TenantId) -> Connection:
        self._connections.make(tenant, all_statements(list(self._views.values())))
        connection = self._connections.take(tenant)
        if connection is None:
            raise OsteonError(f"The file of '{tenant}' was made and is not there; see what else removes files.")
        return connection

    def _check(self, connection: Connection, tenant: TenantId) -> None:
        changed = unlike(connection, self._views)
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
                put_rows(connection, self._views[view], rows)
            for view, stopped in batch.stops.items():
                stop(connection, self._views[view], sum(progress.sequences.values()), stopped)
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


def _following(tenant: TenantId, view: str, step: Step) -> Standing:
    return Standing(tenant=tenant, view=view, entries=step.place + step.entries, rate=step.rate)


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
    connection.executemany(PUT_GREATEST, [("entity", entity), ("external", _greatest_external(entries))])
    connection.executemany(PUT_PROGRESS, [("partition", *each) for each in sequences.items()])


def _greatest_external(entries: Sequence[EntryRecord]) -> str:
    """The greatest external invocation ID that is an identifier; an empty text when none is."""
    greatest = ""
    # The newest are mostly the greatest, so that few have to be looked at closely.
    for entry in reversed(entries):
        if entry.key is not None:
            external = entry.key.rpartition("/")[2]
            if external > greatest and is_identifier(external):
                greatest = external
    return greatest


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


def _is_synced(connection: Connection) -> bool:
    """Whether everything committed is in the file itself, and that on the platter."""
    # Until something was read, the connection does not know of a WAL, and a checkpoint does nothing.
    connection.execute("SELECT 1 FROM progress LIMIT 1").fetchall()
    try:
        written, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        return False
    return written == copied >= 0
