"""Folding: from the events of entries to rows of views. What projection does with each entry, without any storage."""

import traceback
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from osteon.domain import Product, View
from osteon.messages import MessageType, Record
from osteon.model import OsteonError, ScopeId, Value, decoder, milliseconds, plain, record_json
from osteon.ports.filing import RowChange, Stopped
from osteon.ports.views import Stop

__all__ = [
    "FoldFailed",
    "Folded",
    "FollowedEvents",
    "GetRow",
    "Recording",
    "Rows",
    "Scoped",
    "Unfolded",
    "fold",
    "fold_carefully",
    "followed_events",
]

AnyView = View[Any, Any, Any]
GetRow = Callable[[str, str], RowChange | None]


class FoldFailed(OsteonError):
    """Raised when an entry cannot be folded into a view that must not stop: the code does not fit what was recorded."""

    def __init__(self, what: str, record: Record, fault: Exception) -> None:
        """Tells what failed, at which entry, and how."""
        self.tenant, self.position = record.tenant, record.position
        partition, sequence = record.position
        super().__init__(
            f"{what} failed at entry {sequence} in partition {partition} of the tenant '{self.tenant}': "
            f"{type(fault).__name__}: {fault}. Mend the code and start again; nothing is lost."
        )


class Unfolded(Exception):
    """Raised at an entry that some views cannot take. Whoever folds knows which entry that is."""

    def __init__(self, what: str, views: Sequence[str], event: str, fault: Exception) -> None:
        """Tells what failed, for which views, at which event, and how."""
        super().__init__(what)
        self.what, self.views, self.event, self.fault = what, views, event, fault


class _Path(Value):
    """A scope, from the root on."""

    path: tuple[ScopeId, ...]


class Scoped(Value):
    """What folding needs of a context."""

    scope: _Path


class _Command(Value):
    """What folding needs of a command: its time."""

    id: str


class _Event(Value):
    """An event as it was recorded."""

    type: str
    body: msgspec.Raw


class Recording(Value):
    """What folding needs of an entry. The rest is skipped, as reading all of it takes three times as long."""

    context: Scoped
    command: _Command
    events: tuple[_Event, ...] = ()


class _Held(NamedTuple):
    """A row while entries are folded; it becomes JSON once, however often it changes."""

    row: Any
    order: int
    scope: str


class Folded(NamedTuple):
    """What became of entries: the changed rows, and the views that stopped among them."""

    rows: Mapping[str, Mapping[str, RowChange | None]]
    stops: Mapping[str, Stopped]


class Rows:
    """The rows of one tenant while a batch is folded: as filed, then as changed."""

    def __init__(self, filed: GetRow) -> None:
        """Nothing has changed yet; `filed` gives rows as they were."""
        self._filed = filed
        self._changed: dict[Folding, dict[str, _Held | None]] = defaultdict(dict)
        self._known: dict[Folding, dict[str, _Held | None]] = defaultdict(dict)

    def of(self, folding: "Folding") -> dict[str, _Held | None]:
        """The changed rows of one view."""
        return self._changed[folding]

    def get(self, folding: "Folding", key: str) -> "_Held | RowChange | None":
        """A row as it is now: changed, or as it was filed."""
        changed = self._changed[folding]
        if key in changed:
            return changed[key]
        known = self._known
        return known[folding][key] if known and key in known[folding] else self._filed(folding.name, key)

    def changes(self) -> Mapping[str, Mapping[str, RowChange | None]]:
        """The changed rows by view and key, as they are filed. Raises whatever a row raises that cannot be written."""
        return {folding.name: folding.written(held) for folding, held in self._changed.items()}

    def keep(self, most: int) -> None:
        """The changes are filed: nothing has changed any more. They need not be read again, if there are not too many."""
        for folding, held in self._changed.items():
            self._known[folding].update(held)
        self._changed.clear()
        if sum(map(len, self._known.values())) > most:
            self._known.clear()


class Folding:
    """One view, ready to fold."""

    def __init__(self, view: AnyView) -> None:
        """Prepares what is needed for each row."""
        self.name, self.key, self.beginning = view.name, view.key, view.beginning
        self._decode = decoder(view.row).decode
        self._scoped, self._columns = view.scoped, tuple(view.columns)
        self._begin, self._evolve = view.begin, view.evolve

    def begun(self, event: Any, entry: Recording) -> _Held:
        """The row that an event begins. Raises whatever the view's function raises."""
        return self._held(self._begin(event), milliseconds(entry.command.id), entry)

    def evolved(self, event: Any, entry: Recording, before: _Held | RowChange) -> _Held | None:
        """The row after an event, None when it is gone. Raises whatever the view's function raises."""
        assert self._evolve is not None
        row = self._decode(before.body) if isinstance(before, RowChange) else before.row
        after = self._evolve(event, row)
        return None if after is None else self._held(after, before.order, entry)

    def written(self, held: Mapping[str, _Held | None]) -> dict[str, RowChange | None]:
        """Rows as they are filed, by key."""
        columns = self._columns
        return {
            key: None
            if each is None
            else RowChange(
                key,
                each.scope,
                each.order,
                {column: plain(getattr(each.row, column)) for column in columns},
                record_json(each.row),
            )
            for key, each in held.items()
        }

    def _held(self, row: Any, order: int, entry: Recording) -> _Held:
        return _Held(row, order, row.scope if self._scoped else entry.context.scope.path[0])


class Followed(NamedTuple):
    """An event that views follow."""

    message: MessageType
    foldings: Sequence[Folding]


FollowedEvents = Mapping[str, Followed]
"""The events that some views follow, by wire name."""


def followed_events(product: Product, views: Collection[AnyView]) -> FollowedEvents:
    """The events that any of these views follows."""
    foldings: dict[type[Any], list[Folding]] = {}
    for view in views:
        folding = Folding(view)
        for event in view.events:
            foldings.setdefault(event, []).append(folding)
    return {each.name: Followed(each, foldings[each.type]) for each in product.catalogue if each.type in foldings}


def fold(entry: Recording, followed: FollowedEvents, rows: Rows, *, careful: bool = False) -> None:
    """Folds an entry.

    Args:
        entry: What is needed of it.
        followed: The events that count.
        rows: Are changed.
        careful: Sees to it that rows can be written, which is to be known here only once something has failed.

    Raises:
        Unfolded: A view cannot be folded, or an event not be read.
    """
    for recorded in entry.events:
        found = followed.get(recorded.type)
        if found is None:
            continue
        try:
            event = found.message.decoder.decode(recorded.body)
        except ValueError as fault:
            views = [folding.name for folding in found.foldings]
            raise Unfolded(f"Reading the event '{recorded.type}'", views, recorded.type, fault) from fault
        for folding in found.foldings:
            key: str = getattr(event, folding.key)
            begins = isinstance(event, folding.beginning)
            # Read before: a disk that fails is not the view's fault.
            before = None if begins else rows.get(folding, key)
            if before is None and not begins:
                continue
            try:
                after = folding.begun(event, entry) if before is None else folding.evolved(event, entry, before)
                if careful:
                    folding.written({key: after})
            except Exception as fault:
                what = f"Folding '{type(event).__name__}' into the view '{folding.name}'"
                raise Unfolded(what, [folding.name], recorded.type, fault) from fault
            rows.of(folding)[key] = after


def fold_carefully(
    entries: Sequence[tuple[Recording, Record]],
    views: Collection[str],
    following: Callable[[frozenset[str]], FollowedEvents],
    filed: GetRow,
    deciding: Collection[str],
) -> Folded:
    """Folds entries of which some cannot be folded: a view that fails keeps what those before have made of its rows.

    Args:
        entries: In the order of filing.
        views: Into which they are folded.
        following: The events that some views follow.
        filed: Gives rows as they were.
        deciding: Views that must not stop.

    Raises:
        FoldFailed: One of the `deciding` cannot be folded.
    """
    stops: dict[str, Stopped] = {}
    while True:
        rows = Rows(filed)
        after, failed = _fold_until(entries, following(frozenset(views).difference(stops)), rows)
        if failed is None:
            break
        record = entries[after][1]
        if not set(failed.views).isdisjoint(deciding):
            raise FoldFailed(failed.what, record, failed.fault) from failed.fault
        stop = Stop(position=record.position, event=failed.event, reason=_reason(failed.fault))
        stops |= {view: Stopped(after, stop) for view in failed.views}
    for view, stopped in stops.items():
        # These are the entries that it has got through.
        _fold_until(entries[: stopped.after], following(frozenset([view])), rows)
    return Folded(rows.changes(), stops)


def _fold_until(
    entries: Sequence[tuple[Recording, Record]], followed: FollowedEvents, rows: Rows
) -> tuple[int, Unfolded | None]:
    """Folds entries until one fails; how many went well, and what failed."""
    for after, (entry, _) in enumerate(entries):
        try:
            fold(entry, followed, rows, careful=True)
        except Unfolded as failed:
            return after, failed
    return len(entries), None


def _reason(fault: Exception) -> str:
    """What was raised, and where: its text may hold values, which are not for everybody who sees that a view stopped."""
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" in '{frames[-1].name}', {PurePath(frames[-1].filename).name} line {frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{where}"
