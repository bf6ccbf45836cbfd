"""What is measured: each peer serves notes, and is asked for the same things in its own way."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.load.wrk import Load
from benchmarks.machine import Cores

PEOPLE = 100
"""How many people with tokens send the requests, in turn."""

NOTES_EACH = 10
"""How many notes each of them has before the first cell: those that are renamed and read."""

PAGE = 20
"""How many notes a list shows."""


class Kind(Enum):
    """What is asked of a peer."""

    CREATE = "create"
    RENAME = "rename"
    GET = "get"
    LIST = "list"

    @property
    def writes(self) -> bool:
        """Whether its answers are promises that are held against the store afterwards."""
        return self in {Kind.CREATE, Kind.RENAME}


class Place(NamedTuple):
    """Where a peer keeps its data, and the cores that it and its database are pinned to."""

    folder: Path
    cores: Cores


class Serving(NamedTuple):
    """A peer that serves: its port, and the first processes of its server and of its database, if it has one."""

    port: int
    server: int
    database: int | None = None

    @property
    def roots(self) -> tuple[int, ...]:
        """All of its first processes."""
        return (self.server,) if self.database is None else (self.server, self.database)


class Verification(NamedTuple):
    """Acknowledged commands held against the store.

    Attributes:
        acknowledged: How many distinct commands were acknowledged and looked for.
        lost: How many of them the store does not have.
        doubled: How many of them the store has more than once.
    """

    acknowledged: int
    lost: int
    doubled: int

    def plus(self, other: "Verification") -> "Verification":
        """Give both together."""
        return Verification(
            self.acknowledged + other.acknowledged, self.lost + other.lost, self.doubled + other.doubled
        )


class Peer(Protocol):
    """A server under test, with data that lasts from cell to cell."""

    @property
    def name(self) -> str:
        """Its name in the table."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """What a reader of its figures must know."""
        ...

    def serving(self) -> AbstractContextManager[Serving]:
        """Serve for the length of a block, over the data of the last time; the first time, prepare people and notes.

        Raises:
            Unfit: The machine lacks something that it needs.
            Faulty: It does not start, or does not answer as it should.
        """
        ...

    def load(self, kind: Kind) -> Load:
        """Give what the load generator sends; only while it serves."""
        ...

    def acknowledged(self, kind: Kind, bodies: Sequence[bytes]) -> None:
        """Take the answers to commands, to be verified later."""
        ...

    def catch_up(self, serving: Serving) -> None:
        """Return once everything acknowledged can be read, so that the work still owed is counted too."""
        ...

    def first_command(self) -> float:
        """Start on an empty store and give the seconds until the first command was acknowledged.

        Raises:
            Missing: It cannot start without its people yet.
        """
        ...

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the store, not serving; `None` where nothing was to be stored."""
        ...
