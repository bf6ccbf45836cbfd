"""Hunts: schedules one after another, until one of them breaks something."""

from collections.abc import Iterable
from typing import NamedTuple

from tests.simulation.faults import profile_of
from tests.simulation.mutants import Mutant, planted
from tests.simulation.schedule import Outcome, run_schedule

__all__ = ["Hunt", "hunt", "hunt_for"]


class Hunt(NamedTuple):
    """How a hunt went: after how many schedules it ended, and with what."""

    schedules: int
    seed: int | None
    outcome: Outcome | None


def hunt(seeds: Iterable[int]) -> Hunt:
    """Runs schedules until one breaks something."""
    schedules = 0
    for seed in seeds:
        schedules += 1
        outcome = run_schedule(seed, profile_of(seed))
        if outcome.broken:
            return Hunt(schedules, seed, outcome)
    return Hunt(schedules, None, None)


def hunt_for(mutant: Mutant, first: int = 0) -> Hunt:
    """Looks for a planted bug, as long as it may take."""
    with planted(mutant):
        return hunt(range(first, first + mutant.within))
