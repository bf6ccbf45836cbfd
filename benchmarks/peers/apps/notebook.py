"""Notes as peer E keeps them: an aggregate and its application, as the guide of `eventsourcing` writes them.

Settings come from the environment: PERSISTENCE_MODULE and SQLITE_DBNAME, for the library, which opens SQLite with its log
ahead (WAL); SNAPSHOTS_EVERY so many events of a note, none without it.
"""

import os
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteFactory

FULL = 2
CROCKFORD = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789ABCDEFGHIJKLMNOPQRSTUV")


class Note(Aggregate):
    """A note."""

    @event("Created")
    def __init__(self, note: UUID, scope: str, name: str) -> None:
        """Begin a note in a scope."""
        self.note = note
        self.scope = scope
        self.name = name

    @staticmethod
    def create_id(note: UUID) -> UUID:
        """Let a note have the identifier that it is given."""
        return note

    @event("Renamed")
    def rename(self, name: str) -> None:
        """Give the note another name."""
        self.name = name


class Notebook(Application[UUID]):
    """The commands on notes."""

    log_section_size = 1_000
    snapshotting_intervals = {Note: int(os.environ["SNAPSHOTS_EVERY"])} if "SNAPSHOTS_EVERY" in os.environ else {}

    def __init__(self, env: Any = None) -> None:
        """Open the database.

        Raises:
            RuntimeError: A commit would be acknowledged before it is on the disk.
        """
        super().__init__(env)
        assert isinstance(self.factory, SQLiteFactory)
        with self.factory.datastore.transaction(commit=False) as cursor:
            cursor.execute("PRAGMA synchronous")
            if cursor.fetchone()[0] != FULL:
                reason = "SQLite was built with another default than 'synchronous=FULL'; durable commands are compared."
                raise RuntimeError(reason)

    def create(self, note: UUID, scope: str, name: str) -> int:
        """Create a note and give its version."""
        new = Note(note=note, scope=scope, name=name)
        self.save(new)
        return new.version

    def rename(self, note: UUID, name: str) -> int:
        """Give a note another name, and give its version."""
        found: Note = self.repository.get(note)
        found.rename(name)
        self.save(found)
        return found.version


def identifier(ulid: str) -> UUID:
    """Read a ULID as the 128 bits that it is."""
    return UUID(int=int(ulid.translate(CROCKFORD), 32))
