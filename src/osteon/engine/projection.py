"""Projection: from recorded batches to history, views and access log. What the drain does, wherever it runs."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from osteon.domain import Product, View
from osteon.messages import ACCESS, ENTRY, MessageType, Record, Verdict
from osteon.model import (
    AccountId,
    Identifier,
    InvocationId,
    OsteonError,
    ScopeId,
    TenantId,
    Value,
    decoder,
    milliseconds,
    plain,
    record_json,
)
from osteon.ports.filing import AccessRecord, Batch, EntryRecord, Filing, Progress, Renewal, RowChange
from osteon.ports.keyring import Keyring

__all__ = ["FoldFailed", "Projection", "Renewed"]

AnyView = View[Any, Any, Any]
GetRow = Callable[[str, str], RowChange | None]
Changed = dict[str, dict[str, RowChange | None]]


class FoldFailed(OsteonError):
    """Raised when an entry cannot be folded into a view: the code does not fit what was recorded."""

    def __init__(self, what: str, record: Record, fault: Exception) -> None:
        """Tells what failed, at which entry, and how."""
        self.tenant, self.position = record.tenant, record.position
        partition, sequence = record.position
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
        self._followed = _followed(product, product.all_views)

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
            followed = _followed(
                self._product, [each for each in self._product.all_views if each.name in renewal.views]
            )
            for part in renewal.entries() if renewal.views else ():
                changes = self._fold_again(renewed.tenant, part, renewal, followed)
                renewed = renewed._replace(entries=renewed.entries + len(part), rows=renewed.rows + changes)
                told(renewed)
        told(renewed._replace(done=True))

    def _fold_again(
        self, tenant: TenantId, part: Sequence[bytes], renewal: Renewal, followed: "_FollowedEvents"
    ) -> int:
        """Folds entries into the views of a renewal; how many rows that changed."""
        rows = _Rows(renewal.row)
        for stored in part:
            record = Record.of(stored)
            _fold(self._opened(tenant, record), record, followed, rows)
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
            entries.append(_entry_record(entry, record, stored))
            _fold(entry, record, self._followed, rows)
        if entries or accesses:
            self._filing.file(tenant, Batch(entries, accesses, rows.changed))

    def _access_record(self, record: Record, stored: bytes) -> AccessRecord:
        block = _BLOCK.decode(self._keyring.open(record.tenant, record.sealed, record.place))
        accounts: dict[AccountId, tuple[InvocationId, InvocationId]] = {}
        for access in block:
            actor, invocation = access.context.access.actor, access.context.trace.current
            if actor is not None:
                account = actor.account.account
                first, last = accounts.get(account, (invocation, invocation))
                accounts[account] = min(first, invocation), max(last, invocation)
        return AccessRecord(record.position.sequence, stored, accounts)

    def _opened(self, tenant: TenantId, record: Record) -> "_Entry":
        return _ENTRY.decode(self._keyring.open(tenant, record.sealed, record.place))


class _Account(Value):
    account: AccountId


class _Actor(Value):
    account: _Account


class _Accessing(Value):
    """`actor` is None for a guest."""

    actor: _Actor | None = None


class _Scope(Value):
    path: tuple[ScopeId, ...]


class _Trace(Value):
    current: InvocationId


class _Context(Value):
    scope: _Scope
    access: _Accessing
    trace: _Trace


class _Command(Value):
    id: str


class _Event(Value):
    type: str
    body: msgspec.Raw


class _Access(Value):
    """What filing needs of an access."""

    context: _Context


class _Entry(Value):
    """What filing and folding need of an entry. The rest is skipped, as reading all of it takes three times as long."""

    entity: Identifier
    key: str
    context: _Context
    command: _Command
    verdict: Verdict
    events: tuple[_Event, ...] = ()


_ENTRY = decoder(_Entry)
_BLOCK = decoder(list[_Access])


class _Rows:
    """The rows of one tenant while a batch is folded: as filed, then as changed."""

    def __init__(self, filed: GetRow) -> None:
        self._filed = filed
        self.changed: Changed = defaultdict(dict)

    def get(self, view: str, key: str) -> RowChange | None:
        changed = self.changed[view]
        return changed[key] if key in changed else self._filed(view, key)


class _Folding:
    """One view, ready to fold."""

    def __init__(self, view: AnyView) -> None:
        self._view = view
        self._decode = decoder(view.row).decode

    def fold(self, event: Any, entry: _Entry, record: Record, rows: _Rows) -> None:
        view = self._view
        change: RowChange | None
        try:
            key: str = getattr(event, view.key)
            begins = isinstance(event, view.beginning)
            before = None if begins else rows.get(view.name, key)
            if begins:
                change = self._change(view.begin(event), key, milliseconds(entry.command.id), entry)
            elif before is None or view.evolve is None:
                return
            else:
                row = view.evolve(event, self._decode(before.body))
                change = None if row is None else self._change(row, key, before.order, entry)
        except Exception as fault:
            what = f"Folding '{type(event).__name__}' into the view '{view.name}'"
            raise FoldFailed(what, record, fault) from fault
        rows.changed[view.name][key] = change

    def _change(self, row: Any, key: str, order: int, entry: _Entry) -> RowChange:
        view = self._view
        scope = row.scope if view.scoped else entry.context.scope.path[0]
        columns = {column: plain(getattr(row, column)) for column in view.columns}
        return RowChange(key, scope, order, columns, record_json(row))


class _Followed(NamedTuple):
    """An event that views follow."""

    message: MessageType
    foldings: Sequence[_Folding]


_FollowedEvents = Mapping[str, _Followed]


def _followed(product: Product, views: Collection[AnyView]) -> _FollowedEvents:
    """The events that any of these views follows, by wire name."""
    foldings: dict[type[Any], list[_Folding]] = {}
    for view in views:
        folding = _Folding(view)
        for event in view.events:
            foldings.setdefault(event, []).append(folding)
    return {each.name: _Followed(each, foldings[each.type]) for each in product.catalogue if each.type in foldings}


def _fold(entry: _Entry, record: Record, followed: _FollowedEvents, rows: _Rows) -> None:
    for recorded in entry.events:
        found = followed.get(recorded.type)
        if found is None:
            continue
        try:
            event = found.message.decoder.decode(recorded.body)
        except ValueError as fault:
            raise FoldFailed(f"Reading the event '{recorded.type}'", record, fault) from fault
        for folding in found.foldings:
            folding.fold(event, entry, record, rows)


def _entry_record(entry: _Entry, record: Record, stored: bytes) -> EntryRecord:
    key = None if entry.verdict == "faulted" else entry.key
    context = entry.context
    actor = context.access.actor
    account = None if actor is None else actor.account.account
    return EntryRecord(record.position, entry.entity, key, account, context.trace.current, stored)


def _is_filed(record: Record, progress: Progress) -> bool:
    if record.kind == ACCESS:
        return record.position.sequence <= progress.accesses
    return record.position.sequence <= progress.sequences.get(record.position.partition, 0)
