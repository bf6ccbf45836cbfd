"""Renewal on SQLite: the tables of changed views are dropped, made and filled in one transaction of the tenant's file."""

from collections.abc import Iterator, Mapping, Sequence

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.rows import put_rows, read_row
from osteon.adapters.sqlite.schema import ViewTable, quoted
from osteon.ports.filing import RowChange, RowChanges

__all__ = ["SqliteRenewal", "changed_views"]

PART = 500

FILED = "SELECT number, stored FROM journal WHERE number > ? ORDER BY number LIMIT ?"


class SqliteRenewal:
    """Fills the tables of changed views; whoever makes one begins a transaction before and ends it behind."""

    def __init__(self, connection: Connection, declared: Mapping[str, ViewTable]) -> None:
        """Drops the tables of views that are not as in `declared`, and makes them as they are there."""
        self._connection = connection
        self._declared = declared
        changed = changed_views(connection, declared)
        self.views = [view for view in changed if view in declared]
        filed = {name for (name,) in connection.execute("SELECT name FROM views").fetchall()}
        for view in changed:
            if view in filed:
                self._run(f"DROP TABLE {quoted(view)}")
                connection.execute("DELETE FROM views WHERE name = ?", (view,)).fetchall()
        for view in self.views:
            for statement in (*declared[view].statements, declared[view].known):
                self._run(statement)

    def entries(self) -> Iterator[Sequence[bytes]]:
        last = 0
        while found := self._connection.execute(FILED, (last, PART)).fetchall():
            yield [stored for _, stored in found]
            last = found[-1][0]

    def row(self, view: str, key: str) -> RowChange | None:
        return read_row(self._connection, self._declared[view], key)

    def put(self, rows: RowChanges) -> None:
        for view, changed in rows.items():
            put_rows(self._connection, self._declared[view], changed)

    def _run(self, statement: str) -> None:
        self._connection.execute(statement).fetchall()


def changed_views(connection: Connection, declared: Mapping[str, ViewTable]) -> list[str]:
    """The views of a file that are new, gone, or have another shape than in `declared`."""
    filed = set(connection.execute("SELECT name, shape FROM views").fetchall())
    return sorted({str(name) for name, _ in filed ^ {(view.name, view.shape) for view in declared.values()}})
