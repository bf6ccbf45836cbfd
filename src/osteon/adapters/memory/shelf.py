"""A shelf in memory: what the drain files, and three ports read."""

from collections.abc import Sequence
from typing import NamedTuple

from osteon.messages import Entry, Position, Record
from osteon.model import TenantId, decoder
from osteon.ports.filing import AccessRecord, EntryRecord, RowChange, Table
from osteon.ports.history import UnknownPlace
from osteon.ports.keyring import Keyring
from osteon.ports.snapshots import Snapshot
from osteon.ports.views import Stop

__all__ = ["Folder", "Lagging", "Shelf", "place_of", "read_entry"]

ENTRY = decoder(Entry)


class Lagging(NamedTuple):
    """How far rows are that do not follow: for which table they are, how many entries they have, why they stopped."""

    table: Table
    place: int
    rate: float = 0.0
    stop: Stop | None = None


class Folder(NamedTuple):
    """What is filed of one tenant, entries in the order of the journal; rows by view and key; the views by name.

    `behind` are the views whose rows in `rows` do not follow; `making` those of which rows are made, in `beside`.
    `states` are snapshots of entities, by type and identifier.
    """

    entries: list[EntryRecord]
    accesses: list[AccessRecord]
    rows: dict[str, dict[str, RowChange]]
    sequences: dict[int, int]
    views: dict[str, Table]
    behind: dict[str, Lagging]
    making: dict[str, Lagging]
    beside: dict[str, dict[str, RowChange]]
    states: dict[tuple[str, str], Snapshot]


class Shelf:
    """A folder for each tenant."""

    def __init__(self) -> None:
        """Is empty."""
        self._folders: dict[TenantId, Folder] = {}

    def tenants(self) -> list[TenantId]:
        """Every tenant in whose folder there are views."""
        return [tenant for tenant, folder in self._folders.items() if folder.views]

    def folder(self, tenant: TenantId) -> Folder:
        """The folder of a tenant."""
        return self._folders.setdefault(tenant, Folder([], [], {}, {}, {}, {}, {}, {}, {}))


def place_of(tenant: TenantId, entity: str, place: Position, filed: Sequence[EntryRecord]) -> int:
    """Which of an entity's entries is at a place.

    Raises:
        UnknownPlace: None of them.
    """
    for number, each in enumerate(filed):
        if each.position == place:
            return number
    raise UnknownPlace(tenant, entity, place)


def read_entry(keyring: Keyring, filed: EntryRecord) -> Entry:
    """The entry in a record."""
    record = Record.of(filed.stored)
    return ENTRY.decode(keyring.open(record.tenant, record.sealed, record.place))
