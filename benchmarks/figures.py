"""The table: what each figure is, and what it has to come to beside a peer."""

from dataclasses import dataclass
from enum import Enum
from statistics import median

from benchmarks.peers import Kind

OURS = "ours"
OTHERS = ("P", "L")

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
    MEMORY = "memory"

    @property
    def kind(self) -> Kind:
        """What its requests ask for."""
        match self:
            case Cell.RENAMES:
                return Kind.RENAME
            case Cell.GETS:
                return Kind.GET
            case Cell.LISTS:
                return Kind.LIST
            case Cell.CREATES | Cell.SPREAD | Cell.SINGLE | Cell.START | Cell.MEMORY:
                return Kind.CREATE

    @property
    def connections(self) -> int:
        """How many requests are under way at a time."""
        return 1 if self is Cell.SINGLE else 64

    @property
    def peers(self) -> tuple[str, ...]:
        """The peers that it is measured on."""
        match self:
            case Cell.SPREAD | Cell.MEMORY:
                return (OURS,)
            case Cell.START | Cell.SINGLE | Cell.RENAMES:
                return ("P", OURS)
            case Cell.CREATES | Cell.GETS | Cell.LISTS:
                return ("P", "L", OURS)

    @property
    def apart(self) -> bool:
        """Whether it is measured on data of its own."""
        return self in {Cell.SPREAD, Cell.MEMORY}

    @property
    def once(self) -> bool:
        """Whether one measurement is enough, because it is long and does not drift with the machine."""
        return self is Cell.MEMORY


@dataclass(frozen=True)
class Target:
    """What our figure, divided by another, has to come to.

    Attributes:
        other: The peer divided by, or ours for another cell or value of our own.
        limit: The bound of the median ratio.
        at_least: Whether the bound is a floor; else it is a ceiling.
        stretch: A bound that would be better still.
        cell: The cell of the other figure, if not the same.
        value: The value of the other figure, if not the same.
    """

    other: str
    limit: float
    at_least: bool = True
    stretch: float | None = None
    cell: Cell | None = None
    value: str | None = None

    def met(self, ratio: float) -> bool:
        """Say whether a ratio keeps the bound."""
        return ratio >= self.limit if self.at_least else ratio <= self.limit


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        key: Its name on the command line.
        title: Its name in the table.
        cell: Where it is measured.
        value: Which value of the cell it is.
        unit: How it is printed: '/s', 'µs', 'ms' or 'MiB'.
        targets: What it has to come to.
    """

    key: str
    title: str
    cell: Cell
    value: str
    unit: str
    targets: tuple[Target, ...]

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
        (Target("P", 12, stretch=18), Target("L", 0.33, stretch=0.5)),
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
    Figure("tail", "p99 of creates, 64 connections", Cell.CREATES, "p99", "ms", (Target("P", 1 / 8, at_least=False),)),
    Figure(
        "renames",
        "renames of existing notes",
        Cell.RENAMES,
        "rate",
        "/s",
        (Target("P", 12), Target(OURS, 0.9, cell=Cell.CREATES)),
    ),
    Figure("gets", "gets from a view", Cell.GETS, "rate", "/s", (Target("P", 18), Target("L", 0.35))),
    Figure("lists", "lists of 20", Cell.LISTS, "rate", "/s", (Target("P", 12),)),
    Figure("start", "start to first command", Cell.START, "start", "ms", (Target("P", 1, at_least=False),)),
    Figure(
        "memory",
        "memory after three times as many commands",
        Cell.MEMORY,
        "late",
        "MiB",
        (Target(OURS, 1.1, at_least=False, value="early"),),
    ),
)


def values(rounds: Rounds, peer: str, figure: Figure) -> list[float]:
    """Give a figure of a peer, round by round, leaving out those that gave nothing."""
    return [measured[figure.value] for measured in rounds.get((peer, figure.cell), []) if measured is not None]


def ratios(rounds: Rounds, figure: Figure, target: Target) -> list[float]:
    """Give our figure divided by the other, round by round, where both were measured in the same round."""
    ours = rounds.get((OURS, figure.cell), [])
    others = rounds.get((target.other, target.cell or figure.cell), [])
    return [
        mine[figure.value] / other[target.value or figure.value]
        for mine, other in zip(ours, others, strict=False)
        if mine is not None and other is not None
    ]


def spread(found: list[float]) -> tuple[float, float, float]:
    """Give median, minimum and maximum."""
    return median(found), min(found), max(found)
