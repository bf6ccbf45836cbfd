"""The order of a run: rounds of cells, in each cell the peers one after the other, each alone on the machine."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from subprocess import SubprocessError

from msgspec import MsgspecError

from benchmarks import machine
from benchmarks.errors import BenchmarkError, Missing, TimedOut
from benchmarks.figures import Cell, Measured, Rounds
from benchmarks.load import wrk
from benchmarks.peers import Peer, Serving, Verification

WARM = 1
"""Seconds of the same load before a cell is measured: caches, pools and the interpreter's own specialisation."""


FAILURES = (BenchmarkError, OSError, ValueError, KeyError, SubprocessError, HTTPException, MsgspecError)
"""What a peer that does not do as it should can raise on its way through a cell; the run goes on without that cell."""


@dataclass(frozen=True)
class Plan:
    """How long and how often.

    Attributes:
        cells: What to measure.
        rounds: How often each cell is measured.
        seconds: How long a cell's load lasts.
        commands: After how many commands memory is looked at, and then after three times as many.
    """

    cells: Sequence[Cell]
    rounds: int = 3
    seconds: int = 3
    commands: int = 100_000


@dataclass
class Record:
    """What a run gave, filled as it goes, so that an interrupted one still tells what it knows."""

    rounds: Rounds = field(default_factory=Rounds)
    remarks: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])
    troubles: list[str] = field(default_factory=list[str])
    verified: dict[str, Verification] = field(default_factory=dict[str, Verification])


def run(plan: Plan, peers: Sequence[Peer], apart: Callable[[Cell], Peer], record: Record) -> None:
    """Measure all cells of a plan and hold what was acknowledged against the stores.

    The order of the peers turns from round to round, so that a machine that slows down favours none.

    Args:
        plan: What to measure, how long and how often.
        peers: Those that take part.
        apart: Gives a peer of ours for a cell that wants data of its own.
        record: Where the outcome goes.
    """
    own = {cell: apart(cell) for cell in plan.cells if cell.apart}
    for number in range(plan.rounds):
        for cell in plan.cells:
            if cell.once and number > 0:
                continue
            turn = number % len(peers)
            for peer in (*peers[turn:], *peers[:turn]):
                if peer.name not in cell.peers:
                    continue
                subject = own.get(cell, peer)
                record.rounds.setdefault((peer.name, cell), []).append(_tried(plan, cell, subject, number, record))
    for peer in (*peers, *own.values()):
        _verify(peer, record)
        record.remarks.extend(peer.remarks)


def _tried(plan: Plan, cell: Cell, peer: Peer, number: int, record: Record) -> Measured | None:
    """Measure a cell; what fails is noted, once, and the run goes on."""
    label = f"{cell.value} of {peer.name}"
    print(f"round {number + 1}: {label}", file=sys.stderr, flush=True)
    try:
        return _measured(plan, cell, peer, record)
    except Missing as why:
        _note(record.left_out, f"{label}: {why}")
    except TimedOut:
        raise
    except FAILURES as error:
        _note(record.troubles, f"{label}: {_said(error)}")
    return None


def _measured(plan: Plan, cell: Cell, peer: Peer, record: Record) -> Measured:
    match cell:
        case Cell.START:
            return {"start": peer.first_command()}
        case Cell.MEMORY:
            return _memory(plan, peer, record)
        case Cell.CREATES | Cell.SPREAD | Cell.SINGLE | Cell.RENAMES | Cell.GETS | Cell.LISTS:
            return _loaded(plan, cell, peer, record)


def _loaded(plan: Plan, cell: Cell, peer: Peer, record: Record) -> Measured:
    """Measure rate, latency and processor time under load; the processor counts until everything has caught up."""
    with peer.serving() as serving:
        _send(peer, serving, cell, WARM, record)
        _settle(peer, serving, record)
        before = _used(serving)
        run = _send(peer, serving, cell, plan.seconds, record)
        _settle(peer, serving, record)
        server, database = (late - early for late, early in zip(_used(serving), before, strict=True))
    count = max(run.succeeded, 1)
    return {
        "rate": run.rate,
        "p50": run.p50,
        "p99": run.p99,
        "cpu": (server + database) / count,
        "cpu of the server": server / count,
        "cpu of the database": database / count,
        "succeeded": run.succeeded,
    }


def _memory(plan: Plan, peer: Peer, record: Record) -> Measured:
    """Measure the memory of all processes after so many commands, and after three times as many."""
    found: Measured = {}
    total, rate = 0, 1000.0
    with peer.serving() as serving:
        for name, wanted in (("early", plan.commands), ("late", 3 * plan.commands)):
            while total < wanted:
                seconds = min(max(math.ceil((wanted - total) / rate), 1), 10)
                run = _send(peer, serving, Cell.MEMORY, seconds, record)
                total, rate = total + run.succeeded, max(run.rate, 100.0)
                if not run.succeeded:
                    reason = f"no command was accepted after {total}, so memory after {wanted} is not known"
                    raise BenchmarkError(reason)
            _settle(peer, serving, record)
            found[name] = float(machine.resident_bytes(serving.roots))
            found[f"commands until {name}"] = total
    return found


def _send(peer: Peer, serving: Serving, cell: Cell, seconds: int, record: Record) -> wrk.Run:
    run = wrk.run(serving.port, peer.load(cell.kind), connections=cell.connections, seconds=seconds)
    if cell.kind.writes:
        peer.acknowledged(cell.kind, run.bodies)
    for trouble, count in run.troubles.items():
        record.troubles.append(
            f"{cell.value} of {peer.name}: {trouble}, {count} times beside {run.succeeded} successes"
        )
    return run


def _settle(peer: Peer, serving: Serving, record: Record) -> None:
    peer.catch_up(serving)
    if not machine.rest(serving.roots):
        _note(record.troubles, f"{peer.name} did not come to rest after its load, so its CPU is counted short")


def _used(serving: Serving) -> tuple[float, float]:
    """Give the processor seconds of the server and of its database."""
    database = 0.0 if serving.database is None else machine.processor_seconds([serving.database])
    return machine.processor_seconds([serving.server]), database


def _verify(peer: Peer, record: Record) -> None:
    print(f"verifying {peer.name}", file=sys.stderr, flush=True)
    try:
        verification = peer.verify()
    except TimedOut:
        raise
    except FAILURES as error:
        _note(record.troubles, f"what {peer.name} acknowledged could not be verified: {_said(error)}")
        return
    if verification is not None:
        record.verified[peer.name] = verification


def _note(notes: list[str], text: str) -> None:
    """Keep a note once, however many rounds give it."""
    if text not in notes:
        notes.append(text)


def _said(error: Exception) -> str:
    """Give an error's text with its kind, where the text alone says too little."""
    return str(error) if isinstance(error, BenchmarkError) else f"{type(error).__name__}: {error}"
