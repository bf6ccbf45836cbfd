"""Rows of views, as they are written and read back by key."""

from collections.abc import Mapping, Sequence
from typing import Any

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.schema import ViewTable, column_value, folded
from osteon.ports.filing import RowChange

__all__ = ["put_rows", "read_row"]


def read_row(connection: Connection, table: ViewTable, key: str) -> RowChange | None:
    """The row with that key."""
    found = connection.execute(table.get, (key,)).fetchall()
    if not found:
        return None
    order, scope, *columns, body = found[0]
    return RowChange(key, scope, order, dict(zip(table.columns, columns, strict=True)), body)


def put_rows(connection: Connection, table: ViewTable, rows: Mapping[str, RowChange | None]) -> None:
    """Puts rows by key, and takes those away that are None."""
    removed = [(key,) for key, row in rows.items() if row is None]
    if removed:
        connection.executemany(table.drop, removed)
    changed = _bindings(table, [row for row in rows.values() if row is not None])
    if not changed:
        return
    before = connection.total_changes()
    connection.executemany(table.put, changed)
    if connection.total_changes() - before < len(changed):
        connection.executemany(table.move, changed)


def _bindings(table: ViewTable, rows: Sequence[RowChange]) -> list[tuple[Any, ...]]:
    # By columns, as that takes half the time.
    return list(
        zip(
            [row.order for row in rows],
            [row.key for row in rows],
            [row.scope for row in rows],
            *[[column_value(row.columns[each]) for row in rows] for each in table.columns],
            *[[folded(row.columns[each]) for row in rows] for each in table.searched],
            [row.body for row in rows],
            strict=True,
        )
    )
