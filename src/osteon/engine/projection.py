"""Projection: from recorded batches to history, views and access log. What the drain does, wherever it runs."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from osteon.domain import Product, View
from osteon.messages import ACCESS, ENTRY, Entry, Record, Recorded
from osteon.model import (
    AccountId,
    Decoder,
    InvocationId,
    OsteonError,
    TenantId,
    decoder,
    milliseconds,
    plain,
    record_json,
)
from osteon.ports.access_log import Access
from osteon.ports.filing import AccessRecord, Batch, EntryRecord, Filing, Progress, Renewal, RowChange
from osteon.ports.keyring import Keyring

__all__ = ["FoldFailed", "Projection", "Renewed"]

AnyView = View[Any, Any, Any]
GetRow = Callable[[str, str], RowChange | None]
_ENTRY = decoder(Entry)
_BLOCK = decoder(list[Access])


class FoldFailed(OsteonError):
    """Raised when an entry cannot be folded into a view: the code does not fit what was recorded."""

    def __init__(self, what: str, entry: Entry, fault: Exception) -> None:
        """Tells what failed, at which entry, and how."""
        self.tenant, self.position = entry.context.tenant, entry.position
        partition, sequence = entry.position
        super().__init__(
            f"{what} failed at entry {sequence} in partition {partition} of the tenant '{self.tenant}': "
            f"{type(fault).__name__}: {fault}. Mend the code and start again; nothing is lost."
        )


class Renewed(NamedTuple):
    """How far the views that changed are made again.

    Attributes:
        tenant: The tenant whose views are made.
        number: Its number among those that need it, from 1.
        of: How many tenants need it.
        views: Its views that changed, and those that are gone.
        entries: How many of its entries are folded.
        rows: How often a row was written.
        done: Whether the tenant is done, and its new rows are kept.
    """

    tenant: TenantId
    number: int
    of: int
    views: Sequence[str]
    entries: int = 0
    rows: int = 0
    done: bool = False


class Projection:
    """Folds records into rows and files both, each tenant in one transaction. Records filed before are passed over."""

    def __init__(self, product: Product, filing: Filing, keyring: Keyring) -> None:
        """Puts a projection together."""
        self._product = product
        self._filing = filing
        self._keyring = keyring
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

    def renew(self, told: Callable[[Renewed], None] = lambda renewed: None) -> None:
        """Makes the views again that are declared otherwise than when they were filed, by folding all that was filed.

        Each tenant is one transaction: whoever is interrupted begins with the first that is not done.

        Args:
            told: Hears of each part of the work; what it raises ends it.

        Raises:
            FoldFailed: A view cannot be folded.
        """
        changed = [(tenant, views) for tenant in self._filing.tenants() if (views := self._filing.changed(tenant))]
        for number, (tenant, views) in enumerate(changed, 1):
            self._renew(Renewed(tenant, number, len(changed), views), told)

    def _renew(self, renewed: Renewed, told: Callable[[Renewed], None]) -> None:
        with self._filing.renewal(renewed.tenant) as renewal:
            for part in renewal.entries() if renewal.views else ():
                changes = self._fold_again(renewed.tenant, part, renewal)
                renewed = renewed._replace(entries=renewed.entries + len(part), rows=renewed.rows + changes)
                told(renewed)
        told(renewed._replace(done=True))

    def _fold_again(self, tenant: TenantId, part: Sequence[bytes], renewal: Renewal) -> int:
        """Folds entries into the views of a renewal; how many rows that changed."""
        rows = _Rows(renewal.row)
        views = frozenset(renewal.views)
        for stored in part:
            self._fold(self._opened(tenant, Record.of(stored)), rows, views)
        renewal.put(rows.changed)
        return sum(map(len, rows.changed.values()))

    def _file(self, tenant: TenantId, found: Sequence[tuple[Record, bytes]]) -> None:
        progress = self._filing.progress(tenant)
        entries: list[EntryRecord] = []
        accesses: list[AccessRecord] = []
        rows = _Rows(partial(self._filing.row, tenant))
        for record, stored in found:
            if _is_filed(record, progress):
                continue
            if record.kind == ACCESS:
                accesses.append(self._access_record(record, stored))
                continue
            entry = self._opened(tenant, record)
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

    def _opened(self, tenant: TenantId, record: Record) -> Entry:
        return _ENTRY.decode(self._keyring.open(tenant, record.sealed, record.place))

    def _fold(self, entry: Entry, rows: "_Rows", views: Collection[str] | None = None) -> None:
        """Folds the events of an entry into the rows of `views`, or of all."""
        for recorded in entry.events:
            foldings = self._views.get(recorded.type, [])
            if views is not None:
                foldings = [folding for folding in foldings if folding.view.name in views]
            if not foldings:
                continue
            event = self._event(recorded, entry)
            for folding in foldings:
                folding.fold(event, entry, rows)

    def _event(self, recorded: Recorded, entry: Entry) -> Any:
        try:
            return self._product.catalogue[recorded.type].decoder.decode(recorded.body)
        except ValueError as fault:
            raise FoldFailed(f"Reading the event '{recorded.type}'", entry, fault) from fault


class _Rows:
    """The rows of one tenant while a batch is folded: as filed, then as changed."""

    def __init__(self, filed: GetRow) -> None:
        self._filed = filed
        self._values: dict[tuple[str, str], Any] = {}
        self.changed: dict[str, dict[str, RowChange | None]] = {}

    def get(self, folding: "_Folding", key: str) -> tuple[Any, int] | None:
        """The row and its order, or None."""
        name = folding.view.name
        changed = self.changed.get(name, {})
        change = changed[key] if key in changed else self._filed(name, key)
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
        key: str = getattr(event, self.view.key)
        before = None if isinstance(event, self.view.beginning) else rows.get(self, key)
        try:
            row, order = self._after(event, entry, before)
            change = None if row is None else self._change(row, key, order, entry)
        except Exception as fault:
            what = f"Folding '{type(event).__name__}' into the view '{self.view.name}'"
            raise FoldFailed(what, entry, fault) from fault
        if row is not None or before is not None:
            rows.put(self.view.name, key, row, change)

    def _after(self, event: Any, entry: Entry, before: tuple[Any, int] | None) -> tuple[Any, int]:
        """The row after an event, and its order; no row where there was none before, or none is to be."""
        view = self.view
        if isinstance(event, view.beginning):
            return view.begin(event), milliseconds(entry.command.id)
        if before is None or view.evolve is None:
            return None, 0
        return view.evolve(event, before[0]), before[1]

    def _change(self, row: Any, key: str, order: int, entry: Entry) -> RowChange:
        view = self.view
        scope = row.scope if view.scoped else entry.context.scope.root
        columns = {column: plain(getattr(row, column)) for column in view.columns}
        return RowChange(key, scope, order, columns, record_json(row))


def _entry_record(entry: Entry, stored: bytes) -> EntryRecord:
    key = None if entry.verdict == "faulted" else entry.key
    context = entry.context
    return EntryRecord(entry.position, entry.entity, key, context.account, context.trace.current, stored)


def _is_filed(record: Record, progress: Progress) -> bool:
    if record.kind == ACCESS:
        return record.position.sequence <= progress.accesses
    return record.position.sequence <= progress.sequences.get(record.position.partition, 0)
