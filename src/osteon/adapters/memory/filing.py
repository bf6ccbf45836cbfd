"""Filing in memory."""

from collections.abc import Iterator, Sequence

from osteon.adapters.memory.shelf import Folder, Lagging, Shelf, place_of
from osteon.messages import Position
from osteon.model import TenantId
from osteon.ports.filing import Batch, Misfiled, Progress, RowChange, RowChanges, Step, Table, ViewChanged
from osteon.ports.history import PAST
from osteon.ports.views import Standing

__all__ = ["MemoryFiling"]


class MemoryFiling:
    """Files on a shelf, where nothing outlives the process."""

    def __init__(self, shelf: Shelf, tables: Sequence[Table]) -> None:
        """Files rows of the views `tables` on `shelf`."""
        self._shelf = shelf
        self._views = {table.name: table for table in tables}
        self._seen: set[TenantId] = set()

    def tenants(self) -> Sequence[TenantId]:
        return self._shelf.tenants()

    def expect_settled(self) -> None:
        """Memory loses nothing by itself."""

    def revise(self, tenant: TenantId) -> Sequence[Standing]:
        folder = self._shelf.folder(tenant)
        if not folder.views:
            return []
        self._seen.add(tenant)
        for gone in {*folder.views, *folder.making}.difference(self._views):
            _drop(folder, gone)
        for table in self._views.values():
            _revise(folder, table)
        return [_standing(tenant, folder, view, self._views[view]) for view in sorted({*folder.behind, *folder.making})]

    def begin(self, tenant: TenantId, view: str) -> Standing:
        folder = self._shelf.folder(tenant)
        _make(folder, self._views[view])
        return _standing(tenant, folder, view, self._views[view])

    def behind(self, tenant: TenantId, place: int, most: int) -> Sequence[bytes]:
        return [entry.stored for entry in self._shelf.folder(tenant).entries[place : place + most]]

    def of_entity(self, tenant: TenantId, entity: str, after: Position | None) -> Iterator[Sequence[bytes]]:
        filed = [each for each in self._shelf.folder(tenant).entries if each.entity == entity]
        if after is not None:
            filed = filed[place_of(tenant, entity, after, filed) + 1 :]
        for start in range(0, len(filed), PAST):
            yield [each.stored for each in filed[start : start + PAST]]

    def advance(self, tenant: TenantId, step: Step) -> Sequence[Standing]:
        folder = self._shelf.folder(tenant)
        for view in step.views:
            _advance(folder, view, step)
        return [_standing(tenant, folder, view, self._views[view]) for view in step.views]

    def progress(self, tenant: TenantId) -> Progress:
        folder = self._shelf.folder(tenant)
        if not folder.views:
            folder.views.update(self._views)
            folder.rows.update({view: {} for view in self._views})
        if tenant not in self._seen:
            changed = {name for name, _ in folder.views.items() ^ self._views.items()}
            if changed or folder.behind or folder.making:
                raise ViewChanged(tenant, sorted({*changed, *folder.behind, *folder.making}))
            self._seen.add(tenant)
        return Progress(dict(folder.sequences), folder.accesses[-1].number if folder.accesses else 0)

    def row(self, tenant: TenantId, view: str, key: str, *, beside: bool = False) -> RowChange | None:
        self.progress(tenant)
        folder = self._shelf.folder(tenant)
        return (folder.beside if beside else folder.rows)[view].get(key)

    def file(self, tenant: TenantId, batch: Batch) -> None:
        sequences = _checked(self.progress(tenant), batch)
        folder = self._shelf.folder(tenant)
        for view, stopped in batch.stops.items():
            _give_up(folder, view)
            folder.behind[view] = Lagging(self._views[view], len(folder.entries) + stopped.after, stop=stopped.stop)
        folder.sequences.update(sequences)
        folder.entries.extend(batch.entries)
        folder.accesses.extend(batch.accesses)
        _put(folder.rows, batch.rows)

    def settle(self) -> bool:
        return True

    def close(self) -> None:
        pass


def _revise(folder: Folder, table: Table) -> None:
    """Brings a view in line with how it is declared."""
    view, count = table.name, len(folder.entries)
    made, served = folder.making.get(view), folder.views.get(view)
    if made is not None and made.table != table:
        _give_up(folder, view)
    if served == table:
        behind = folder.behind.get(view)
        if behind is not None and behind.place == count and behind.stop is None:
            del folder.behind[view]
        return
    if served is not None:
        folder.behind[view] = folder.behind.get(view, Lagging(served, count))._replace(stop=None)
    if view not in folder.making:
        _make(folder, table)


def _advance(folder: Folder, view: str, step: Step) -> None:
    making = view in folder.making
    lagging, rows = (folder.making, folder.beside) if making else (folder.behind, folder.rows)
    before = lagging.get(view)
    if before is None or before.place != step.place:
        raise Misfiled(f"the view '{view}'", before.place if before else len(folder.entries), step.place)
    _put(rows, {view: step.rows.get(view, {})})
    stopped = step.stops.get(view)
    place = step.place + (stopped.after if stopped else step.entries)
    if stopped is None and place == len(folder.entries):
        folder.behind.pop(view, None)
        if making:
            folder.rows[view], folder.views[view] = folder.beside[view], before.table
            _give_up(folder, view)
    else:
        lagging[view] = before._replace(place=place, rate=step.rate, stop=stopped.stop if stopped else None)


def _standing(tenant: TenantId, folder: Folder, view: str, declared: Table) -> Standing:
    behind, made, served = folder.behind.get(view), folder.making.get(view), folder.views.get(view)
    worked = made or behind
    return Standing(
        tenant=tenant,
        view=view,
        entries=len(folder.entries),
        place=behind.place if behind else None if served else 0,
        fits=served is not None and served._replace(folded=declared.folded) == declared,
        made=made.place if made else None,
        rate=worked.rate if worked else 0.0,
        stop=worked.stop if worked else None,
    )


def _make(folder: Folder, table: Table) -> None:
    """Begins to make rows beside those that are there."""
    folder.making[table.name] = Lagging(table, 0)
    folder.beside[table.name] = {}


def _give_up(folder: Folder, view: str) -> None:
    folder.making.pop(view, None)
    folder.beside.pop(view, None)


def _drop(folder: Folder, view: str) -> None:
    _give_up(folder, view)
    folder.views.pop(view, None)
    folder.rows.pop(view, None)
    folder.behind.pop(view, None)


def _checked(progress: Progress, batch: Batch) -> dict[int, int]:
    """How far each partition is filed after the batch."""
    sequences, accesses = dict(progress.sequences), progress.accesses
    for entry in batch.entries:
        partition, sequence = entry.position
        expected = sequences.get(partition, 0) + 1
        if sequence != expected:
            raise Misfiled(f"partition {partition}", expected, sequence)
        sequences[partition] = sequence
    for access in batch.accesses:
        if access.number <= accesses:
            raise Misfiled("the access log", accesses + 1, access.number)
        accesses = access.number
    return sequences


def _put(rows: dict[str, dict[str, RowChange]], changes: RowChanges) -> None:
    for view, changed in changes.items():
        for key, row in changed.items():
            if row is None:
                rows[view].pop(key, None)
            else:
                rows[view][key] = row
