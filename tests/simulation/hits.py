"""What was hit: a simulation that finds nothing tells something only if it went where things can go wrong."""

from collections.abc import Iterable, Mapping

__all__ = ["EXPECTED", "add_up", "missing", "table"]

EXPECTED = (
    *(f"crash at {what} of segment" for what in ("read", "write", "sync")),
    *(f"crash at {what} of new" for what in ("create", "write", "resize", "sync")),
    "crash at rename of segment",
    *(f"crash at {what} of history.db" for what in ("write", "sync", "read")),
    *(f"crash at {what} of history.db-wal" for what in ("write", "sync", "read")),
    *(f"crash at {what} of key" for what in ("create", "write", "sync", "rename")),
    *(f"crash at sync-folder of {folder}" for folder in ("log", "keys", "tenant", "top")),
    "crash at lock of lock",
    "crash at read of known",
    "crash at write of known",
    "EIO at write of segment",
    "EIO at sync of segment",
    "EIO at sync of new",
    "EIO at sync of history.db",
    "EIO at sync of history.db-wal",
    "EIO at sync-folder of log",
    "EIO at read of segment",
    "EIO at read of history.db",
    "EIO at read of history.db-wal",
    "ENOSPC at create of new",
    "ENOSPC at resize of new",
    "ENOSPC at write of history.db-wal",
    "slow sync",
    "slow write",
    "slow read",
    "power cut",
    "write unsynced at a power cut",
    "torn frame dropped",
    "segment retired",
    "start fenced",
    "damage refused",
    "the server is killed",
    "the server is killed, its drain goes on",
    "the drain is killed",
    "the disk is full",
    "the clock jumps ahead",
    "the clock jumps back",
    "another release starts",
    "logged: a view is being made again",
    "logged: parked",
    "snapshot asked for",
    "backup made",
    "backup failed",
    "backup restored",
    "crash at write of backup",
    "timer",
    "saga taken",
    "saga returned",
    "saga late",
    "saga parked",
    "a storm",
    "a squall",
    "fault recorded",
    "message dropped",
    "message doubled",
    "verdict replayed",
    "key asked again",
    "key reused",
    "answered unavailable",
    "reaction",
    "process ended by LogBroken",
)
"""What must be hit in a few hundred schedules."""


def add_up(total: dict[str, int], hits: Mapping[str, int]) -> None:
    """Adds the hits of one schedule."""
    for what, times in hits.items():
        total[what] = total.get(what, 0) + times


def missing(total: Mapping[str, int]) -> list[str]:
    """What should have been hit and was not."""
    return [what for what in EXPECTED if not total.get(what)]


def table(total: Mapping[str, int]) -> Iterable[str]:
    """The hits as lines."""
    for what in sorted({*total, *EXPECTED}):
        yield f"{total.get(what, 0):9}  {what}"
