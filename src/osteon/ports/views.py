"""Views, as they are read: rows by key, by equality, by list; and where a view stands that does not follow the journal."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from osteon.messages import Position
from osteon.model import ScopeId, TenantId, Value

__all__ = ["Rows", "Selection", "Standing", "State", "Stop", "Views"]

State = Literal["following", "rebuilding", "catching-up", "stopped"]


class Stop(Value):
    """Why a view stopped: the event and the place of its entry, what was raised and where. No values of anybody's."""

    position: Position
    event: str
    reason: str


class Standing(Value):
    """Where a view of one tenant stands that does not simply follow the journal. Places are counts of the tenant's entries.

    Attributes:
        tenant: Whose rows these are.
        view: The view's name.
        entries: How many entries were filed.
        place: How many of them the rows have from which queries are answered; None while these follow.
        fits: Whether queries of now can be answered from those rows.
        made: How many entries the rows have that are made beside those; None where none are.
        rate: How many entries a second are folded; 0 while nobody knows.
        stop: Why it does not go on; None while it does.
    """

    tenant: TenantId
    view: str
    entries: int
    place: int | None = None
    fits: bool = True
    made: int | None = None
    rate: float = 0.0
    stop: Stop | None = None

    @property
    def state(self) -> State:
        """What becomes of the view."""
        if self.stop is not None:
            return "stopped"
        if self.made is not None:
            return "rebuilding"
        return "following" if self.place is None else "catching-up"

    @property
    def reached(self) -> int:
        """How many entries the rows have that are worked on."""
        if self.made is not None:
            return self.made
        return self.entries if self.place is None else self.place

    @property
    def percent(self) -> int:
        """How much of the work is done; whole only when all of it is."""
        return 100 * self.reached // self.entries if self.entries else 100

    @property
    def seconds_left(self) -> float | None:
        """How long the work still takes at the rate of now; None while nobody knows."""
        return (self.entries - self.reached) / self.rate if self.rate and self.stop is None else None


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
