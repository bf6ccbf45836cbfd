"""Upgrading: takes a data folder of an older format over, step by step, each step from one format to the next."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from osteon.adapters.system.disk import SystemDisk
from osteon.app.formats import FORMAT, OtherFormat, format_of, keep_format
from osteon.app.inspection import NoInstallation
from osteon.model import OsteonError

__all__ = ["STEPS", "NoStep", "Step", "Upgrade", "plan", "upgrade"]

LOG = "log"


class Step(NamedTuple):
    """What takes a data folder from one format to the next.

    Attributes:
        says: What it does, in a sentence.
        take: Does it. Broken off at any moment, it must be possible to do it again; what it changes must be on the
            platter when it returns.
    """

    says: str
    take: Callable[[Path], None]


STEPS: Mapping[int, Step] = {}
"""The step from each older format; there is none before the first."""


class NoStep(OsteonError):
    """Raised when a data folder is of a format from which no step leads on."""


class Upgrade(NamedTuple):
    """From which format to which, and by which steps."""

    before: int
    after: int
    steps: Sequence[Step]


def plan(data: Path, steps: Mapping[int, Step] = STEPS, to: int = FORMAT) -> Upgrade:
    """What there is to do; changes nothing.

    Raises:
        NoInstallation: The folder holds none.
        OtherFormat: It was written by a newer program.
        NoStep: It is older than any step.
    """
    before = format_of(data)
    if before is None:
        raise NoInstallation(f"'{data}' holds no installation. Name its data folder with '--data'.")
    if before > to:
        raise OtherFormat(data, before)
    missing = [number for number in range(before, to) if number not in steps]
    if missing:
        raise NoStep(
            f"No step leads from format {missing[0]} to {missing[0] + 1}. Upgrade with an older program first."
        )
    return Upgrade(before, to, [steps[number] for number in range(before, to)])


def upgrade(
    data: Path, told: Callable[[int, Step], None], steps: Mapping[int, Step] = STEPS, to: int = FORMAT
) -> Upgrade:
    """Takes every step that there is to take; the folder's format is kept after each.

    Args:
        data: The data folder of an installation that is not served.
        told: Told before each step: the format that it leads to, and the step.
        steps: The step from each format.
        to: The format to reach.

    Raises:
        Locked: The installation is served.
        NoInstallation: The folder holds none.
        OtherFormat: It was written by a newer program.
        NoStep: It is older than any step.
    """
    plan(data, steps, to)
    disk = SystemDisk(data)
    lock = disk.lock(f"{LOG}/lock")
    try:
        # Whoever had the lock may have upgraded it meanwhile.
        planned = plan(data, steps, to)
        for number, step in enumerate(planned.steps, planned.before + 1):
            told(number, step)
            step.take(data)
            keep_format(disk, number)
    finally:
        lock.release()
    return planned
