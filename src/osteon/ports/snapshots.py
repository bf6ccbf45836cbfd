"""Snapshots: states of entities as they were at some entry, so that not all entries need to be read again.

A cache behind the journal and never the truth: what is missing, unreadable or made by other code is folded again.
"""

from typing import NamedTuple, Protocol

from osteon.messages import Position
from osteon.model import TenantId

__all__ = ["Snapshot", "Snapshots"]


class Snapshot(NamedTuple):
    """The state of an entity behind one of its entries.

    Attributes:
        place: Where that entry is.
        declaration: A fingerprint of how the entity was declared; another one means another state.
        sealed: The state, under the tenant's key, for this entity, place and declaration alone.
    """

    place: Position
    declaration: str
    sealed: bytes


class Snapshots(Protocol):
    """Keeps the last snapshot of each entity, in the tenant's own place. Brief."""

    def find(self, tenant: TenantId, entity_type: str, entity: str) -> Snapshot | None:
        """The snapshot of an entity; None when there is none."""
        ...

    def keep(self, tenant: TenantId, entity_type: str, entity: str, snapshot: Snapshot) -> None:
        """Puts a snapshot in place of the last one. For the drain alone; the tenant must have its place."""
        ...
