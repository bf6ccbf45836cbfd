"""Views, as they are read: rows by key, by equality, by list."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from osteon.model import ScopeId, TenantId

__all__ = ["Rows", "Selection", "Views"]


class Selection(NamedTuple):
    """Which rows: those of `scopes` (None: of the whole tenant) whose columns match.

    Attributes:
        view: The view's name.
        scopes: The scopes whose rows are wanted; None for all.
        equal: Columns, and what they must be equal to; the key's own column is named `key`.
        contains: Columns, and a text that must stand somewhere in them, upper and lower case alike.
    """

    view: str
    scopes: Sequence[ScopeId] | None
    equal: Mapping[str, Any]
    contains: Mapping[str, str]


class Rows(NamedTuple):
    """Rows as JSON, in order; `next` is the cursor of the rows behind them."""

    bodies: Sequence[bytes]
    next: str | None


class Views(Protocol):
    """Reads views as far as the drain has brought them."""

    async def find(self, tenant: TenantId, selection: Selection) -> bytes | None:
        """The first matching row as JSON."""
        ...

    async def browse(self, tenant: TenantId, selection: Selection, limit: int, cursor: str | None) -> Rows:
        """Matching rows by (order, key).

        Raises:
            Refused: With `invalid-cursor`, when the cursor is not one that this view gave out.
        """
        ...

    def all(self, tenant: TenantId, view: str) -> AsyncIterator[bytes]:
        """Every row of a view as JSON: to fill an index at start."""
        ...
