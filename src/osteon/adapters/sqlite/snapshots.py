"""Snapshots on SQLite: a table in the tenant's file, made when there is a first one."""

from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.sqlite.connections import Connections
from osteon.messages import Position
from osteon.model import OsteonError, TenantId
from osteon.ports.snapshots import Snapshot

__all__ = ["SqliteSnapshots"]

# No view has a name with a tilde.
TABLE = """CREATE TABLE IF NOT EXISTS "~states"(
    type TEXT,
    entity TEXT,
    place INTEGER NOT NULL,
    declaration TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (type, entity)) WITHOUT ROWID"""
EXISTS = "SELECT 1 FROM sqlite_schema WHERE name = '~states'"
FIND = 'SELECT place, declaration, sealed FROM "~states" WHERE type = ? AND entity = ?'
KEEP = (
    'INSERT INTO "~states"(type, entity, place, declaration, sealed) VALUES (?, ?, ?, ?, ?) '
    "ON CONFLICT (type, entity) DO UPDATE SET "
    "place = excluded.place, declaration = excluded.declaration, sealed = excluded.sealed"
)


class SqliteSnapshots:
    """Keeps snapshots in the tenants' files, where they are never ahead of the entries that they are folded from."""

    def __init__(self, connections: Connections) -> None:
        """Reads and writes through `connections`."""
        self._connections = connections

    def find(self, tenant: TenantId, entity_type: str, entity: str) -> Snapshot | None:
        connection = self._connections.take(tenant)
        if connection is None:
            return None
        try:
            return _found(connection, entity_type, entity)
        finally:
            self._connections.give(tenant, connection)

    def keep(self, tenant: TenantId, entity_type: str, entity: str, snapshot: Snapshot) -> None:
        connection = self._connections.take(tenant)
        if connection is None:
            raise OsteonError(f"There is no file of '{tenant}': a snapshot comes behind what it is folded from.")
        place = snapshot.place.partition << 48 | snapshot.place.sequence
        try:
            with connection:
                connection.execute(TABLE).fetchall()
                connection.execute(KEEP, (entity_type, entity, place, *snapshot[1:])).fetchall()
        finally:
            self._connections.give(tenant, connection)


def _found(connection: Connection, entity_type: str, entity: str) -> Snapshot | None:
    if connection.execute(EXISTS).get is None:
        return None
    rows = connection.execute(FIND, (entity_type, entity)).fetchall()
    if not rows:
        return None
    place, declaration, sealed = rows[0]
    return Snapshot(Position(place >> 48, place & (1 << 48) - 1), declaration, sealed)
