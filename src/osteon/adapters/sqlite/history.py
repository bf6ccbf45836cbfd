"""History on SQLite."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.adapters.sqlite.past import records_numbered, rows_behind
from osteon.adapters.sqlite.reading import Reading
from osteon.messages import Entry, Position, Record, parted, record_hash
from osteon.model import AccountId, InvocationId, TenantId, decoder
from osteon.ports.history import PAST, Head, PastEntry, Slice
from osteon.ports.keyring import Keyring
from osteon.ports.scheduler import Scheduler

__all__ = ["SqliteHistory"]

FEW, PART = 100, 250
SHORT = 32
"""How many records of an entity's past are read on the loop; more of them beside it, as each may be on a page of its own."""
SCANNED = 500

RECORDED = "SELECT stored FROM journal WHERE entity = ? AND key = ?"
# Numbers first, rows after: else each row is sorted with its record.
NUMBERS = "SELECT number FROM journal INDEXED BY journal_entity WHERE entity = ?"
NUMBERED = "SELECT stored FROM journal WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"
CHANGES = """SELECT position, stored FROM journal
    WHERE number IN (
        SELECT number FROM journal INDEXED BY journal_entity WHERE entity = ?1
            AND number > coalesce((SELECT number FROM journal WHERE position = ?2 AND entity = ?1), 0))
    AND position > ?2 ORDER BY number LIMIT ?3"""
ACCOUNT = """WITH RECURSIVE chain(number, invocation, earlier) AS (
        SELECT number, invocation, earlier FROM journal WHERE number = (SELECT last FROM accounts WHERE account = ?)
        UNION ALL
        SELECT before.number, before.invocation, before.earlier
            FROM chain CROSS JOIN journal AS before ON before.number = chain.earlier)
    SELECT (SELECT stored FROM journal WHERE journal.number = chain.number) FROM chain WHERE invocation < ? LIMIT ?"""
LAST = "~"
"""Greater than every identifier."""
HEADS = """SELECT progress.part, progress.place, journal.stored
    FROM progress CROSS JOIN journal ON journal.position = (progress.part << 48 | progress.place)
    WHERE kind = 'partition'"""
SCAN = "SELECT position, stored FROM journal WHERE position > ? AND position < ? ORDER BY position LIMIT ?"

ENTRY = decoder(Entry)
PAST_ENTRY = decoder(PastEntry)


class SqliteHistory:
    """Finds entries in the tenants' files."""

    def __init__(self, connections: Connections, keyring: Keyring, scheduler: Scheduler) -> None:
        """Reads through `connections`, and opens what it finds with `keyring`."""
        self._reading = Reading(connections, scheduler)
        self._keyring = keyring

    async def recorded(self, tenant: TenantId, entity: str, key: str) -> Entry | None:
        found = self._reading.now(tenant, lambda connection: connection.execute(RECORDED, (entity, key)).get, None)
        return None if found is None else self._entry(tenant, found)

    async def entity(self, tenant: TenantId, entity: str) -> Sequence[Entry]:
        def find(connection: Connection) -> list[int]:
            return sorted(number for (number,) in _rows(connection, NUMBERS, entity))

        numbers: list[int] = await self._reading.briefly(tenant, find, [])
        if len(numbers) <= FEW:
            return self._reading.now(tenant, self._numbered(tenant, numbers), [])
        # In parts, between which the loop has its turn: what decodes holds the interpreter's lock.
        found: list[Entry] = []
        for start in range(0, len(numbers), PART):
            found += await self._reading.beside(tenant, self._numbered(tenant, numbers[start : start + PART]), [])
        return found

    async def past(self, tenant: TenantId, entity: str, after: Position | None) -> AsyncIterator[Sequence[PastEntry]]:
        def find(connection: Connection) -> list[int]:
            return rows_behind(connection, tenant, entity, after)

        numbers: list[int] = await self._reading.briefly(tenant, find, [])
        for start in range(0, len(numbers), PAST):
            read = partial(records_numbered, numbers=numbers[start : start + PAST])
            if len(numbers) <= SHORT:
                yield self._past(tenant, self._reading.now(tenant, read, []))
            else:
                yield self._past(tenant, await self._reading.beside(tenant, read, []))

    async def changes(self, tenant: TenantId, entity: str, after: int, limit: int) -> Slice:
        def load(connection: Connection) -> list[Any]:
            return _rows(connection, CHANGES, entity, after, limit + 1)

        return self._slice(tenant, await self._reading.briefly(tenant, load, []), limit)

    async def by_account(
        self, tenant: TenantId, account: AccountId, before: InvocationId | None, limit: int
    ) -> Sequence[Entry]:
        def load(connection: Connection) -> list[Any]:
            return _rows(connection, ACCOUNT, account, before or LAST, limit)

        found: list[Any] = await self._reading.briefly(tenant, load, [])
        return [self._entry(tenant, stored) for (stored,) in found]

    async def greatest(self, tenant: TenantId) -> tuple[str, str]:
        found: dict[str, str] = dict(
            self._reading.now(tenant, lambda connection: _rows(connection, "SELECT name, value FROM greatest"), [])
        )
        return found.get("entity", ""), found.get("external", "")

    def heads(self, tenant: TenantId) -> Mapping[int, Head]:
        found: list[Any] = self._reading.now(tenant, lambda connection: _rows(connection, HEADS), [])
        return {partition: Head(sequence, record_hash(stored)) for partition, sequence, stored in found}

    async def scan(self, tenant: TenantId, after: Position) -> Sequence[tuple[Position, bytes]]:
        first, end = after.partition << 48 | after.sequence, after.partition + 1 << 48
        found: list[Any] = await self._reading.beside(
            tenant, lambda connection: _rows(connection, SCAN, first, end, SCANNED), []
        )
        return [(Position(number >> 48, number & (1 << 48) - 1), stored) for number, stored in found]

    def _numbered(self, tenant: TenantId, numbers: list[int]) -> Callable[[Connection], list[Entry]]:
        """What loads the entries with those numbers."""
        wanted = json.dumps(numbers)
        return lambda connection: [self._entry(tenant, stored) for (stored,) in _rows(connection, NUMBERED, wanted)]

    def _past(self, tenant: TenantId, records: Sequence[bytes]) -> list[PastEntry]:
        opened, decode = self._keyring.open, PAST_ENTRY.decode
        found: list[PastEntry] = []
        for stored in records:
            place, sealed = parted(stored)
            found.append(decode(opened(tenant, sealed, place)))
        return found

    def _slice(self, tenant: TenantId, found: Sequence[tuple[int, bytes]], limit: int) -> Slice:
        entries = [self._entry(tenant, stored) for _, stored in found[:limit]]
        return Slice(entries, found[limit - 1][0] if len(found) > limit else None)

    def _entry(self, tenant: TenantId, stored: bytes) -> Entry:
        record = Record.of(stored)
        return ENTRY.decode(self._keyring.open(tenant, record.sealed, record.place))


def _rows(connection: Connection, query: str, *bindings: str | int) -> list[Any]:
    return connection.execute(query, bindings).fetchall()
