"""The table: what each figure is, and what it has to come to beside a peer."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest
from statistics import median

from benchmarks.peers import Kind

OURS = "ours"
OTHERS = ("P", "L", "E")
LOOP = "E loop"
"""Peer E with its functions on the event loop."""

WAYS = {"E": ("E", LOOP)}
"""A peer that is measured in several ways; each figure takes the best of them, round by round."""

ITSELF = "itself"
"""What an absolute bound is compared with."""

Measured = dict[str, float]
"""What a cell gave, by name, in seconds and bytes."""

Rounds = dict[tuple[str, "Cell"], list[Measured | None]]
"""By peer and cell, what each round gave; `None` where it gave nothing."""


class Cell(Enum):
    """One measurement of one peer."""

    CREATES = "creates"
    SPREAD = "spread"
    SINGLE = "single"
    RENAMES = "renames"
    GETS = "gets"
    LISTS = "lists"
    START = "start"
    SAGA = "saga"
    SINK = "sink"
    SNAPSHOTS = "snapshots"
    COLD = "cold"
    REBUILD = "rebuild"
    MEMORY = "memory"
    GROWTH = "growth"
    RECOVERY = "recovery"

    @property
    def kind(self) -> Kind:
        """What its requests ask for."""
        return {Cell.RENAMES: Kind.RENAME, Cell.SNAPSHOTS: Kind.RENAME, Cell.GETS: Kind.GET, Cell.LISTS: Kind.LIST}.get(
            self, Kind.CREATE
        )

    @property
    def connections(self) -> int:
        """How many requests are under way at a time."""
        return 1 if self is Cell.SINGLE else 64

    @property
    def peers(self) -> tuple[str, ...]:
        """The peers that it is measured on."""
        match self:
            case Cell.CREATES:
                return ("P", "L", *WAYS["E"], OURS)
            case Cell.RENAMES:
                return ("P", *WAYS["E"], OURS)
            case Cell.GETS | Cell.LISTS:
                return ("P", "L", OURS)
            case Cell.START | Cell.SINGLE:
                return ("P", OURS)
            case Cell.COLD | Cell.REBUILD:
                return ("E", OURS)
            case Cell.SPREAD | Cell.SAGA | Cell.SINK | Cell.SNAPSHOTS | Cell.MEMORY | Cell.GROWTH | Cell.RECOVERY:
                return (OURS,)

    @property
    def apart(self) -> bool:
        """Whether it is measured on data of its own."""
        return self in {Cell.SPREAD, Cell.SAGA, Cell.SINK, Cell.SNAPSHOTS} or self.long

    @property
    def long(self) -> bool:
        """Whether it needs much data and is more than a load, so that its turn comes when the short cells are done."""
        return self in {Cell.COLD, Cell.REBUILD, Cell.MEMORY, Cell.GROWTH, Cell.RECOVERY}

    @property
    def still(self) -> float:
        """For how many seconds nothing happens once the work is done: a sink waits half a second for more."""
        return 1.0 if self is Cell.SINK else 0.2

    @property
    def once(self) -> bool:
        """Whether one measurement is enough, because it is long and does not drift with the machine."""
        return self is Cell.MEMORY


@dataclass(frozen=True)
class Target:
    """What our figure, divided by another, has to come to.

    Attributes:
        other: The peer divided by, ours for another cell or value of our own, or `ITSELF` for an absolute bound.
        limit: The bound of the median ratio, or of the median; `None` where the ratio is shown and nothing asked of it.
        at_least: Whether the bound is a floor; else it is a ceiling.
        stretch: A bound that would be better still.
        cell: The cell of the other figure, if not the same.
        value: The value of the other figure, if not the same.
    """

    other: str
    limit: float | None
    at_least: bool = True
    stretch: float | None = None
    cell: Cell | None = None
    value: str | None = None

    def met(self, ratio: float) -> bool | None:
        """Say whether a ratio keeps the bound, if there is one."""
        if self.limit is None:
            return None
        return ratio >= self.limit if self.at_least else ratio <= self.limit


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        key: Its name on the command line.
        title: Its name in the table.
        cell: Where it is measured.
        value: Which value of the cell it is.
        unit: How it is printed: '/s', 'µs', 'ms', 's' or 'MiB'.
        targets: What it has to come to.
    """

    key: str
    title: str
    cell: Cell
    value: str
    unit: str
    targets: tuple[Target, ...]

    @property
    def best(self) -> Callable[[list[float]], float]:
        """Which of several ways' values counts: the greatest of rates, the least of all else."""
        return max if self.unit == "/s" else min

    @property
    def cells(self) -> set[Cell]:
        """All cells that it needs."""
        return {self.cell, *(target.cell for target in self.targets if target.cell)}


FIGURES = (
    Figure(
        "creates",
        "durable creates, 64 connections",
        Cell.CREATES,
        "rate",
        "/s",
        (Target("P", 12, stretch=18), Target("L", 0.33, stretch=0.5), Target("E", 6)),
    ),
    Figure(
        "spread",
        "the same over 200 tenants",
        Cell.SPREAD,
        "rate",
        "/s",
        (Target(OURS, 0.85, cell=Cell.CREATES),),
    ),
    Figure(
        "cpu",
        "CPU of a durable create",
        Cell.CREATES,
        "cpu",
        "µs",
        (Target("P", 1 / 12, at_least=False, stretch=1 / 20), Target("L", 3.3, at_least=False)),
    ),
    Figure("single", "durable creates, 1 connection", Cell.SINGLE, "rate", "/s", (Target("P", 2.2),)),
    Figure(
        "tail",
        "p99 of creates, 64 connections",
        Cell.CREATES,
        "p99",
        "ms",
        (Target("P", 1 / 8, at_least=False), Target("E", 1 / 4, at_least=False)),
    ),
    Figure(
        "renames",
        "renames of existing notes",
        Cell.RENAMES,
        "rate",
        "/s",
        (Target("P", 12), Target("E", 7), Target(OURS, 0.9, cell=Cell.CREATES)),
    ),
    Figure("gets", "gets from a view", Cell.GETS, "rate", "/s", (Target("P", 18), Target("L", 0.35))),
    Figure("lists", "lists of 20", Cell.LISTS, "rate", "/s", (Target("P", 12),)),
    Figure("start", "start to first command", Cell.START, "start", "ms", (Target("P", 1, at_least=False),)),
    Figure(
        "saga",
        "creates with a saga that follows",
        Cell.SAGA,
        "rate",
        "/s",
        (Target(OURS, None, cell=Cell.CREATES),),
    ),
    Figure("saga-cpu", "CPU of such a create", Cell.SAGA, "cpu", "µs", (Target(OURS, None, cell=Cell.CREATES),)),
    Figure("sink", "creates with a sink", Cell.SINK, "rate", "/s", (Target(OURS, None, cell=Cell.CREATES),)),
    Figure("sink-cpu", "CPU of such a create", Cell.SINK, "cpu", "µs", (Target(OURS, None, cell=Cell.CREATES),)),
    Figure(
        "snapshots",
        "renames with snapshots on the way",
        Cell.SNAPSHOTS,
        "rate",
        "/s",
        (Target(OURS, None, cell=Cell.RENAMES),),
    ),
    Figure(
        "snapshots-cpu", "CPU of such a rename", Cell.SNAPSHOTS, "cpu", "µs", (Target(OURS, None, cell=Cell.RENAMES),)
    ),
    Figure(
        "load-entity",
        "first command to an entity with a long past",
        Cell.COLD,
        "first",
        "ms",
        (
            Target("E", 1 / 3, at_least=False),
            Target("E", None, value="first with snapshots"),
            Target(OURS, None, value="second"),
        ),
    ),
    Figure(
        "rebuild",
        "a view made again, each event once",
        Cell.REBUILD,
        "rebuilt",
        "s",
        (Target("E", 1 / 20, at_least=False), Target(ITSELF, 2, at_least=False)),
    ),
    Figure(
        "memory",
        "memory at 3/10 of the entries, all processes",
        Cell.MEMORY,
        "all at 3/10",
        "MiB",
        (Target(OURS, 1.1, at_least=False, value="all at 1/10"),),
    ),
    Figure(
        "memory-server",
        "memory at all entries, server",
        Cell.MEMORY,
        "server at 10/10",
        "MiB",
        (Target(OURS, 1.1, at_least=False, value="server at 2/10"),),
    ),
    Figure(
        "memory-drain",
        "memory at all entries, drain",
        Cell.MEMORY,
        "drain at 10/10",
        "MiB",
        (Target(OURS, None, value="drain at 2/10"),),
    ),
    Figure(
        "growth",
        "creates on a large journal",
        Cell.GROWTH,
        "large",
        "/s",
        (Target(OURS, 0.8, value="small"),),
    ),
    Figure(
        "recovery", "killed under load, start to first command", Cell.RECOVERY, "served", "s", (Target(ITSELF, None),)
    ),
    Figure(
        "recovery-views",
        "the same journal's view made again",
        Cell.RECOVERY,
        "rebuilt",
        "s",
        (Target(ITSELF, None),),
    ),
)


def values(rounds: Rounds, peer: str, figure: Figure) -> list[float]:
    """Give a figure of a peer, round by round, leaving out those that gave nothing."""
    return [value for value in _rounds(rounds, peer, figure.cell, figure.value, figure) if value is not None]


def ratios(rounds: Rounds, figure: Figure, target: Target) -> list[float]:
    """Give our figure divided by the other, round by round, where both were measured in the same round."""
    ours = _rounds(rounds, OURS, figure.cell, figure.value, figure)
    if target.other == ITSELF:
        return [mine for mine in ours if mine is not None]
    others = _rounds(rounds, target.other, target.cell or figure.cell, target.value or figure.value, figure)
    return [mine / other for mine, other in zip(ours, others, strict=False) if mine is not None and other is not None]


def spread(found: list[float]) -> tuple[float, float, float]:
    """Give median, minimum and maximum."""
    return median(found), min(found), max(found)


def _rounds(rounds: Rounds, peer: str, cell: Cell, value: str, figure: Figure) -> list[float | None]:
    """Give a value of a peer in each round, the best of its ways."""
    ways = [rounds.get((way, cell), []) for way in WAYS.get(peer, (peer,))]
    best: list[float | None] = []
    for found in zip_longest(*ways):
        known = [measured[value] for measured in found if measured is not None]
        best.append(figure.best(known) if known else None)
    return best
