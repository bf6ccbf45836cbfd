"""The order of a run: rounds of cells, in each cell the peers one after the other, each alone on the machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.errors import Missing, TimedOut
from benchmarks.figures import Cell, Measured
from benchmarks.loading import loaded
from benchmarks.peers import Peer
from benchmarks.record import FAILURES, Record, progress, said
from benchmarks.studies import Study


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    Attributes:
        cells: What to measure.
        rounds: How often each cell is measured.
        seconds: How long a cell's load lasts.
    """

    cells: Sequence[Cell]
    rounds: int = 3
    seconds: int = 3


class Turn(NamedTuple):
    """Whose turn it is for what, in which round."""

    number: int
    cell: Cell
    peer: str


def run(plan: Plan, peers: Sequence[Peer], apart: Callable[[str, Cell], Peer | Study], record: Record) -> None:
    """Measure all cells of a plan and hold what was acknowledged against the stores.

    Args:
        plan: What to measure, how long and how often.
        peers: Those that take part.
        apart: Gives what a peer is measured with for a cell that wants data of its own.
        record: Where the outcome goes.
    """
    shared = {peer.name: peer for peer in peers}
    own: dict[tuple[str, Cell], Peer | Study] = {}
    for turn in turns(plan, list(shared)):
        place = (turn.peer, turn.cell)
        if turn.cell.apart and place not in own:
            own[place] = apart(*place)
        subject = own.get(place, shared[turn.peer])
        record.rounds.setdefault(place, []).append(_tried(plan, turn, subject, record))
    for subject in dict.fromkeys((*peers, *own.values())):
        _verify(subject, record)
        record.remarks.extend(subject.remarks)


def turns(plan: Plan, peers: Sequence[str]) -> Iterator[Turn]:
    """Give the order of a run: the rounds of the short cells, then those of the long ones.

    The order of the peers turns from round to round, so that a machine that slows down favours none.
    """
    for long in (False, True):
        for number in range(plan.rounds):
            first = number % len(peers)
            for cell in plan.cells:
                if cell.long is not long or (cell.once and number > 0):
                    continue
                for peer in (*peers[first:], *peers[:first]):
                    if peer in cell.peers:
                        yield Turn(number, cell, peer)


def _tried(plan: Plan, turn: Turn, subject: Peer | Study, record: Record) -> Measured | None:
    """Measure a cell; what fails is noted, once, and the run goes on."""
    label = f"{turn.cell.value} of {turn.peer}"
    progress(f"round {turn.number + 1}: {label}")
    try:
        return _measured(plan, turn.cell, subject, record)
    except Missing as why:
        record.leave_out(f"{label}: {why}")
    except TimedOut:
        raise
    except FAILURES as error:
        record.trouble(f"{label}: {said(error)}")
    return None


def _measured(plan: Plan, cell: Cell, subject: Peer | Study, record: Record) -> Measured:
    if isinstance(subject, Study):
        return subject.measured(record)
    if cell is Cell.START:
        return {"start": subject.first_command()}
    return loaded(subject, cell, plan.seconds, record)


def _verify(subject: Peer | Study, record: Record) -> None:
    progress(f"verifying {subject.name}")
    try:
        verification = subject.verify()
    except TimedOut:
        raise
    except FAILURES as error:
        record.trouble(f"what {subject.name} acknowledged could not be verified: {said(error)}")
        return
    if verification is not None:
        record.verified[subject.name] = verification
