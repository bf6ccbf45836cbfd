"""Bugs of the commit log: appending, recovering, retiring."""

from contextlib import suppress
from typing import Any

from osteon.adapters.commitlog import LogBroken, known, log, recovery, spares, tail
from osteon.adapters.commitlog.journal import LogJournal
from osteon.adapters.commitlog.segments import segment_path
from osteon.ports.disk import Disk, File
from tests.simulation.disk import SimDisk
from tests.simulation.mutants.planting import Mutant, Patch

__all__ = ["LOG"]


def _leave_unsynced(file: File) -> None:
    """In place of `sync`."""


def _sync_again(file: File) -> None:
    """Tries again what failed, and believes the second answer."""
    try:
        file.sync()
    except OSError:
        file.sync()


def _leave_names(disk: Disk, folder: str) -> None:
    """In place of `sync_folder`."""


def _go_on_in_place(disk: Disk, folder: str, spares: Any, findings: Any, epoch: int) -> File:
    """Believes what can be read, and goes on in the same file; the epoch stays."""
    return disk.open(segment_path(folder, findings.head.segment), writable=True)


def _stay_usable(self: Any) -> Any:
    """Goes on after a failed sync as if nothing had happened."""
    return suppress(LogBroken)


class _Free:
    """A lock that keeps nobody out."""

    def release(self) -> None:
        """See `Lock`."""


def _lock_nothing(self: SimDisk, path: str) -> _Free:
    return _Free()


def _cut_off(self: tail.Tail, until: Any) -> None:
    """Takes whatever is no whole frame for the end of the log."""


def _expect_nothing(*told: Any) -> None:
    """In place of `_expect`."""


def _keep_unsynced(self: known.KnownPlace) -> None:
    """In place of `KnownPlace.settle`."""


def _retire_at_once(self: Any, before: int) -> None:
    """Gives up what histories hold, whether reactions have seen it or not."""
    self._log.retire(min(before, self._log.place.segment))


LOG = (
    Mutant(
        "retired-under-a-reaction",
        ("reactions", "sagas", "finishes"),
        600,
        [Patch(LogJournal, "retire", _retire_at_once)],
    ),
    Mutant("reply-before-sync", ("durable-before-reply",), 3, [Patch(log, "sync", _leave_unsynced)]),
    Mutant("sync-tried-again", ("durable-before-reply", "exactly-once"), 150, [Patch(log, "sync", _sync_again)]),
    Mutant(
        "sync-failure-passed-over",
        ("durable-before-reply", "no-fault"),
        150,
        [Patch(log.CommitLog, "_broken_if_unsynced", _stay_usable)],
    ),
    Mutant(
        "recovery-trusts-the-cache",
        ("durable-before-reply", "exactly-once", "whole"),
        150,
        [Patch(log, "renew", _go_on_in_place)],
    ),
    Mutant(
        "names-not-synced",
        ("durable-before-reply", "exactly-once", "whole"),
        10,
        [Patch(recovery, "sync_folder", _leave_names), Patch(spares, "sync_folder", _leave_names)],
    ),
    Mutant(
        "lock-not-held",
        ("durable-before-reply", "exactly-once", "same-verdict", "order", "view", "whole", "no-fault", "journal"),
        100,
        [Patch(SimDisk, "lock", _lock_nothing)],
    ),
    Mutant(
        "damage-cut-off",
        ("damage",),
        150,
        [Patch(tail.Tail, "_end", _cut_off), Patch(recovery, "_expect", _expect_nothing)],
    ),
    Mutant("known-place-passed-over", ("damage",), 300, [Patch(recovery, "_expect", _expect_nothing)]),
    Mutant("known-place-not-synced", ("whole",), 400, [Patch(known.KnownPlace, "settle", _keep_unsynced)]),
)
