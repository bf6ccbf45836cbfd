"""A tape in memory: the batches that the journal records, and that the drain reads behind it."""

from collections.abc import Iterator, Sequence

from osteon.model import TenantId

__all__ = ["Tape"]


class Tape:
    """What outlives the processes that write on it, one after another: all batches, and who writes for a tenant now."""

    def __init__(self) -> None:
        """Is empty."""
        self.batches: list[tuple[bytes, ...]] = []
        self.writers: dict[TenantId, object] = {}

    @property
    def last(self) -> int:
        """The number of the last batch; 0 when there is none."""
        return len(self.batches)

    def since(self, batch: int, until: int | None = None) -> Iterator[tuple[int, Sequence[bytes]]]:
        """The batches behind `batch`, up to and with `until`, each with its number."""
        for number in range(batch + 1, (self.last if until is None else until) + 1):
            yield number, self.batches[number - 1]
