"""Filing in memory."""

from collections.abc import Sequence

from osteon.adapters.memory.shelf import Folder, Shelf
from osteon.model import TenantId
from osteon.ports.filing import Batch, Misfiled, Progress, RowChange, Table, ViewChanged

__all__ = ["MemoryFiling"]


class MemoryFiling:
    """Files on a shelf, where nothing outlives the process."""

    def __init__(self, shelf: Shelf, tables: Sequence[Table]) -> None:
        """Files rows of the views `tables` on `shelf`."""
        self._shelf = shelf
        self._views = {table.name for table in tables}

    def progress(self, tenant: TenantId) -> Progress:
        folder = self._shelf.folder(tenant)
        if not folder.rows:
            folder.rows.update({view: {} for view in self._views})
        changed = self._views ^ folder.rows.keys()
        if changed:
            raise ViewChanged(tenant, sorted(changed))
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
        for view in batch.rows:
            _put(folder, view, batch)

    def settle(self) -> bool:
        return True

    def close(self) -> None:
        pass


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


def _put(folder: Folder, view: str, batch: Batch) -> None:
    rows = folder.rows[view]
    for key, row in batch.rows[view].items():
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = row
