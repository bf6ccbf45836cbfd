"""Bugs of views that are made again, and of backups."""

from typing import Any

from osteon.adapters.commitlog import LogCopy, copying
from osteon.adapters.commitlog.frames import Head
from osteon.adapters.commitlog.segments import SegmentReader, segment_numbers
from osteon.adapters.sqlite import filing, renewal
from osteon.app import backup
from osteon.app.drain import DrainWork
from osteon.ports.disk import Disk
from tests.simulation.mutants.planting import Mutant, Patch

__all__ = ["RENEWING"]

_count: Any = vars(renewal)["_count"]


def _all_alike(connection: Any, declared: Any) -> list[str]:
    """Takes every view for what is declared."""
    return []


def _remember_at_once(self: Any) -> None:
    """Remembers that every view follows, before all of them do."""
    if not self._remembered:
        self._declared.remember()
        self._remembered = True


def _count_short(connection: Any) -> int:
    """Takes a view for whole that has not folded the last entry."""
    return max(0, int(_count(connection)) - 1)


class _HastyCopy(LogCopy):
    """Copies the names of the log, and takes for granted that all of it is in the tenants' files."""

    def follow(self, until: Any = None) -> None:
        """See `LogCopy.follow`."""


def _newest_head(disk: Disk, folder: str) -> Head:
    """Begins with the newest segment."""
    reader = SegmentReader(disk, folder, segment_numbers(disk, folder)[-1])
    reader.close()
    return reader.head


RENEWING = (
    Mutant("rebuild-passed-over", ("rebuilt",), 30, [Patch(filing, "unlike", _all_alike)]),
    Mutant(
        "rebuild-remembered-early",
        ("rebuilt", "finishes", "no-fault"),
        300,
        [Patch(DrainWork, "_remember", _remember_at_once)],
    ),
    Mutant(
        "rebuild-ends-early",
        ("view", "finishes", "rebuilt", "read-your-writes", "no-fault"),
        100,
        [Patch(renewal, "_count", _count_short)],
    ),
    Mutant("backup-log-not-followed", ("backup", "exactly-once"), 60, [Patch(backup, "LogCopy", _HastyCopy)]),
    Mutant("backup-of-the-newest-segment", ("backup",), 300, [Patch(copying, "oldest_head", _newest_head)]),
)
