"""Filing: what the drain writes for each tenant, in one transaction: history, views, access log, and how far each is.

Three ports read what is filed here: `History`, `Views`, `AccessLog`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from osteon.messages import Position
from osteon.model import AccountId, InvocationId, OsteonError, TenantId
from osteon.ports.views import Standing, Stop

__all__ = [
    "AccessRecord",
    "Batch",
    "DamagedFile",
    "EntryRecord",
    "Filing",
    "LostFile",
    "Misfiled",
    "Progress",
    "RowChange",
    "RowChanges",
    "Step",
    "Stopped",
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


class LostFile(OsteonError):
    """Raised when what was filed of a tenant is gone, or a part of it."""

    def __init__(self, tenant: TenantId, found: int, size: int) -> None:
        """Tells whose it is, and how much is missing."""
        self.tenant = tenant
        super().__init__(
            f"The file of the tenant '{tenant}' has {found:,} bytes and had {size:,}: it was lost, or cut. Bring it back from a backup."
        )


class Misfiled(OsteonError):
    """Raised when a batch does not go on where the last one ended: it is filed already, or something is missing."""

    def __init__(self, what: str, expected: int, actual: int) -> None:
        """Tells what does not fit: a partition, or the access log."""
        self.what, self.expected, self.actual = what, expected, actual
        advice = "file what follows on 'progress', and that once."
        if actual > expected:
            advice = (
                "what is between is in neither a tenant's file nor the log. 'osteon journal verify' says whose; "
                "bring that file back from a backup."
            )
        super().__init__(f"The next of {what} is {expected}, not {actual}: {advice}")


class ViewChanged(OsteonError):
    """Raised when views of a tenant do not follow and nobody has looked: declared otherwise than they were filed, or stopped."""

    def __init__(self, tenant: TenantId, views: Sequence[str]) -> None:
        """Names the views that are new, gone, declared otherwise, or behind."""
        self.tenant, self.views = tenant, tuple(views)
        names = ", ".join(f"'{view}'" for view in views)
        super().__init__(
            f"Views of the tenant '{tenant}' are not as they are declared, or behind its journal: {names}. "
            "The next start of the drain sees to them."
        )


class Table(NamedTuple):
    """A view as a table.

    Attributes:
        scoped: Whether its rows have a scope.
        columns: The columns that queries filter by.
        indexed: Those of them by which a few rows among many are found; not worth it for a boolean.
        searched: Those of them in which a text is looked for.
        row: What a row holds, as text; only ever compared.
        folded: From which events it is folded, and by which revision of the code, as text; only ever compared.
    """

    name: str
    scoped: bool
    columns: tuple[str, ...]
    indexed: tuple[str, ...]
    searched: tuple[str, ...]
    row: str = ""
    folded: str = ""


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


class Stopped(NamedTuple):
    """A view that stopped: `after` so many of the entries at hand, which its rows have, and why."""

    after: int
    stop: Stop


class Batch(NamedTuple):
    """Everything of one tenant to be filed at once. `stops` are the views that followed until now and stop within it."""

    entries: Sequence[EntryRecord]
    accesses: Sequence[AccessRecord]
    rows: RowChanges
    stops: Mapping[str, Stopped] = {}


class Step(NamedTuple):
    """What brings some views further that do not follow.

    Attributes:
        views: Which; all of them are at the same place, with rows beside those that answer, or without.
        place: How many entries their rows have.
        entries: How many the rows have afterwards in addition, but for those that stop.
        rows: What is put, and taken away.
        stops: Those that stop within it.
        rate: How many entries a second are folded.
    """

    views: Sequence[str]
    place: int
    entries: int
    rows: RowChanges
    stops: Mapping[str, Stopped] = {}
    rate: float = 0.0


class Progress(NamedTuple):
    """How far a tenant is filed: the last sequence of each partition, the last block of the access log."""

    sequences: Mapping[int, int]
    accesses: int


class Filing(Protocol):
    """Writes what is derived from the journal. Blocking; used by the drain alone, from one thread.

    Raises:
        DamagedFile: What is there of a tenant cannot be read.
    """

    def tenants(self) -> Sequence[TenantId]:
        """Every tenant that has its place."""
        ...

    def expect_settled(self) -> None:
        """Looks whether all is there that was settled, as far as that can be told without reading it.

        Raises:
            LostFile: Something of a tenant is gone.
        """
        ...

    def revise(self, tenant: TenantId) -> Sequence[Standing]:
        """Brings the views of a tenant in line with those declared; makes no place for one that has none.

        Views that are gone are dropped. Of a view that is new, or was declared otherwise, rows are made beside those that
        are there, which stay as they are until the new ones have every entry.

        Returns:
            The views that do not follow.
        """
        ...

    def begin(self, tenant: TenantId, view: str) -> Standing:
        """Begins to make the rows of a view again, beside those that are there. What was begun before begins anew."""
        ...

    def behind(self, tenant: TenantId, place: int, most: int) -> Sequence[bytes]:
        """The records of the entries behind the first `place` in the order of filing, `most` at most."""
        ...

    def of_entity(self, tenant: TenantId, entity: str, after: Position | None) -> Iterator[Sequence[bytes]]:
        """The records of an entity's entries behind the one at `after`, oldest first, in parts.

        Raises:
            UnknownPlace: No entry of the entity is at `after`.
        """
        ...

    def advance(self, tenant: TenantId, step: Step) -> Sequence[Standing]:
        """Brings views further: all of it or nothing. Those that have every entry then follow; new rows replace the old ones.

        Returns:
            Where the views of the step stand.

        Raises:
            Misfiled: One of them is at another place.
        """
        ...

    def progress(self, tenant: TenantId) -> Progress:
        """How far the tenant is filed; makes its place when it is new.

        Raises:
            ViewChanged: The place was made for other views than those of now, or some do not follow, and `revise` was not asked.
        """
        ...

    def row(self, tenant: TenantId, view: str, key: str, *, beside: bool = False) -> RowChange | None:
        """A row of a view as filed; with `beside`, among those that are made beside them."""
        ...

    def file(self, tenant: TenantId, batch: Batch) -> None:
        """Files a batch: all of it or nothing, entries in the order of the journal; rows of views that follow.

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
