"""Views of a tenant's file that do not follow its journal: where they stand, and how they are brought further.

Rows are made in a table of their own, whose indexes come at the end, which takes a third less. It then takes the place of
the one from which queries were answered. Every function belongs into a transaction of whoever calls it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.rows import put_rows
from osteon.adapters.sqlite.schema import BESIDE, LAGGING, ViewTable, quoted
from osteon.model import TenantId, decoder, record_json
from osteon.ports.filing import Misfiled, Step, Stopped, Table
from osteon.ports.views import Standing, Stop

__all__ = [
    "DeclaredTables",
    "advance",
    "begin",
    "filed_views",
    "read_behind",
    "read_standings",
    "revise",
    "stop",
    "unlike",
]

EXISTS = "SELECT 1 FROM sqlite_schema WHERE name = 'lagging'"
COUNT = "SELECT max(number) FROM journal"
SELECT = "SELECT view, beside, shape, place, fits, rate, stop FROM lagging ORDER BY view, beside"
BEHIND = "SELECT stored FROM journal WHERE number > ? ORDER BY number LIMIT ?"
PUT = (
    "INSERT INTO lagging(view, beside, shape, place, fits, rate, stop) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (view, beside) DO UPDATE SET "
    "shape = excluded.shape, place = excluded.place, fits = excluded.fits, rate = excluded.rate, stop = excluded.stop"
)
STOP = decoder(Stop)


class DeclaredTables:
    """The tables of the views that are declared, by name: those from which queries are answered, and those beside."""

    def __init__(self, tables: Sequence[Table]) -> None:
        """Writes the SQL for each once."""
        self.served = {table.name: ViewTable(table) for table in tables}
        self.beside = {table.name: ViewTable(table, BESIDE) for table in tables}


class _Rows(NamedTuple):
    """Rows of a view that are not those of a view that follows."""

    view: str
    beside: bool
    shape: str
    place: int
    fits: bool = False
    rate: float = 0.0
    stop: Stop | None = None


def filed_views(connection: Connection) -> dict[str, str]:
    """The shapes of the views from which queries are answered, by name."""
    return dict(connection.execute("SELECT name, shape FROM views").fetchall())


def unlike(connection: Connection, declared: Mapping[str, ViewTable]) -> list[str]:
    """The views of a file that are new, gone, have another shape than is declared, or do not follow."""
    filed = set(filed_views(connection).items())
    changed = {name for name, _ in filed ^ {(view.name, view.shape) for view in declared.values()}}
    return sorted(changed | {each.view for each in _lagging(connection)})


def read_standings(connection: Connection, tenant: TenantId) -> list[Standing]:
    """Where the views stand that do not follow."""
    lagging = _lagging(connection)
    count = _count(connection) if lagging else 0
    served = {each.view: each for each in lagging if not each.beside}
    made = {each.view: each for each in lagging if each.beside}
    filed = filed_views(connection) if made else {}
    found: list[Standing] = []
    for view in sorted({*served, *made}):
        worked = made.get(view) or served[view]
        behind, beside = served.get(view), made.get(view)
        found.append(
            Standing(
                tenant=tenant,
                view=view,
                entries=count,
                place=behind.place if behind else None if view in filed else 0,
                fits=behind.fits if behind else view in filed,
                made=beside.place if beside else None,
                rate=worked.rate,
                stop=worked.stop,
            )
        )
    return found


def revise(connection: Connection, declared: DeclaredTables) -> None:
    """Brings the views of a file in line with those declared."""
    connection.execute(LAGGING).fetchall()
    filed = filed_views(connection)
    for gone in {*filed, *(each.view for each in _lagging(connection))}.difference(declared.served):
        _drop(connection, gone)
    lagging = {(each.view, each.beside): each for each in _lagging(connection)}
    for view, table in declared.served.items():
        served, beside = lagging.get((view, False)), lagging.get((view, True))
        if beside is not None and beside.shape != table.shape:
            _drop_beside(connection, view)
            beside = None
        if view in filed:
            _freeze(connection, _Rows(view, False, filed[view], _count(connection)), served, table)
        if filed.get(view) != table.shape and beside is None:
            _make(connection, declared, view)


def begin(connection: Connection, declared: DeclaredTables, view: str) -> None:
    """Begins to make the rows of a view beside those that are there."""
    connection.execute(LAGGING).fetchall()
    _drop_beside(connection, view)
    _make(connection, declared, view)


def advance(connection: Connection, declared: DeclaredTables, step: Step) -> None:
    """Brings views further; those that have every entry follow."""
    lagging = {(each.view, each.beside): each for each in _lagging(connection)}
    count = _count(connection)
    for view in step.views:
        rows = lagging.get((view, True)) or lagging.get((view, False))
        if rows is None or rows.place != step.place:
            raise Misfiled(f"the view '{view}'", rows.place if rows else count, step.place)
        table = (declared.beside if rows.beside else declared.served)[view]
        put_rows(connection, table, step.rows.get(view, {}))
        stopped = step.stops.get(view)
        place = step.place + (stopped.after if stopped else step.entries)
        if place == count and stopped is None:
            _follow(connection, declared, view, rows.beside)
        else:
            halt = stopped.stop if stopped else None
            _put(connection, rows._replace(place=place, rate=step.rate, stop=halt))


def stop(connection: Connection, table: ViewTable, filed: int, stopped: Stopped) -> None:
    """Keeps that a view stopped that followed until now; rows that were made beside it are given up."""
    connection.execute(LAGGING).fetchall()
    _drop_beside(connection, table.name)
    place = filed + stopped.after
    _put(connection, _Rows(table.name, False, table.shape, place, fits=True, stop=stopped.stop))


def read_behind(connection: Connection, place: int, most: int) -> list[bytes]:
    """The records of the entries behind a place."""
    return [stored for (stored,) in connection.execute(BEHIND, (place, most)).fetchall()]


def _lagging(connection: Connection) -> list[_Rows]:
    if connection.execute(EXISTS).get is None:
        return []
    return [
        _Rows(view, bool(beside), shape, place, bool(fits), rate, None if stop is None else STOP.decode(stop))
        for view, beside, shape, place, fits, rate, stop in connection.execute(SELECT).fetchall()
    ]


def _freeze(connection: Connection, rows: _Rows, before: _Rows | None, table: ViewTable) -> None:
    """Keeps the rows from which queries are answered where they are, unless they are as declared and have every entry."""
    as_declared = rows.shape == table.shape
    if before is not None:
        # What made rows of another shape stop is of no concern to those that are made instead.
        rows = before._replace(shape=rows.shape, stop=before.stop if as_declared else None)
    elif as_declared:
        return
    if as_declared and rows.place == _count(connection) and rows.stop is None:
        connection.execute("DELETE FROM lagging WHERE view = ? AND beside = 0", (rows.view,)).fetchall()
    else:
        _put(connection, rows._replace(fits=table.fits(rows.shape)))


def _make(connection: Connection, declared: DeclaredTables, view: str) -> None:
    connection.execute(declared.beside[view].statements[0]).fetchall()
    _put(connection, _Rows(view, True, declared.served[view].shape, 0))


def _follow(connection: Connection, declared: DeclaredTables, view: str, beside: bool) -> None:
    """A view has every entry; what was made beside takes the place of what was there."""
    if beside:
        table = declared.served[view]
        connection.execute(f"DROP TABLE IF EXISTS {table.table}").fetchall()
        connection.execute(f"ALTER TABLE {declared.beside[view].table} RENAME TO {table.table}").fetchall()
        connection.execute("DELETE FROM views WHERE name = ?", (view,)).fetchall()
        for statement in (*table.statements[1:], table.known):
            connection.execute(statement).fetchall()
    connection.execute("DELETE FROM lagging WHERE view = ?", (view,)).fetchall()


def _drop(connection: Connection, view: str) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {quoted(view)}").fetchall()
    connection.execute("DELETE FROM views WHERE name = ?", (view,)).fetchall()
    _drop_beside(connection, view)
    connection.execute("DELETE FROM lagging WHERE view = ?", (view,)).fetchall()


def _drop_beside(connection: Connection, view: str) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {quoted(view + BESIDE)}").fetchall()
    connection.execute("DELETE FROM lagging WHERE view = ? AND beside = 1", (view,)).fetchall()


def _put(connection: Connection, rows: _Rows) -> None:
    stopped = None if rows.stop is None else record_json(rows.stop)
    connection.execute(
        PUT, (rows.view, int(rows.beside), rows.shape, rows.place, int(rows.fits), rows.rate, stopped)
    ).fetchall()


def _count(connection: Connection) -> int:
    return connection.execute(COUNT).get or 0
