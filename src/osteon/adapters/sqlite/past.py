"""The entries of one entity in a tenant's file, oldest first: the numbers of their rows, then the rows part by part.

Numbers first: else each row is sorted with its record, and each part looks at all that came before it.
"""

import json
from collections.abc import Sequence

from osteon.adapters.sqlite.connection import Connection
from osteon.messages import Position
from osteon.model import TenantId
from osteon.ports.history import UnknownPlace

__all__ = ["records_numbered", "rows_behind"]

PLACE = "SELECT number FROM journal WHERE position = ? AND entity = ?"
NUMBERS = "SELECT number FROM journal INDEXED BY journal_entity WHERE entity = ? AND number > ?"
NUMBERED = "SELECT stored FROM journal WHERE number IN (SELECT value FROM json_each(?)) ORDER BY number"


def rows_behind(connection: Connection, tenant: TenantId, entity: str, after: Position | None) -> list[int]:
    """The numbers of an entity's rows behind the one at `after`.

    Raises:
        UnknownPlace: No row of the entity is at `after`.
    """
    first = 0
    if after is not None:
        first = connection.execute(PLACE, (after.partition << 48 | after.sequence, entity)).get
        if first is None:
            raise UnknownPlace(tenant, entity, after)
    return sorted(number for (number,) in connection.execute(NUMBERS, (entity, first)).fetchall())


def records_numbered(connection: Connection, numbers: Sequence[int]) -> list[bytes]:
    """The records in the rows with those numbers, in their order."""
    return [stored for (stored,) in connection.execute(NUMBERED, (json.dumps(numbers),)).fetchall()]
