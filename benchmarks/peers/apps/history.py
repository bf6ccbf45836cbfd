"""What peer E does beside its server: fills its database without HTTP, and makes a view of all that is in it.

`history.py fill OTHERS [NOTE EVENTS]` creates other notes and, spread among them, the events of one note.
`history.py project` makes a view from scratch, exactly once: each event's row is committed with the event's place, as the
library's projections do. Its runner for them needs a database that tells of new events, which SQLite does not, so the
notifications are pulled, by the library's reader. VIEW_DBNAME says where the view goes.

Each prints one line of JSON.
"""

import json
import os
import secrets
import sys
import time
from typing import Any
from uuid import UUID

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.projection import Projection
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder
from eventsourcing.system import NotificationLogReader
from notebook import Note, Notebook, identifier

PARTS = 10
TOGETHER = 100


class Rows(SQLiteTrackingRecorder):
    """The rows of the view, and how far it is."""

    def construct_create_table_statements(self) -> list[str]:
        """Say which tables there are."""
        return [
            *super().construct_create_table_statements(),
            "CREATE TABLE IF NOT EXISTS notes (note TEXT PRIMARY KEY, scope TEXT, name TEXT, archived INTEGER)",
            "CREATE INDEX IF NOT EXISTS notes_of_a_scope ON notes (scope, note)",
        ]

    def write(self, statement: str, values: tuple[Any, ...], tracking: Tracking) -> None:
        """Change a row in one transaction with the place."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement, values)

    def count(self) -> int:
        """Give the number of rows."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT count(*) FROM notes")
            return int(cursor.fetchone()[0])


class Listing(Projection[Rows]):
    """Notes as they are listed."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Pass over what does not change a row."""

    @process_event.register
    def _(self, domain_event: Note.Created, tracking: Tracking) -> None:  # type: ignore[name-defined]
        values = (domain_event.originator_id.hex, domain_event.scope, domain_event.name)
        self.view.write("INSERT INTO notes VALUES (?, ?, ?, 0)", values, tracking)

    @process_event.register
    def _(self, domain_event: Note.Renamed, tracking: Tracking) -> None:  # type: ignore[name-defined]
        values = (domain_event.name, domain_event.originator_id.hex)
        self.view.write("UPDATE notes SET name = ? WHERE note = ?", values, tracking)


def fill(others: int, note: str = "", events: int = 0) -> dict[str, Any]:
    """Create notes, a hundred in a transaction, with a share of the events of one of them behind each part."""
    notebook = Notebook()
    scope = "0" * 26
    for part in range(PARTS):
        for start in range(others * part // PARTS, others * (part + 1) // PARTS, TOGETHER):
            count = min(TOGETHER, others * (part + 1) // PARTS - start)
            notebook.save(*(Note(note=new_identifier(), scope=scope, name=f"Note {start}") for _ in range(count)))
        if note:
            known = notebook.repository.get(identifier(note)) if part else Note(identifier(note), scope, "Note")
            while known.version < events * (part + 1) // PARTS:
                known.rename(f"Renamed {known.version}")
            notebook.save(known)
    return {"entries": notebook.recorder.max_notification_id()}


def project() -> dict[str, Any]:
    """Make the view and give how long it took."""
    notebook = Notebook()
    datastore = SQLiteDatastore(os.environ["VIEW_DBNAME"])
    rows = Rows(datastore)
    rows.create_table()
    listing = Listing(rows)
    begun = time.perf_counter()
    events = 0
    for section in NotificationLogReader(notebook.notification_log, section_size=notebook.log_section_size).select(
        start=1
    ):
        for notification in section:
            place = Tracking(notebook.name, notification.id)
            listing.process_event(notebook.mapper.to_domain_event(notification), place)
            events += 1
    return {"seconds": time.perf_counter() - begun, "events": events, "rows": rows.count()}


def new_identifier() -> UUID:
    """Give an identifier ordered by time, as a ULID is."""
    return UUID(int=int(time.time() * 1000) << 80 | secrets.randbits(80))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill", others]:
            print(json.dumps(fill(int(others))))
        case ["fill", others, note, events]:
            print(json.dumps(fill(int(others), note, int(events))))
        case ["project"]:
            print(json.dumps(project()))
        case _:
            sys.exit(__doc__)
