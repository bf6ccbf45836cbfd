"""Reading, beside the loop only what is long: a question is asked on it first, and given up when it takes much."""

from collections.abc import Callable
from typing import TypeVar

import apsw

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.model import TenantId
from osteon.ports.scheduler import Scheduler

__all__ = ["Reading"]

T = TypeVar("T")

STEPS = 20_000
"""Instructions of SQLite's machine: half a millisecond or so."""


class Reading:
    """Lends connections for single questions; no snapshot outlives one."""

    def __init__(self, connections: Connections, scheduler: Scheduler) -> None:
        """Reads through `connections`; long questions run in `scheduler.blocking`."""
        self._connections = connections
        self._scheduler = scheduler

    def now(self, tenant: TenantId, work: Callable[[Connection], T], absent: T) -> T:
        """What `work` finds, at once: for what is certainly short. `absent`, while the tenant has no file."""
        connection = self._connections.take(tenant)
        if connection is None:
            return absent
        try:
            return work(connection)
        finally:
            self._connections.give(tenant, connection)

    async def briefly(self, tenant: TenantId, work: Callable[[Connection], T], absent: T) -> T:
        """What `work` finds: at once if that is quick, else beside the loop. `work` may run twice."""
        try:
            return self.now(tenant, lambda connection: _within_limits(connection, work), absent)
        except apsw.InterruptError:
            return await self.beside(tenant, work, absent)

    async def beside(self, tenant: TenantId, work: Callable[[Connection], T], absent: T) -> T:
        """What `work` finds, beside the loop: for what is certainly long."""
        return await self._scheduler.blocking(lambda: self.now(tenant, work, absent))


def _within_limits(connection: Connection, work: Callable[[Connection], T]) -> T:
    connection.set_progress_handler(_Patience().is_over, STEPS)
    try:
        return work(connection)
    finally:
        connection.set_progress_handler(None)


class _Patience:
    """Is over at the second look; the first may come at any time, as SQLite counts on from a statement's last run."""

    def __init__(self) -> None:
        self._looked = False

    def is_over(self) -> bool:
        over, self._looked = self._looked, True
        return over
