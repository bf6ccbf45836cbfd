"""Views: what is read, as rows folded from events, and the queries that they answer."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Never, Protocol, TypeVar, get_args, get_origin, get_type_hints, overload

import msgspec

from osteon.domain.signatures import parameter_types, return_type
from osteon.messages import Event, Query
from osteon.model import Misdeclared, Value

__all__ = ["Browse", "Contains", "Find", "Index", "Page", "Row", "View"]


class Row(Value):
    """A row of a view. Its first field is its key; a field `scope` says where it belongs, without one it is in the root."""


R = TypeVar("R", bound=Row)
R_contra = TypeVar("R_contra", bound=Row, contravariant=True)
T = TypeVar("T")
Born = TypeVar("Born", bound=Event)
Changed = TypeVar("Changed", bound=Event)
OnlyRow = TypeVar("OnlyRow", bound=Row)
OnlyBorn = TypeVar("OnlyBorn", bound=Event)


class Page(Value, Generic[T]):
    """A part of a list; `next` is the cursor of the part behind it, None at the end."""

    items: tuple[T, ...]
    next: str | None = None


class Find(Query[R]):
    """Asks for one row: each field given must be equal to the row's."""


class Browse(Query[Page[R]], Generic[R]):
    """Asks for the rows of a scope and of all below it, oldest first, filtered by whatever fields are given."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    cursor: str | None = None


class Contains:
    """Marks a filter that matches anywhere in the text, upper and lower case alike: `Annotated[str | None, Contains]`."""

    description = "Matches anywhere in the text, upper and lower case alike."


class Index(Protocol[R_contra]):
    """A view's rows kept in the server's memory, because something is decided by them.

    It is filled from the view at start and follows every entry before the reply to it leaves.
    """

    def put(self, row: R_contra) -> None:
        """A row is new or has changed."""
        ...

    def drop(self, row: R_contra) -> None:
        """A row is gone; `row` is what it was."""
        ...


class View(Generic[R, Born, Changed]):
    """Rows folded from events by two pure functions, and the queries answered from them.

    An event belongs to the row whose key it carries, in a field named like the row's first.
    """

    @overload
    def __init__(
        self: "View[OnlyRow, OnlyBorn, Never]",
        *,
        begin: Callable[[OnlyBorn], OnlyRow],
        queries: Sequence[type[Query[Any]]] = (),
        index: Callable[[], Index[OnlyRow]] | None = None,
        revision: int = 1,
    ) -> None: ...

    @overload
    def __init__(
        self,
        *,
        begin: Callable[[Born], R],
        evolve: Callable[[Changed, R], R | None],
        queries: Sequence[type[Query[Any]]] = (),
        index: Callable[[], Index[R]] | None = None,
        revision: int = 1,
    ) -> None: ...

    def __init__(
        self,
        *,
        begin: Callable[[Any], Any],
        evolve: Callable[[Any, Any], Any] | None = None,
        queries: Sequence[type[Query[Any]]] = (),
        index: Callable[[], Index[Any]] | None = None,
        revision: int = 1,
    ) -> None:
        """Declares a view; its row type and its events are read from the annotations.

        Args:
            begin: The row that an event starts.
            evolve: The row after any other event; None removes it.
            queries: The `Find` and `Browse` types that it answers.
            index: Makes what keeps the rows in memory, where something is decided by them.
            revision: To be raised when the code of the two functions makes other rows of the same events: rows are made
                again then. A change of fields, filters or events is seen without it.

        Raises:
            Misdeclared: A query filters by a field that the row does not have, or an event does not say for sure which row it
                belongs to.
        """
        self.begin: Callable[[Born], R] = begin
        self.evolve: Callable[[Changed, R], R | None] | None = evolve
        self.queries = tuple(queries)
        self.index = index
        self.revision = revision
        self.row: type[R] = return_type(begin)
        self.beginning: tuple[type[Born], ...] = parameter_types(begin)
        self.evolving: tuple[type[Changed], ...] = parameter_types(evolve) if evolve else ()
        fields = [field.name for field in msgspec.structs.fields(_struct(self.row))]
        self.key = fields[0]
        self.name = _snake(self.row.__name__.removesuffix("Row"))
        self.scoped = "scope" in fields
        self.filters = {query: _filters(query) for query in self.queries}
        self.columns = sorted({column for each in self.filters.values() for column in each} - {self.key, "scope"})
        self._check_keys()
        for query, filters in self.filters.items():
            for unknown in filters.keys() - set(fields):
                raise Misdeclared(
                    f"'{query.__name__}' filters by '{unknown}', which '{self.row.__name__}' does not have."
                )

    @property
    def events(self) -> tuple[type[Event], ...]:
        """Every event that the view follows."""
        return (*self.beginning, *self.evolving)

    def _check_keys(self) -> None:
        for event in set(self.beginning) & set(self.evolving):
            raise Misdeclared(
                f"'{event.__name__}' both begins and evolves a '{self.row.__name__}'; it can do one only."
            )
        for kind in (self.row, *self.events):
            hint = get_type_hints(kind).get(self.key)
            if hint is None:
                raise Misdeclared(
                    f"'{kind.__name__}' needs a field '{self.key}': it says which '{self.row.__name__}' it is about."
                )
            if type(None) in get_args(hint):
                raise Misdeclared(f"The field '{self.key}' of '{kind.__name__}' is a key, so it must not be None.")


def _filters(query: type[Query[Any]]) -> dict[str, bool]:
    """The filters of a query: field name to whether it matches anywhere in the text."""
    hints = get_type_hints(query, include_extras=True)
    fields = (field.name for field in msgspec.structs.fields(_struct(query)))
    return {name: _contains(hints[name]) for name in fields if name not in ("limit", "cursor")}


def _contains(hint: Any) -> bool:
    return get_origin(hint) is Annotated and Contains in get_args(hint)[1:]


def _struct(value: type[Value]) -> Any:
    return value


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
