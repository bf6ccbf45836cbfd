"""The memory of a client: what its next queries must show."""

from collections import deque

from msgspec import Struct

from osteon_sdk.contract import Reply

__all__ = ["Memory", "Owed"]

MOST_REMEMBERED = 128


class Owed(Struct, frozen=True, kw_only=True):
    """The positions that a query has yet to show, and how far they reach."""

    type: str
    upto: int
    positions: list[str]


class Memory:
    """The positions of this client's commands, until each query that cares has shown them.

    Positions are opaque, and views may advance apart, so each type of query settles for itself. The latest 128 are
    kept: far more than a tenant has partitions, within what a header can hold.
    """

    def __init__(self) -> None:
        """Begins with nothing."""
        self._noted: deque[tuple[int, str]] = deque(maxlen=MOST_REMEMBERED)
        self._count = 0
        self._settled: dict[str, int] = {}

    def note(self, reply: Reply) -> None:
        """Remembers an accepted command."""
        if reply.position:
            self._count += 1
            self._noted.append((self._count, reply.position))

    def owed(self, type: str) -> Owed:
        """What the next query of this type must show."""
        seen = self._settled.get(type, 0)
        return Owed(type=type, upto=self._count, positions=[each for number, each in self._noted if number > seen])

    def settle(self, owed: Owed) -> None:
        """Forgets for this type of query what it has shown."""
        self._settled[owed.type] = max(owed.upto, self._settled.get(owed.type, 0))
