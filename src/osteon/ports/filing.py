"""Filing: what the drain writes for each tenant, in one transaction: history, views, access log, and how far each is.

Three ports read what is filed here: `History`, `Views`, `AccessLog`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from osteon.messages import Position
from osteon.model import AccountId, InvocationId, OsteonError, TenantId

__all__ = [
    "AccessRecord",
    "Batch",
    "DamagedFile",
    "EntryRecord",
    "Filing",
    "Misfiled",
    "Progress",
    "Renewal",
    "RowChange",
    "RowChanges",
    "Table",
    "ViewChanged",
]


class DamagedFile(OsteonError):
    """Raised when what was filed of a tenant cannot be read."""

    def __init__(self, tenant: TenantId, fault: Exception) -> None:
        """Tells whose it is, and what was found."""
        self.tenant = tenant
        super().__init__(
            f"The file of the tenant '{tenant}' is damaged, or was written under another key ({fault}). "
            "Bring it back from a backup."
        )


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
        super().__init__(
            f"Views of the tenant '{tenant}' are declared otherwise than when they were filed: {names}. "
            "The next start of the drain makes them again."
        )


class Table(NamedTuple):
    """A view as a table.

    Attributes:
        scoped: Whether its rows have a scope.
        columns: The columns that queries filter by.
        indexed: Those of them by which a few rows among many are found; not worth it for a boolean.
        searched: Those of them in which a text is looked for.
        content: What a row holds, and from which events it is folded, as text; only ever compared.
    """

    name: str
    scoped: bool
    columns: tuple[str, ...]
    indexed: tuple[str, ...]
    searched: tuple[str, ...]
    content: str = ""


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


RowChanges = Mapping[str, Mapping[str, RowChange | None]]
"""By view, the changed row of each key, None for a removed one."""


class Batch(NamedTuple):
    """Everything of one tenant to be filed at once."""

    entries: Sequence[EntryRecord]
    accesses: Sequence[AccessRecord]
    rows: RowChanges


class Progress(NamedTuple):
    """How far a tenant is filed: the last sequence of each partition, the last block of the access log."""

    sequences: Mapping[int, int]
    accesses: int


class Renewal(Protocol):
    """The changed views of one tenant while their rows are made again: they begin empty."""

    @property
    def views(self) -> Sequence[str]:
        """The views whose rows are to be made."""
        ...

    def entries(self) -> Iterator[Sequence[bytes]]:
        """The record of every filed entry in the order of filing, part by part."""
        ...

    def row(self, view: str, key: str) -> RowChange | None:
        """A row as it was put last."""
        ...

    def put(self, rows: RowChanges) -> None:
        """Puts rows, and takes removed ones away."""
        ...


class Filing(Protocol):
    """Writes what is derived from the journal. Blocking; used by the drain alone, from one thread.

    Raises:
        DamagedFile: What is there of a tenant cannot be read.
    """

    def tenants(self) -> Sequence[TenantId]:
        """Every tenant that has its place."""
        ...

    def changed(self, tenant: TenantId) -> Sequence[str]:
        """The tenant's views that are new, gone, or declared otherwise than when they were filed; makes no place."""
        ...

    def renewal(self, tenant: TenantId) -> AbstractContextManager[Renewal]:
        """Makes the changed views of a tenant again, and drops those that are gone: all of it or nothing.

        It is kept at the end of the block, and given up where the block raises or the process ends before.
        """
        ...

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
