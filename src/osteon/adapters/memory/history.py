"""History in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from osteon.adapters.memory.shelf import Shelf, place_of, read_entry
from osteon.messages import Entry, Position, record_hash
from osteon.model import AccountId, InvocationId, TenantId, is_identifier
from osteon.ports.filing import EntryRecord
from osteon.ports.history import PAST, Head, PastEntry, PastEvent, Slice
from osteon.ports.keyring import Keyring

__all__ = ["MemoryHistory"]


class MemoryHistory:
    """Finds entries on a shelf by looking at each. As with any other history, others have their turn meanwhile."""

    def __init__(self, shelf: Shelf, keyring: Keyring) -> None:
        """Reads `shelf`, and opens what it finds with `keyring`."""
        self._shelf = shelf
        self._keyring = keyring

    async def recorded(self, tenant: TenantId, entity: str, key: str) -> Entry | None:
        await asyncio.sleep(0)
        filed = (each for each in self._filed(tenant) if each.entity == entity and each.key == key)
        return next(iter(self._read(filed)), None)

    async def entity(self, tenant: TenantId, entity: str) -> Sequence[Entry]:
        await asyncio.sleep(0)
        return self._read(each for each in self._filed(tenant) if each.entity == entity)

    async def past(self, tenant: TenantId, entity: str, after: Position | None) -> AsyncIterator[Sequence[PastEntry]]:
        filed = [each for each in self._filed(tenant) if each.entity == entity]
        if after is not None:
            filed = filed[place_of(tenant, entity, after, filed) + 1 :]
        for start in range(0, len(filed), PAST):
            await asyncio.sleep(0)
            yield [_past(entry) for entry in self._read(filed[start : start + PAST])]

    async def changes(self, tenant: TenantId, entity: str, after: int, limit: int) -> Slice:
        filed = [each for each in self._filed(tenant) if each.entity == entity and _number(each.position) > after]
        return Slice(self._read(filed[:limit]), _number(filed[limit - 1].position) if len(filed) > limit else None)

    async def by_account(
        self, tenant: TenantId, account: AccountId, before: InvocationId | None, limit: int
    ) -> Sequence[Entry]:
        filed = (each for each in self._filed(tenant) if each.account == account)
        wanted = (each for each in filed if before is None or each.invocation < before)
        return self._read(sorted(wanted, key=lambda each: each.invocation, reverse=True)[:limit])

    async def greatest(self, tenant: TenantId) -> tuple[str, str]:
        filed = self._filed(tenant)
        keys = (each.key for each in filed if each.key is not None)
        externals = (key.rpartition("/")[2] for key in keys)
        return max((each.entity for each in filed), default=""), max(filter(is_identifier, externals), default="")

    def heads(self, tenant: TenantId) -> Mapping[int, Head]:
        return {
            each.position.partition: Head(each.position.sequence, record_hash(each.stored))
            for each in self._filed(tenant)
        }

    async def scan(self, tenant: TenantId, after: Position) -> Sequence[tuple[Position, bytes]]:
        filed = (each for each in self._filed(tenant) if each.position.partition == after.partition)
        return [(each.position, each.stored) for each in filed if each.position > after]

    def _filed(self, tenant: TenantId) -> list[EntryRecord]:
        return self._shelf.folder(tenant).entries

    def _read(self, filed: Iterable[EntryRecord]) -> list[Entry]:
        return [read_entry(self._keyring, each) for each in filed]


def _past(entry: Entry) -> PastEntry:
    events = tuple(PastEvent(type=event.type, body=event.body) for event in entry.events)
    return PastEntry(position=entry.position, entity_type=entry.entity_type, events=events)


def _number(position: Position) -> int:
    return position.partition << 48 | position.sequence
