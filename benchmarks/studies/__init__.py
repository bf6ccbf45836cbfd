"""What takes more than a load on a server: data of its own, made the first time, and measured in each round."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from benchmarks.figures import Measured
from benchmarks.peers import Verification
from benchmarks.record import Record


@dataclass(frozen=True)
class Sizes:
    """How much data there is, all of it in proportion to the largest journal.

    Attributes:
        entries: The entries of the largest journal.
    """

    entries: int = 1_000_000

    @property
    def small(self) -> int:
        """The entries of a small journal."""
        return self.entries // 100

    @property
    def past(self) -> int:
        """The events of an entity with a long past."""
        return self.entries // 100

    @property
    def others(self) -> int:
        """The entries beside those of that entity."""
        return self.entries // 10

    @property
    def rows(self) -> int:
        """The events of a view that is made again."""
        return self.entries // 10


@runtime_checkable
class Study(Protocol):
    """A measurement with data of its own."""

    @property
    def name(self) -> str:
        """The name under which what it acknowledged is verified."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader of its figures must know."""
        ...

    def measured(self, record: Record) -> Measured:
        """Measure once more.

        Raises:
            BenchmarkError: It did not work out; the text says why.
        """
        ...

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the store, nothing serving; `None` where it was done already."""
        ...
