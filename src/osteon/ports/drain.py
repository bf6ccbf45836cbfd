"""The drain: what brings the journal's entries into history and views, behind the replies."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from osteon.model import TenantId
from osteon.ports.views import Standing

__all__ = ["Drain", "Tail"]


class Drain(Protocol):
    """The server's hold on the drain, which may be another process."""

    @property
    def drained(self) -> int:
        """The number of the last batch that history and views hold."""
        ...

    def advance(self, batch: int) -> None:
        """Tells that batches up to `batch` are durable: they may be drained, at leisure."""
        ...

    async def reached(self, batch: int, within: float) -> bool:
        """Waits until `batch` is drained, hurrying the drain; False when that takes more than `within` seconds."""
        ...

    def keep_state(self, tenant: TenantId, entity_type: str, entity: str) -> None:
        """Asks for a snapshot of an entity as it is filed by then: at leisure, and forgotten when there is too much to do."""
        ...

    def standing(self, tenant: TenantId, view: str) -> Standing | None:
        """Where a view of a tenant stands, as of what is drained; None when it has everything that is."""
        ...


class Tail(Protocol):
    """Reads recorded batches in order, as far as they are durable."""

    def read(self) -> Iterator[tuple[int, Sequence[bytes]]]:
        """The batches that have become durable since the last call: their numbers and their records. Blocking."""
        ...
