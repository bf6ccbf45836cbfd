"""The history: the journal's older part, found by entity, key, actor or position."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from osteon.messages import Entry, Position
from osteon.model import AccountId, InvocationId, OsteonError, TenantId, Value

__all__ = ["PAST", "Head", "History", "PastEntry", "PastEvent", "Slice", "UnknownPlace"]

PAST = 64
"""How many entries of an entity's past are handed out together."""


class UnknownPlace(OsteonError):
    """Raised when there is no entry of an entity at the place behind which its entries are asked for."""

    def __init__(self, tenant: TenantId, entity: str, place: Position) -> None:
        """Tells whose it is, and where."""
        super().__init__(f"Position '{place.token}' of the tenant '{tenant}' is none of the entity '{entity}'.")


class PastEvent(Value):
    """An event as it was recorded."""

    type: str
    body: msgspec.Raw


class PastEntry(Value):
    """What folding an entity needs of an entry. The rest is skipped, as reading all of it takes several times as long."""

    position: Position
    entity_type: str
    events: tuple[PastEvent, ...] = ()


class Head(NamedTuple):
    """The last entry of a partition: its sequence, and the hash that its successor must carry."""

    sequence: int
    hash: bytes


class Slice(NamedTuple):
    """A part of a sequence of entries; `next` is where the part behind it begins, None at the end."""

    entries: Sequence[Entry]
    next: int | None


class History(Protocol):
    """Reads entries that the drain has filed; the newest may be missing until it has."""

    async def recorded(self, tenant: TenantId, entity: str, key: str) -> Entry | None:
        """The entry recorded for an entity under a key, faulted ones left out: their verdict does not stand."""
        ...

    async def entity(self, tenant: TenantId, entity: str) -> Sequence[Entry]:
        """Every entry of an entity, oldest first; empty when there is none."""
        ...

    def past(self, tenant: TenantId, entity: str, after: Position | None) -> AsyncIterator[Sequence[PastEntry]]:
        """The entries of an entity behind the one at `after`, oldest first, in parts of `PAST` at most.

        A part costs the loop a fraction of a millisecond; between two of them others may have their turn.

        Raises:
            UnknownPlace: No entry of the entity is at `after`.
        """
        ...

    async def changes(self, tenant: TenantId, entity: str, after: int, limit: int) -> Slice:
        """Entries of an entity with a position number greater than `after`, oldest first."""
        ...

    async def by_account(
        self, tenant: TenantId, account: AccountId, before: InvocationId | None, limit: int
    ) -> Sequence[Entry]:
        """Entries by what an account did, newest first; with `before`, only invocations with a lesser identifier."""
        ...

    async def greatest(self, tenant: TenantId) -> tuple[str, str]:
        """The greatest entity identifier and the greatest key that is an identifier; empty texts when none."""
        ...

    def heads(self, tenant: TenantId) -> Mapping[int, Head]:
        """The head of each partition."""
        ...

    async def scan(self, tenant: TenantId, after: Position) -> Sequence[tuple[Position, bytes]]:
        """The next records of one partition behind a position, byte for byte as in the journal; empty at the end."""
        ...
