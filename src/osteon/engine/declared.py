"""What a product declares of its views: their tables, and whether a data folder was made for the same."""

import contextlib
import hashlib
from collections.abc import Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from osteon.domain import Product, View
from osteon.messages import wire_name
from osteon.model import record_json
from osteon.ports.disk import Disk, put_file
from osteon.ports.filing import Table

__all__ = ["DeclaredViews", "spelled", "tables"]

AnyView = View[Any, Any, Any]

NAME = "views"


class DeclaredViews:
    """Remembers, in a file of the data folder, for which views every tenant's rows were made, and that all of them follow.

    So a start looks into the tenants' files only when something has changed, or something is behind. What is forgotten
    costs a look, no more.
    """

    def __init__(self, disk: Disk, declared: Sequence[Table]) -> None:
        """Compares with the views that are declared now."""
        self._disk = disk
        self._fingerprint = hashlib.sha256(record_json(list(declared))).hexdigest().encode()

    def are_remembered(self) -> bool:
        """Whether the rows were made for the views of now."""
        try:
            file = self._disk.open(NAME)
        except FileNotFoundError:
            return False
        with contextlib.closing(file):
            return file.read(0, file.size()) == self._fingerprint

    def remember(self) -> None:
        """The rows of every tenant are made for the views of now, follow the journal, and are on the platter."""
        put_file(self._disk, NAME, self._fingerprint)

    def forget(self) -> None:
        """Views are about to fall behind, durably before any does: whoever starts next must look, whichever views it has."""
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(NAME)
        self._disk.sync_folder("")


def tables(product: Product) -> list[Table]:
    """The views of a product as tables."""
    return [_table(view) for view in product.all_views]


def _table(view: AnyView) -> Table:
    searched = {column for filters in view.filters.values() for column, anywhere in filters.items() if anywhere}
    equal = {column for filters in view.filters.values() for column, anywhere in filters.items() if not anywhere}
    hints = get_type_hints(view.row)
    indexed = {column for column in equal if hints[column] is not bool}
    columns = view.columns
    return Table(
        view.name,
        view.scoped,
        tuple(columns),
        indexed=tuple(column for column in columns if column in indexed),
        searched=tuple(column for column in columns if column in searched),
        row=spelled(view.row),
        folded=_folded(view),
    )


def _folded(view: AnyView) -> str:
    """Which events make a row, and by which code, as a text that is another when either is."""
    beginning, evolving = (sorted(map(wire_name, events)) for events in (view.beginning, view.evolving))
    revision = f", revision {view.revision}" if view.revision != 1 else ""
    return f"begun by {', '.join(beginning)}, changed by {', '.join(evolving)}{revision}"


def spelled(kind: Any, within: tuple[Any, ...] = ()) -> str:
    """A type as text: structs by their fields, new types by what they are, notes left out."""
    supertype = getattr(kind, "__supertype__", None)
    if supertype is not None:
        return spelled(supertype, within)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is not None:
        parts = [spelled(each, within) for each in arguments]
        name = "|" if origin in (Union, UnionType) else spelled(origin, within)
        return f"{name}[{', '.join(parts)}]"
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in within:
        hints = get_type_hints(kind)
        fields = [
            f"{field.encode_name}: {spelled(hints[field.name], (*within, kind))}{_default(field)}"
            for field in _fields(kind)
        ]
        return f"{kind.__name__}({', '.join(fields)})"
    return kind.__qualname__ if isinstance(kind, type) else repr(kind)


def _fields(struct: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(struct)


def _default(field: msgspec.structs.FieldInfo) -> str:
    return "" if field.default is msgspec.NODEFAULT else f" = {record_json(field.default).decode()}"
