"""The access log on SQLite: blocks of accesses, found by account."""

import heapq
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.adapters.sqlite.reading import Reading
from osteon.messages import GENESIS, Record, record_hash
from osteon.model import AccountId, InvocationId, TenantId, decoder
from osteon.ports.access_log import Access
from osteon.ports.history import Head
from osteon.ports.keyring import Keyring
from osteon.ports.scheduler import Scheduler

__all__ = ["SqliteAccessLog"]

BLOCKS = """SELECT greatest, stored FROM access_accounts CROSS JOIN accesses USING (number)
    WHERE account = ? AND least < ? ORDER BY greatest DESC, number DESC"""
NEWEST = "SELECT number, stored FROM accesses ORDER BY number DESC LIMIT 1"
LAST = "~"
"""Greater than every identifier."""

ACCESSES = decoder(list[Access])


class SqliteAccessLog:
    """Finds accesses in the tenants' files."""

    def __init__(self, connections: Connections, keyring: Keyring, scheduler: Scheduler) -> None:
        """Reads through `connections`, and opens what it finds with `keyring`."""
        self._reading = Reading(connections, scheduler)
        self._keyring = keyring

    async def by_account(
        self, tenant: TenantId, account: AccountId, before: InvocationId | None, limit: int
    ) -> Sequence[Access]:
        def load(connection: Connection) -> list[Access]:
            return self._newest(connection, tenant, account, before or LAST, limit)

        return await self._reading.beside(tenant, load, [])

    def head(self, tenant: TenantId) -> Head:
        found: list[Any] = self._reading.now(tenant, lambda connection: connection.execute(NEWEST).fetchall(), [])
        return next((Head(number, record_hash(stored)) for number, stored in found), Head(0, GENESIS))

    def _newest(
        self, connection: Connection, tenant: TenantId, account: AccountId, before: str, limit: int
    ) -> list[Access]:
        found: list[Access] = []
        with closing(connection.execute(BLOCKS, (account, before))) as blocks:
            for greatest, stored in blocks:
                if len(found) == limit and greatest < _invocation(found[-1]):
                    break
                block = self._open(tenant, stored)
                mine = [each for each in block if each.context.account == account and _invocation(each) < before]
                found = heapq.nlargest(limit, [*found, *mine], key=_invocation)
        return found

    def _open(self, tenant: TenantId, stored: bytes) -> list[Access]:
        record = Record.of(stored)
        return ACCESSES.decode(self._keyring.open(tenant, record.sealed, record.place))


def _invocation(access: Access) -> InvocationId:
    return access.context.trace.current
