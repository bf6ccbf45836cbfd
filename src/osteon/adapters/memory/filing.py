"""Filing in memory."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from osteon.adapters.memory.shelf import Folder, Shelf
from osteon.model import TenantId
from osteon.ports.filing import Batch, Misfiled, Progress, RowChange, RowChanges, Table, ViewChanged

__all__ = ["MemoryFiling"]


class MemoryFiling:
    """Files on a shelf, where nothing outlives the process."""

    def __init__(self, shelf: Shelf, tables: Sequence[Table]) -> None:
        """Files rows of the views `tables` on `shelf`."""
        self._shelf = shelf
        self._views = {table.name: table for table in tables}

    def tenants(self) -> Sequence[TenantId]:
        return self._shelf.tenants()

    def changed(self, tenant: TenantId) -> Sequence[str]:
        filed = self._shelf.folder(tenant).views
        return sorted({name for name, _ in filed.items() ^ self._views.items()}) if filed else []

    @contextmanager
    def renewal(self, tenant: TenantId) -> Generator["_Renewal"]:
        folder, changed = self._shelf.folder(tenant), self.changed(tenant)
        renewal = _Renewal(folder, [view for view in changed if view in self._views])
        yield renewal
        for view in changed:
            folder.rows.pop(view, None)
        folder.rows.update(renewal.rows)
        folder.views.clear()
        folder.views.update(self._views)

    def progress(self, tenant: TenantId) -> Progress:
        folder = self._shelf.folder(tenant)
        if not folder.views:
            folder.views.update(self._views)
            folder.rows.update({view: {} for view in self._views})
        changed = self.changed(tenant)
        if changed:
            raise ViewChanged(tenant, changed)
        return Progress(dict(folder.sequences), folder.accesses[-1].number if folder.accesses else 0)

    def row(self, tenant: TenantId, view: str, key: str) -> RowChange | None:
        self.progress(tenant)
        return self._shelf.folder(tenant).rows[view].get(key)

    def file(self, tenant: TenantId, batch: Batch) -> None:
        sequences = _checked(self.progress(tenant), batch)
        folder = self._shelf.folder(tenant)
        folder.sequences.update(sequences)
        folder.entries.extend(batch.entries)
        folder.accesses.extend(batch.accesses)
        _put(folder.rows, batch.rows)

    def settle(self) -> bool:
        return True

    def close(self) -> None:
        pass


class _Renewal:
    """Rows on the way to the shelf."""

    def __init__(self, folder: Folder, views: Sequence[str]) -> None:
        self._folder = folder
        self.views = views
        self.rows: dict[str, dict[str, RowChange]] = {view: {} for view in views}

    def entries(self) -> Iterator[Sequence[bytes]]:
        """See `Renewal.entries`; each is a part of its own."""
        for entry in self._folder.entries:
            yield [entry.stored]

    def row(self, view: str, key: str) -> RowChange | None:
        """See `Renewal.row`."""
        return self.rows[view].get(key)

    def put(self, rows: RowChanges) -> None:
        """See `Renewal.put`."""
        _put(self.rows, rows)


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
