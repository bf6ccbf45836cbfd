"""Projection: from recorded batches to history, views and access log. What the drain does, wherever it runs.

A view follows the journal: its rows are filed in one transaction with the entries. One that does not follow is behind: it
stopped at an entry that it cannot fold, or its declaration changed and its rows are made again beside the old ones. Those
are brought further step by step, from the entries that are filed, between the batches; with the last entry they follow again.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from osteon.domain import Product
from osteon.engine.folding import (
    Folded,
    FollowedEvents,
    GetRow,
    Recording,
    Rows,
    Scoped,
    Unfolded,
    fold,
    fold_carefully,
    followed_events,
)
from osteon.messages import ACCESS, ENTRY, Record, Verdict, parted
from osteon.model import AccountId, Identifier, InvocationId, TenantId, Value, decoder, replace
from osteon.ports.filing import AccessRecord, Batch, EntryRecord, Filing, Progress, Step
from osteon.ports.keyring import Keyring
from osteon.ports.views import Standing

__all__ = ["Projection"]

T = TypeVar("T")

PART, KNOWN = 2000, 20_000
"""How many entries a step folds at most, as a batch may have to wait for it; how many rows are known to the next one."""


class Projection:
    """Folds records into rows and files both, each tenant in one transaction. Records filed before are passed over.

    A view that fails stops, in that tenant alone, and keeps what the entries before have made of its rows; everything else goes on.
    Views by which something is decided must not be behind: one that fails ends the work.
    """

    def __init__(
        self,
        product: Product,
        filing: Filing,
        keyring: Keyring,
        *,
        told: Callable[[Standing], None] = lambda standing: None,
        falling_behind: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Puts a projection together.

        Args:
            product: Whose views are filled.
            filing: Where.
            keyring: Opens records.
            told: Hears where a view stands, whenever that changes.
            falling_behind: Called before a view is kept as being behind, where all may be remembered to follow.
            monotonic: Tells seconds, for the rate of work.
        """
        self._filing = filing
        self._keyring = keyring
        self._told = told
        self._falling_behind = falling_behind
        self._monotonic = monotonic
        self._product = product
        self._views = {view.name: view for view in product.all_views}
        self._all = frozenset(self._views)
        self._deciding = frozenset(view.name for view in product.all_views if view.index is not None)
        self._followed: dict[frozenset[str], FollowedEvents] = {}
        self._following = self._events(self._all)
        self._standing: dict[TenantId, dict[str, Standing]] = {}
        self._work: dict[TenantId, dict[str, None]] = {}
        self._begun: dict[tuple[TenantId, str], tuple[float, int]] = {}
        self._last: _Last | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every view of every tenant follows that was looked at."""
        return not self._standing

    def standing(self, tenant: TenantId, view: str) -> Standing | None:
        """Where a view of a tenant stands; None when it follows and nothing is done about it."""
        standings = self._standing.get(tenant)
        return None if standings is None else standings.get(view)

    def apply(self, batches: Iterable[tuple[int, Sequence[bytes]]]) -> int:
        """Files batches.

        Returns:
            The number of the last one; 0 when there was none.

        Raises:
            FoldFailed: A view by which something is decided cannot be folded.
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

    def revise(self) -> None:
        """Looks where the views of every tenant stand, begins what is declared otherwise, and has what stopped go on.

        Views by which something is decided have every entry afterwards; all others come there by `step`.

        Raises:
            FoldFailed: A view by which something is decided cannot be folded.
        """
        for tenant in self._filing.tenants():
            for standing in self._filing.revise(tenant):
                self._stand(standing)
                self._take_up(tenant, standing.view)
        for tenant in list(self._work):
            while deciding := [view for view in self._work.get(tenant, ()) if view in self._deciding]:
                self._advance(tenant, deciding[0])

    def step(self) -> bool:
        """Brings some views further that are behind.

        Returns:
            Whether there is more to do.
        """
        for tenant, views in self._work.items():
            self._advance(tenant, next(iter(views)))
            break
        return bool(self._work)

    def renew(self) -> None:
        """Brings every view as far as it comes, at once."""
        self.revise()
        while self.step():
            pass

    def start(self, view: str, tenant: TenantId | None = None) -> int:
        """Has a stopped view go on where it stopped; in how many tenants that is."""
        stopped = [each for each in self._of(view, tenant) if each.stop is not None]
        for standing in stopped:
            # Whoever asked sees that it goes on, and if it stops again, that it did.
            self._stand(replace(standing, stop=None))
            self._take_up(standing.tenant, view)
        return len(stopped)

    def rebuild(self, view: str, tenant: TenantId | None = None) -> int:
        """Makes the rows of a view again, beside those that are there; in how many tenants."""
        if view not in self._all or view in self._deciding:
            return 0
        tenants = [each for each in self._filing.tenants() if tenant in (None, each)]
        self._falling_behind()
        for each in tenants:
            self._begun.pop((each, view), None)
            self._stand(self._filing.begin(each, view))
            self._take_up(each, view)
        return len(tenants)

    def _file(self, tenant: TenantId, found: Sequence[tuple[Record, bytes]]) -> None:
        progress = self._filing.progress(tenant)
        unfiled = [each for each in found if not _is_filed(each[0], progress)]
        if not unfiled:
            return
        entries: list[EntryRecord] = []
        accesses: list[AccessRecord] = []
        rows = Rows(partial(self._filing.row, tenant))
        followed = self._following if tenant not in self._standing else self._events(self._followers(tenant))
        failed = False
        for record, stored in unfiled:
            if record.kind == ACCESS:
                accesses.append(self._access_record(record, stored))
                continue
            entry = _ENTRY.decode(self._keyring.open(tenant, record.sealed, record.place))
            entries.append(_entry_record(entry, record, stored))
            if not failed:
                try:
                    fold(entry, followed, rows)
                except Unfolded:
                    failed = True
        folded = None if failed else _written(rows)
        if folded is None:
            found_again = (record for record, _ in unfiled if record.kind == ENTRY)
            folded = self._fold_carefully(
                tenant, found_again, self._followers(tenant), partial(self._filing.row, tenant)
            )
        self._keep(tenant, Batch(entries, accesses, folded.rows, folded.stops), sum(progress.sequences.values()))

    def _keep(self, tenant: TenantId, batch: Batch, filed: int) -> None:
        if batch.stops:
            self._falling_behind()
        self._filing.file(tenant, batch)
        count = filed + len(batch.entries)
        for view, (after, stop) in batch.stops.items():
            self._stand(Standing(tenant=tenant, view=view, entries=count, place=filed + after, stop=stop))
        if tenant in self._standing:
            self._fall_further(tenant, count)

    def _fall_further(self, tenant: TenantId, count: int) -> None:
        """Tells of the views that do not follow that there are more entries now."""
        standings = self._standing[tenant]
        for view, standing in standings.items():
            if standing.entries < count:
                standings[view] = replace(standing, entries=count)
                self._told(standings[view])

    def _advance(self, tenant: TenantId, view: str) -> None:
        """Brings a view further, and all others of the tenant that are at the same place."""
        standings, first = self._standing[tenant], self._standing[tenant][view]
        place, beside = first.reached, first.made is not None
        views = [
            each
            for each in self._work[tenant]
            if (each in self._deciding) == (view in self._deciding)
            and (standings[each].reached, standings[each].made is not None) == (place, beside)
        ]
        stored = self._filing.behind(tenant, place, PART)
        rows = self._rows(tenant, views, place, beside)
        folded = self._fold_part(tenant, stored, views, rows)
        failed = folded is None
        if folded is None:
            records = map(Record.of, stored)
            folded = self._fold_carefully(tenant, records, views, partial(self._filing.row, tenant, beside=beside))
        reached = place + len(stored)
        step = Step(views, place, len(stored), folded.rows, folded.stops, self._rate(tenant, view, reached))
        for standing in self._filing.advance(tenant, step):
            self._stand(standing)
        if not failed:
            rows.keep(KNOWN)
            self._last = _Last(tenant, tuple(views), reached, beside, rows)

    def _rows(self, tenant: TenantId, views: Sequence[str], place: int, beside: bool) -> Rows:
        """The rows of a step: those of the last one, if this one goes on where that ended."""
        last, self._last = self._last, None
        if last is not None and last[:4] == (tenant, tuple(views), place, beside):
            return last.rows
        return Rows(partial(self._filing.row, tenant, beside=beside))

    def _fold_part(self, tenant: TenantId, stored: Sequence[bytes], views: Sequence[str], rows: Rows) -> Folded | None:
        """Folds entries that are filed; None when one of them cannot be folded."""
        followed = self._events(frozenset(views))
        decode, opened = _RECORDING.decode, self._keyring.open
        try:
            for each in stored:
                place, sealed = parted(each)
                fold(decode(opened(tenant, sealed, place)), followed, rows)
        except Unfolded:
            return None
        return _written(rows)

    def _stand(self, standing: Standing) -> None:
        """Remembers where a view stands, and tells it."""
        tenant, view = standing.tenant, standing.view
        if standing.state == "following":
            _drop(self._standing, tenant, view)
        else:
            self._standing.setdefault(tenant, {})[view] = standing
        if standing.state in ("following", "stopped"):
            _drop(self._work, tenant, view)
            self._begun.pop((tenant, view), None)
        self._told(standing)

    def _take_up(self, tenant: TenantId, view: str) -> None:
        if self.standing(tenant, view) is not None:
            self._work.setdefault(tenant, {})[view] = None

    def _of(self, view: str, tenant: TenantId | None) -> list[Standing]:
        tenants = list(self._standing) if tenant is None else [tenant]
        found = [self.standing(each, view) for each in tenants]
        return [each for each in found if each is not None]

    def _rate(self, tenant: TenantId, view: str, place: int) -> float:
        now = self._monotonic()
        since, first = self._begun.setdefault((tenant, view), (now, place))
        return (place - first) / (now - since) if now > since else 0.0

    def _followers(self, tenant: TenantId) -> frozenset[str]:
        """The views whose rows are filed with the entries."""
        standings = self._standing.get(tenant, {})
        return self._all.difference(view for view, each in standings.items() if each.place is not None)

    def _events(self, views: frozenset[str]) -> FollowedEvents:
        if views not in self._followed:
            self._followed[views] = followed_events(self._product, [self._views[each] for each in sorted(views)])
        return self._followed[views]

    def _fold_carefully(
        self, tenant: TenantId, records: Iterable[Record], views: Collection[str], filed: GetRow
    ) -> Folded:
        opened = [
            (_RECORDING.decode(self._keyring.open(tenant, record.sealed, record.place)), record) for record in records
        ]
        return fold_carefully(opened, views, self._events, filed, self._deciding)

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


class _Last(NamedTuple):
    """The step before: whose it was, where it ended, and the rows as they were then."""

    tenant: TenantId
    views: tuple[str, ...]
    place: int
    beside: bool
    rows: Rows


class _Account(Value):
    account: AccountId


class _Actor(Value):
    account: _Account


class _Accessing(Value):
    """`actor` is None for a guest."""

    actor: _Actor | None = None


class _Trace(Value):
    current: InvocationId


class _Context(Scoped):
    access: _Accessing
    trace: _Trace


class _Access(Value):
    """What filing needs of an access."""

    context: _Context


class _Entry(Recording):
    """What filing needs of an entry in addition."""

    context: _Context
    entity: Identifier
    key: str
    verdict: Verdict


_ENTRY = decoder(_Entry)
_RECORDING = decoder(Recording)
_BLOCK = decoder(list[_Access])


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


def _written(rows: Rows) -> Folded | None:
    """What became of entries that were folded; None when a row cannot be written."""
    try:
        return Folded(rows.changes(), {})
    except Exception:  # noqa: BLE001  # whatever it is, folding again carefully tells whose row it is
        return None


def _drop(kept: dict[TenantId, dict[str, T]], tenant: TenantId, view: str) -> None:
    """Takes a view of a tenant out, and with the last one the tenant."""
    views = kept.get(tenant, {})
    views.pop(view, None)
    if not views:
        kept.pop(tenant, None)
