"""The access log on SQLite: blocks of accesses, found by account."""

import heapq
from collections.abc import Sequence
from typing import Any

import apsw

from osteon.adapters.sqlite.connections import Connections
from osteon.adapters.sqlite.reading import Reading
from osteon.messages import Record
from osteon.model import AccountId, InvocationId, TenantId, decoder
from osteon.ports.access_log import Access
from osteon.ports.keyring import Keyring
from osteon.ports.scheduler import Scheduler

__all__ = ["SqliteAccessLog"]

BLOCKS = """SELECT greatest, stored FROM access_accounts CROSS JOIN accesses USING (number)
    WHERE account = ? AND least < ? ORDER BY greatest DESC, number DESC"""
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
        def load(connection: apsw.Connection) -> list[Access]:
            return self._newest(connection, tenant, account, before or LAST, limit)

        return await self._reading.beside(tenant, load, [])

    def _newest(
        self, connection: apsw.Connection, tenant: TenantId, account: AccountId, before: str, limit: int
    ) -> list[Access]:
        found: list[Access] = []
        with connection.execute(BLOCKS, (account, before)) as blocks:
            for greatest, stored in blocks:
                if len(found) == limit and greatest < _invocation(found[-1]):
                    break
                block = self._open(tenant, stored)
                mine = [each for each in block if each.context.account == account and _invocation(each) < before]
                found = heapq.nlargest(limit, [*found, *mine], key=_invocation)
        return found

    def _open(self, tenant: TenantId, stored: Any) -> list[Access]:  # noqa: ANN401
        record = Record.of(stored)
        return ACCESSES.decode(self._keyring.open(tenant, record.sealed, record.place))


def _invocation(access: Access) -> InvocationId:
    return access.context.trace.current
