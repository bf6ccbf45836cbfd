"""Projection: from recorded batches to history, views and access log. What the drain does, wherever it runs."""

from collections.abc import Iterable, Sequence
from typing import Any, get_type_hints

import structlog

from osteon.domain import Product, View
from osteon.messages import ACCESS, ENTRY, Entry, Record
from osteon.model import AccountId, Decoder, InvocationId, TenantId, decoder, milliseconds, plain, record_json
from osteon.ports.access_log import Access
from osteon.ports.filing import AccessRecord, Batch, EntryRecord, Filing, Progress, RowChange, Table
from osteon.ports.keyring import Keyring

__all__ = ["Projection", "tables"]

AnyView = View[Any, Any, Any]
_ENTRY = decoder(Entry)
_BLOCK = decoder(list[Access])


def tables(product: Product) -> list[Table]:
    """The views of a product as tables."""
    return [_table(view) for view in product.all_views]


class Projection:
    """Folds records into rows and files both, each tenant in one transaction. Records filed before are passed over."""

    def __init__(self, product: Product, filing: Filing, keyring: Keyring) -> None:
        """Puts a projection together."""
        self._product = product
        self._filing = filing
        self._keyring = keyring
        self._log = structlog.get_logger("osteon.drain")
        self._views: dict[str, list[_Folding]] = {}
        for view in product.all_views:
            folding = _Folding(view)
            for event in view.events:
                name = next(message.name for message in product.catalogue if message.type is event)
                self._views.setdefault(name, []).append(folding)

    def apply(self, batches: Iterable[tuple[int, Sequence[bytes]]]) -> int:
        """Files batches.

        Returns:
            The number of the last one; 0 when there was none.
        """
        tenants: dict[TenantId, list[tuple[Record, bytes]]] = {}
        last = 0
        for number, records in batches:
            last = number
            for stored in records:
                record = Record.of(stored)
                if record.kind in (ENTRY, ACCESS):
                    tenants.setdefault(record.tenant, []).append((record, stored))
        for tenant, found in tenants.items():
            self._file(tenant, found)
        return last

    def _file(self, tenant: TenantId, found: Sequence[tuple[Record, bytes]]) -> None:
        progress = self._filing.progress(tenant)
        entries: list[EntryRecord] = []
        accesses: list[AccessRecord] = []
        rows = _Rows(self._filing, tenant)
        for record, stored in found:
            if _is_filed(record, progress):
                continue
            if record.kind == ACCESS:
                accesses.append(self._access_record(record, stored))
                continue
            entry = _ENTRY.decode(self._keyring.open(tenant, record.sealed, record.place))
            entries.append(_entry_record(entry, stored))
            self._fold(entry, rows)
        if entries or accesses:
            self._filing.file(tenant, Batch(entries, accesses, rows.changed))

    def _access_record(self, record: Record, stored: bytes) -> AccessRecord:
        block = _BLOCK.decode(self._keyring.open(record.tenant, record.sealed, record.place))
        accounts: dict[AccountId, tuple[InvocationId, InvocationId]] = {}
        for access in block:
            account, invocation = access.context.account, access.context.trace.current
            if account is not None:
                first, last = accounts.get(account, (invocation, invocation))
                accounts[account] = min(first, invocation), max(last, invocation)
        return AccessRecord(record.position.sequence, stored, accounts)

    def _fold(self, entry: Entry, rows: "_Rows") -> None:
        for recorded in entry.events:
            foldings = self._views.get(recorded.type)
            if not foldings:
                continue
            event = self._product.catalogue[recorded.type].decoder.decode(recorded.body)
            for folding in foldings:
                folding.fold(event, entry, rows)


class _Rows:
    """The rows of one tenant while a batch is folded: as filed, then as changed."""

    def __init__(self, filing: Filing, tenant: TenantId) -> None:
        self._filing = filing
        self._tenant = tenant
        self._values: dict[tuple[str, str], Any] = {}
        self.changed: dict[str, dict[str, RowChange | None]] = {}

    def get(self, folding: "_Folding", key: str) -> tuple[Any, int] | None:
        """The row and its order, or None."""
        name = folding.view.name
        changed = self.changed.get(name, {})
        change = changed[key] if key in changed else self._filing.row(self._tenant, name, key)
        if change is None:
            return None
        value = self._values.get((name, key))
        if value is None:
            value = folding.decoder.decode(change.body)
        return value, change.order

    def put(self, name: str, key: str, value: Any, change: RowChange | None) -> None:
        self._values[name, key] = value
        self.changed.setdefault(name, {})[key] = change


class _Folding:
    """One view, ready to fold."""

    def __init__(self, view: AnyView) -> None:
        self.view = view
        self.decoder: Decoder[Any] = decoder(view.row)

    def fold(self, event: Any, entry: Entry, rows: _Rows) -> None:
        view = self.view
        key: str = getattr(event, view.key)
        if isinstance(event, view.beginning):
            row, order = view.begin(event), milliseconds(entry.command.id)
        else:
            before = rows.get(self, key)
            if before is None or view.evolve is None:
                return
            row, order = view.evolve(event, before[0]), before[1]
        change = None if row is None else self._change(row, key, order, entry)
        rows.put(view.name, key, row, change)

    def _change(self, row: Any, key: str, order: int, entry: Entry) -> RowChange:
        view = self.view
        scope = row.scope if view.scoped else entry.context.scope.root
        columns = {column: plain(getattr(row, column)) for column in view.columns}
        return RowChange(key, scope, order, columns, record_json(row))


def _table(view: AnyView) -> Table:
    searched = {column for filters in view.filters.values() for column, anywhere in filters.items() if anywhere}
    equal = {column for filters in view.filters.values() for column, anywhere in filters.items() if not anywhere}
    hints = get_type_hints(view.row)
    indexed = {column for column in equal if hints[column] is not bool}
    columns = view.columns
    return Table(
        view.name,
        view.scoped,
        tuple(columns),
        indexed=tuple(column for column in columns if column in indexed),
        searched=tuple(column for column in columns if column in searched),
    )


def _entry_record(entry: Entry, stored: bytes) -> EntryRecord:
    key = None if entry.verdict == "faulted" else entry.key
    context = entry.context
    return EntryRecord(entry.position, entry.entity, key, context.account, context.trace.current, stored)


def _is_filed(record: Record, progress: Progress) -> bool:
    if record.kind == ACCESS:
        return record.position.sequence <= progress.accesses
    return record.position.sequence <= progress.sequences.get(record.position.partition, 0)
