"""Views on SQLite: rows as they were filed, never decoded on the way."""

import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from typing import Any

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.adapters.sqlite.reading import Reading
from osteon.adapters.sqlite.schema import tables_of
from osteon.adapters.sqlite.selecting import Selecting
from osteon.model import Refused, TenantId
from osteon.ports.filing import Table
from osteon.ports.scheduler import Scheduler
from osteon.ports.views import Rows, Selection

__all__ = ["SqliteViews"]

PART = 1000
FIRST = (-1, "")


class SqliteViews:
    """Finds rows in the tenants' files."""

    def __init__(self, connections: Connections, tables: Sequence[Table], scheduler: Scheduler) -> None:
        """Reads rows of the views `tables`, through `connections`."""
        self._reading = Reading(connections, scheduler)
        self._views = {name: Selecting(table) for name, table in tables_of(tables).items()}

    async def find(self, tenant: TenantId, selection: Selection) -> bytes | None:
        view, scopes, equal, contains = selection
        if len(equal) == 1 and "key" in equal and not contains:
            query, key = self._views[view].by_key, (equal["key"],)
            rows: list[Any] = self._reading.now(
                tenant, lambda connection: connection.execute(query, key).fetchall(), []
            )
            return next((body for scope, body in rows if scopes is None or scope in scopes), None)
        found = await self._select(tenant, selection, 1, None)
        return found[0][2] if found else None

    async def browse(self, tenant: TenantId, selection: Selection, limit: int, cursor: str | None) -> Rows:
        after = None if cursor is None else _place(selection.view, cursor)
        found = await self._select(tenant, selection, limit + 1, after)
        bodies = [body for _, _, body in found[:limit]]
        return Rows(bodies, _cursor(selection.view, *found[limit - 1][:2]) if len(found) > limit else None)

    async def all(self, tenant: TenantId, view: str) -> AsyncIterator[bytes]:
        selection = Selection(view, None, {}, {})
        after = FIRST
        while found := await self._select(tenant, selection, PART, after):
            for _, _, body in found:
                yield body
            after = found[-1][:2]

    async def _select(
        self, tenant: TenantId, selection: Selection, limit: int, after: tuple[int, str] | None
    ) -> list[Any]:
        query, bindings = self._views[selection.view].query(selection, limit, after)

        def select(connection: Connection) -> list[Any]:
            return connection.execute(query, bindings).fetchall()

        return await self._reading.briefly(tenant, select, [])


def _cursor(view: str, place: int, key: str) -> str:
    return base64.urlsafe_b64encode(f"{view}/{place}/{key}".encode()).decode().rstrip("=")


def _place(view: str, cursor: str) -> tuple[int, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        _, place, key = text.split("/", 2)
        found = int(place), key
    except (binascii.Error, ValueError):
        raise Refused("invalid-cursor") from None
    # Whatever else spells the same place, or is of another view, was not given out by this one.
    if _cursor(view, *found) != cursor or not 0 <= found[0] < 1 << 63:
        raise Refused("invalid-cursor")
    return found
