"""Snapshots in memory."""

from osteon.adapters.memory.shelf import Shelf
from osteon.model import TenantId
from osteon.ports.snapshots import Snapshot

__all__ = ["MemorySnapshots"]


class MemorySnapshots:
    """Keeps snapshots on a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        """Reads and fills `shelf`."""
        self._shelf = shelf

    def find(self, tenant: TenantId, entity_type: str, entity: str) -> Snapshot | None:
        return self._shelf.folder(tenant).states.get((entity_type, entity))

    def keep(self, tenant: TenantId, entity_type: str, entity: str, snapshot: Snapshot) -> None:
        self._shelf.folder(tenant).states[entity_type, entity] = snapshot
