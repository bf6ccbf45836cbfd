"""Views in memory."""

from collections.abc import AsyncIterator, Iterator

from osteon.adapters.memory.shelf import Shelf
from osteon.model import Refused, TenantId
from osteon.ports.filing import RowChange
from osteon.ports.views import Rows, Selection

__all__ = ["MemoryViews"]


class MemoryViews:
    """Finds rows on a shelf by looking at each."""

    def __init__(self, shelf: Shelf) -> None:
        """Reads `shelf`."""
        self._shelf = shelf

    async def find(self, tenant: TenantId, selection: Selection) -> bytes | None:
        return next((row.body for row in self._select(tenant, selection)), None)

    async def browse(self, tenant: TenantId, selection: Selection, limit: int, cursor: str | None) -> Rows:
        after = _place(selection.view, cursor) if cursor is not None else (-1, "")
        found = [row for row in self._select(tenant, selection) if (row.order, row.key) > after]
        following = _cursor(selection.view, found[limit - 1]) if len(found) > limit else None
        return Rows([row.body for row in found[:limit]], following)

    async def all(self, tenant: TenantId, view: str) -> AsyncIterator[bytes]:
        for row in list(self._select(tenant, Selection(view, None, {}, {}))):
            yield row.body

    def _select(self, tenant: TenantId, selection: Selection) -> Iterator[RowChange]:
        rows = self._shelf.folder(tenant).rows.get(selection.view, {}).values()
        return (row for row in sorted(rows, key=lambda row: (row.order, row.key)) if _matches(row, selection))


def _matches(row: RowChange, selection: Selection) -> bool:
    fields = {**row.columns, "key": row.key, "scope": row.scope}
    return (
        (selection.scopes is None or row.scope in selection.scopes)
        and all(fields[name] == value for name, value in selection.equal.items())
        and all(part.casefold() in (fields[name] or "").casefold() for name, part in selection.contains.items())
    )


def _cursor(view: str, row: RowChange) -> str:
    return f"{view}/{row.order}/{row.key}".encode().hex()


def _place(view: str, cursor: str) -> tuple[int, str]:
    try:
        of, order, key = bytes.fromhex(cursor).decode().split("/", 2)
        found = int(order), key
    except ValueError:
        raise Refused("invalid-cursor") from None
    if of != view:
        raise Refused("invalid-cursor")
    return found
