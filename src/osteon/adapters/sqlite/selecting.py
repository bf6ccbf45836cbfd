"""The SQL of selections: written once for each shape, with the index that gives rows in the order of the list."""
# ruff: noqa: S608  # names of tables and columns are the program's own, and quoted

import json
from collections.abc import Sequence
from typing import NamedTuple

from osteon.adapters.sqlite.schema import INDEXED, SEARCHED, ViewTable, column_value, quoted
from osteon.model import Misdeclared
from osteon.ports.views import Selection

__all__ = ["Bindings", "Selecting"]

Bindings = dict[str, str | int | float | None]

MANY = 64


class Selecting:
    """What one view is asked, as SQL."""

    def __init__(self, table: ViewTable) -> None:
        """Writes SQL for `table`."""
        self._table = table
        self._queries: dict[_Shape, str] = {}
        self.by_key = f"SELECT scope, body FROM {table.table} WHERE key = ?"

    def query(self, selection: Selection, limit: int, after: tuple[int, str] | None) -> tuple[str, Bindings]:
        """A query for the (place, key, body) of the first rows, behind those of `after`."""
        _, scopes, equal, contains = selection
        count = -1 if scopes is None else len(scopes)
        shape = _Shape(tuple(equal), tuple(contains), min(count, MANY + 1), after is not None)
        query = self._queries.get(shape)
        if query is None:
            query = self._queries[shape] = self._write(shape)
        bindings: Bindings = {"limit": limit}
        if after is not None:
            bindings["place"], bindings["key"] = after
        for at, each in enumerate(equal.values()):
            bindings[f"equal{at}"] = column_value(each)
        for at, each in enumerate(contains.values()):
            bindings[f"contains{at}"] = each.casefold()
        for at, each in enumerate([json.dumps(scopes)] if count > MANY else scopes or ()):
            bindings[f"scope{at}"] = each
        return query, bindings

    def _write(self, shape: "_Shape") -> str:
        table, scope = self._table.table, f"INDEXED BY {self._table.index('scope')}"
        index, conditions = self._index(shape), self._conditions(shape)
        if shape.scopes < 2 or shape.scopes > MANY or index != scope:
            return _select(table, index, [*_in_scopes(shape.scopes), *conditions])
        # Merged from the indexes of all scopes, without a limit for each, which would sort them; the bodies come last.
        parts = [
            f"SELECT place, key FROM {table} {index} WHERE {' AND '.join([f'scope = :scope{at}', *conditions])}"
            for at in range(shape.scopes)
        ]
        return (
            f"SELECT place, key, body FROM ({' UNION ALL '.join(parts)} ORDER BY place, key LIMIT :limit) "
            f"CROSS JOIN {table} USING (place, key) ORDER BY place, key"
        )

    def _index(self, shape: "_Shape") -> str:
        """The way to the rows: through the fewest of them, in the order of the list."""
        if "key" in shape.equal:
            return ""
        for column in shape.equal:
            if column in self._table.indexed:
                return f"INDEXED BY {self._table.index(INDEXED + column)}"
        if self._table.scoped and (0 <= shape.scopes <= MANY or "scope" in shape.equal):
            return f"INDEXED BY {self._table.index('scope')}"
        return ""

    def _conditions(self, shape: "_Shape") -> list[str]:
        further = ["(place, key) > (:place, :key)"] if shape.further else []
        equal = [f"{_column(each)} IS :equal{at}" for at, each in enumerate(shape.equal)]
        contains = [f"instr({self._searched(each)}, :contains{at}) > 0" for at, each in enumerate(shape.contains)]
        return [*further, *equal, *contains]

    def _searched(self, column: str) -> str:
        if column not in self._table.searched:
            raise Misdeclared(
                f"'{column}' is not 'searched' in the table '{self._table.name}': no text is found in it."
            )
        return quoted(SEARCHED + column)


class _Shape(NamedTuple):
    """What a query's text depends on; `scopes` is how many: -1 for all, one more than `MANY` for however many more."""

    equal: tuple[str, ...]
    contains: tuple[str, ...]
    scopes: int
    further: bool


def _select(table: str, index: str, conditions: Sequence[str]) -> str:
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    return f"SELECT place, key, body FROM {table} {index} {where}ORDER BY place, key LIMIT :limit"


def _in_scopes(count: int) -> list[str]:
    if count < 0:
        return []
    if count == 1:
        return ["scope = :scope0"]
    # The plus keeps the index of scopes out of it, which would have all their rows sorted.
    if count > MANY:
        return ["+scope IN (SELECT value FROM json_each(:scope0))"]
    return [f"+scope IN ({', '.join(f':scope{at}' for at in range(count))})"]


def _column(name: str) -> str:
    return name if name in ("key", "scope") else quoted(INDEXED + name)
