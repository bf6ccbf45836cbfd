"""Filing: what the drain writes for each tenant, in one transaction: history, views, access log, and how far each is.

Three ports read what is filed here: `History`, `Views`, `AccessLog`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from osteon.messages import Position
from osteon.model import AccountId, InvocationId, OsteonError, TenantId

__all__ = [
    "AccessRecord",
    "Batch",
    "EntryRecord",
    "Filing",
    "Misfiled",
    "Progress",
    "RowChange",
    "Table",
    "ViewChanged",
]


class Misfiled(OsteonError):
    """Raised when a batch does not go on where the last one ended: it is filed already, or something is missing."""

    def __init__(self, what: str, expected: int, actual: int) -> None:
        """Tells what does not fit: a partition, or the access log."""
        self.what, self.expected, self.actual = what, expected, actual
        super().__init__(
            f"The next of {what} is {expected}, not {actual}; file what follows on 'progress', and that once."
        )


class ViewChanged(OsteonError):
    """Raised when a tenant's views were declared otherwise when they were filed: the rows must be made again."""

    def __init__(self, tenant: TenantId, views: Sequence[str]) -> None:
        """Names the views that are new, gone, or declared with other columns."""
        self.tenant, self.views = tenant, tuple(views)
        names = ", ".join(f"'{view}'" for view in views)
        super().__init__(f"Views of the tenant '{tenant}' are declared otherwise than when they were filed: {names}.")


class Table(NamedTuple):
    """A view as a table.

    Attributes:
        scoped: Whether its rows have a scope.
        columns: The columns that queries filter by.
        indexed: Those of them by which a few rows among many are found; not worth it for a boolean.
        searched: Those of them in which a text is looked for.
    """

    name: str
    scoped: bool
    columns: tuple[str, ...]
    indexed: tuple[str, ...]
    searched: tuple[str, ...]


class EntryRecord(NamedTuple):
    """An entry to be filed: what it is found by, and the record as it stands in the journal, byte for byte.

    `key` is None for a faulted entry, whose verdict does not stand.
    """

    position: Position
    entity: str
    key: str | None
    account: AccountId | None
    invocation: InvocationId
    stored: bytes


class AccessRecord(NamedTuple):
    """A block of the access log: its number, and the record byte for byte.

    `accounts` holds, for each account whose accesses are in it, the least and the greatest invocation among them.
    """

    number: int
    stored: bytes
    accounts: Mapping[AccountId, tuple[InvocationId, InvocationId]]


class RowChange(NamedTuple):
    """A row as it is after a batch.

    `order` is the place of the row in its list: milliseconds of the entry that began it, never changed afterwards.
    """

    key: str
    scope: str
    order: int
    columns: Mapping[str, Any]
    body: bytes


class Batch(NamedTuple):
    """Everything of one tenant to be filed at once.

    `rows` holds, by view, the changed row of each key, None for a removed one.
    """

    entries: Sequence[EntryRecord]
    accesses: Sequence[AccessRecord]
    rows: Mapping[str, Mapping[str, RowChange | None]]


class Progress(NamedTuple):
    """How far a tenant is filed: the last sequence of each partition, the last block of the access log."""

    sequences: Mapping[int, int]
    accesses: int


class Filing(Protocol):
    """Writes what is derived from the journal. Blocking; used by the drain alone, from one thread."""

    def progress(self, tenant: TenantId) -> Progress:
        """How far the tenant is filed; makes its place when it is new.

        Raises:
            ViewChanged: The place was made for other views than those of now.
        """
        ...

    def row(self, tenant: TenantId, view: str, key: str) -> RowChange | None:
        """A row of a view as filed."""
        ...

    def file(self, tenant: TenantId, batch: Batch) -> None:
        """Files a batch: all of it or nothing, entries in the order of the journal.

        Raises:
            Misfiled: Something in it is filed already, or a partition has a gap.
        """
        ...

    def settle(self) -> bool:
        """Brings all that was filed to stable storage; False when a reader held it up: try again later."""
        ...

    def close(self) -> None:
        """Closes everything."""
        ...
