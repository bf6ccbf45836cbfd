"""The tables of a tenant's file.

`journal` is in the order of filing: rows are only ever appended, and full pages are never split. What an account did is
a chain through it, newest first, because an index would touch a page for each account that did something. A view is
kept in the order of its list, beside it an index for each other way to its rows.
"""
# ruff: noqa: S608  # names of tables and columns are the program's own, and quoted

from collections.abc import Sequence
from typing import Any

from osteon.model import record_json
from osteon.ports.filing import Table

__all__ = [
    "BESIDE",
    "INDEXED",
    "LAGGING",
    "SEARCHED",
    "ViewTable",
    "all_statements",
    "column_value",
    "folded",
    "quoted",
    "tables_of",
]

INDEXED, SEARCHED = "by_", "in_"
BESIDE = "~"
"""Behind the name of a view: the table of the rows that are made beside those that answer. No view has such a name."""
LAGGING = """CREATE TABLE IF NOT EXISTS lagging(
    view TEXT NOT NULL,
    beside INTEGER NOT NULL,
    shape TEXT NOT NULL,
    place INTEGER NOT NULL,
    fits INTEGER NOT NULL,
    rate REAL NOT NULL,
    stop BLOB,
    PRIMARY KEY (view, beside)) WITHOUT ROWID"""
"""Rows of views that are not those of a view that follows; the table is made when there are any for the first time."""

TABLES = (
    """CREATE TABLE journal(
        number INTEGER PRIMARY KEY,
        position INTEGER NOT NULL UNIQUE,
        entity TEXT NOT NULL,
        key TEXT,
        invocation TEXT NOT NULL,
        earlier INTEGER,
        stored BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX journal_entity ON journal(entity, key)",
    "CREATE TABLE accounts(account TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE greatest(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE accesses(number INTEGER PRIMARY KEY, stored BLOB NOT NULL)",
    """CREATE TABLE access_accounts(
        account TEXT,
        greatest TEXT,
        least TEXT NOT NULL,
        number INTEGER,
        PRIMARY KEY (account, greatest, number)) WITHOUT ROWID""",
    "CREATE TABLE progress(kind TEXT, part INTEGER, place INTEGER NOT NULL, PRIMARY KEY (kind, part)) WITHOUT ROWID",
    "CREATE TABLE views(name TEXT PRIMARY KEY, shape TEXT NOT NULL) WITHOUT ROWID",
)


class ViewTable:
    """A view's table: how it is made, written and read by key."""

    def __init__(self, table: Table, suffix: str = "") -> None:
        """Writes the SQL for `table` once; `suffix` stands behind the name of the view's in that of the table."""
        self.name = table.name
        self.table = quoted(table.name + suffix)
        self.scoped = table.scoped
        self.columns = table.columns
        self.indexed = frozenset(table.indexed)
        self.searched = table.searched
        self.statements = tuple(self._statements())
        self.outline = "\n".join((*self.statements, table.row))
        self.shape = f"{self.outline}, {table.folded}"
        self.known = f"INSERT INTO views(name, shape) VALUES ({text(self.name)}, {text(self.shape)})"
        self._prepare()

    def fits(self, shape: str) -> bool:
        """Whether rows of that shape can be read as if they were of this one."""
        return shape.startswith(f"{self.outline}, ")

    def index(self, column: str) -> str:
        """The name of the index on a column."""
        return quoted(f"{self.name}_{column}")

    def _statements(self) -> Sequence[str]:
        columns = [f"{quoted(INDEXED + each)}" for each in self.columns]
        texts = [f"{quoted(SEARCHED + each)} TEXT" for each in self.searched]
        fields = [
            "place INTEGER NOT NULL",
            "key TEXT NOT NULL UNIQUE",
            "scope TEXT NOT NULL",
            *columns,
            *texts,
            "body BLOB NOT NULL",
            "PRIMARY KEY (place, key)",
        ]
        indexes = [(INDEXED + each, quoted(INDEXED + each)) for each in self.columns if each in self.indexed]
        if self.scoped:
            indexes.insert(0, ("scope", "scope"))
        return [
            f"CREATE TABLE {self.table}({', '.join(fields)}) WITHOUT ROWID",
            *(f"CREATE INDEX {self.index(name)} ON {self.table}({column}, place, key)" for name, column in indexes),
        ]

    def _prepare(self) -> None:
        columns = [quoted(INDEXED + each) for each in self.columns]
        kept = ["scope", *(quoted(INDEXED + each) for each in self.columns if each in self.indexed)]
        fields = ["scope", *columns, *(quoted(SEARCHED + each) for each in self.searched), "body"]
        free = [each for each in fields if each not in kept]
        marks = ", ".join("?" * (len(fields) + 2))
        # A row that stays where it is leaves its indexes alone; one that does not is left for `move`.
        self.put = (
            f"INSERT INTO {self.table}(place, key, {', '.join(fields)}) VALUES ({marks}) "
            f"ON CONFLICT (place, key) DO UPDATE SET {', '.join(f'{each} = excluded.{each}' for each in free)} "
            f"WHERE {' AND '.join(f'{each} IS excluded.{each}' for each in kept)}"
        )
        self.move = (
            f"UPDATE {self.table} SET {', '.join(f'{each} = ?{at}' for at, each in enumerate(fields, 3))} "
            "WHERE place = ?1 AND key = ?2"
        )
        self.drop = f"DELETE FROM {self.table} WHERE key = ?"
        self.get = f"SELECT {', '.join(['place', 'scope', *columns, 'body'])} FROM {self.table} WHERE key = ?"


def tables_of(tables: Sequence[Table], suffix: str = "") -> dict[str, ViewTable]:
    """The tables of views, by the views' names."""
    return {table.name: ViewTable(table, suffix) for table in tables}


def all_statements(views: Sequence[ViewTable]) -> list[str]:
    """Everything that makes the tables of a new file."""
    return [*TABLES, *(statement for view in views for statement in (*view.statements, view.known))]


def column_value(value: Any) -> str | int | float | None:
    """A field of a row, or what it is compared with, as SQLite keeps it."""
    return value if value is None or isinstance(value, (str, int, float)) else record_json(value).decode()


def folded(value: Any) -> str | None:
    """A text in which upper and lower case are alike, in any script."""
    return value.casefold() if isinstance(value, str) else None


def quoted(name: str) -> str:
    """A name of a table or column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"
