"""Load as cells use it: sent for some seconds, or until there are so many entries, and counted until its work is done."""

import math
import time

from benchmarks import machine
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Cell, Measured
from benchmarks.load import wrk
from benchmarks.peers import Peer, Serving
from benchmarks.record import Record, progress

WARM = 1
"""Seconds of the same load before a cell is measured: caches, pools and the interpreter's own specialisation."""

PART = 10
"""The most seconds of load in one go while something is filled; tokens are looked at in between."""

FILLED_WITHIN = 1_800.0
"""Seconds after which filling is given up."""


def loaded(peer: Peer, cell: Cell, seconds: int, record: Record) -> Measured:
    """Measure rate, latency and processor time under load; the processor counts until everything has caught up."""
    with peer.serving() as serving:
        send(peer, serving, cell, WARM, record)
        settle(peer, serving, record, still=cell.still)
        before = _used(serving)
        run = send(peer, serving, cell, seconds, record)
        settle(peer, serving, record, still=cell.still)
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


def fill(peer: Peer, serving: Serving, count: int, record: Record, *, done: int = 0) -> int:
    """Create notes under load until there are so many, and give how many there are.

    Args:
        peer: Who is to have them.
        serving: Where it serves.
        count: How many there are to be, at the least.
        record: Where troubles go.
        done: How many there are already.

    Raises:
        BenchmarkError: None was accepted, or it would take too long.
    """
    total, rate, end = done, 1_000.0, time.monotonic() + FILLED_WITHIN
    while total < count:
        seconds = min(max(math.ceil((count - total) / rate), 1), PART)
        run = send(peer, serving, Cell.CREATES, seconds, record)
        total, rate = total + run.succeeded, max(run.rate, 100.0)
        progress(f"  {peer.name}: {total:,} of {count:,} notes, {run.rate:,.0f} a second")
        if not run.succeeded or time.monotonic() > end:
            reason = f"{peer.name} has {total:,} of {count:,} notes, and gets no further in time."
            raise BenchmarkError(reason)
    return total


def send(peer: Peer, serving: Serving, cell: Cell, seconds: int, record: Record) -> wrk.Run:
    """Send a cell's load for some seconds and keep what was acknowledged."""
    run = wrk.run(serving.port, peer.load(cell.kind), connections=cell.connections, seconds=seconds)
    if cell.kind.writes:
        peer.acknowledged(cell.kind, run.bodies)
    for trouble, count in run.troubles.items():
        record.troubles.append(
            f"{cell.value} of {peer.name}: {trouble}, {count} times beside {run.succeeded} successes"
        )
    return run


def settle(peer: Peer, serving: Serving, record: Record, *, still: float = 0.2) -> None:
    """Wait until everything acknowledged can be read and nothing happens any more for so many seconds."""
    peer.catch_up(serving)
    if not machine.rest(serving.roots, window=still):
        record.trouble(f"{peer.name} did not come to rest after its load, so its CPU is counted short")


def _used(serving: Serving) -> tuple[float, float]:
    """Give the processor seconds of the server and of its database."""
    database = 0.0 if serving.database is None else machine.processor_seconds([serving.database])
    return machine.processor_seconds([serving.server]), database
