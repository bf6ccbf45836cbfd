"""Runs the simulation: many schedules, one seed with its trace, or hunts for the planted bugs.

python -m tests.simulation                      500 schedules
python -m tests.simulation --minutes 10         as many as there is time for, on one processor
python -m tests.simulation --seed 4711 --trace  one schedule, with its trace
python -m tests.simulation --mutations          each planted bug must be found
"""

import argparse
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from tests.simulation.faults import profile_of
from tests.simulation.hits import add_up, missing, table
from tests.simulation.hunts import hunt_for
from tests.simulation.mutants import MUTANTS
from tests.simulation.schedule import Outcome, run_schedule
from tests.simulation.shrink import case_of, run_case, shrunken

__all__ = ["main"]

_SCHEDULES = 500


class Totals(NamedTuple):
    """What many schedules came to."""

    schedules: int = 0
    steps: int = 0
    acknowledged: int = 0
    faults: int = 0
    broken: int = 0


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for; 0 only if everything held."""
    parser = argparse.ArgumentParser("./dev simulate", description="Simulate the engine, its log and its histories.")
    parser.add_argument("--seed", type=int, help="the first seed; with it and no --minutes, one schedule")
    parser.add_argument("--minutes", type=float, help="how long; without it, 500 schedules")
    parser.add_argument("--schedules", type=int, help="how many schedules")
    parser.add_argument("--mutations", action="store_true", help="plant bugs, each of which must be found")
    parser.add_argument("--trace", action="store_true", help="write the trace of what is run, and nothing else")
    asked = parser.parse_args(arguments)
    first = asked.seed or 0
    many = asked.schedules or (1 if asked.seed is not None else _SCHEDULES)
    totals, hits = Totals(), dict[str, int]()
    # The form that plants bugs looks for them alone, unless schedules are asked for.
    plain = not asked.mutations or asked.minutes is not None or asked.schedules is not None
    for seed in _seeds(first, many, asked.minutes) if plain else ():
        outcome = run_schedule(seed, profile_of(seed))
        add_up(hits, outcome.hits)
        totals = _added(totals, outcome)
        if asked.trace:
            _write_trace(outcome)
        if outcome.broken:
            _report(seed, outcome, asked.trace)
    found = _hunt(first) if asked.mutations else 0
    unhit = missing(hits) if plain and totals.schedules >= _SCHEDULES else []
    if plain and not asked.trace and totals.schedules > 1:
        _say("\n".join(table(hits)))
    for what in unhit:
        _say(f"never hit: {what}")
    planted = f", {found} of {len(MUTANTS)} planted bugs found" if asked.mutations else ""
    line = f"{totals.schedules} schedules, {totals.steps} steps, {totals.acknowledged} acknowledged commands, "
    _say(f"{line}{totals.faults} faults hit, {totals.broken} schedules broken{planted}")
    return int(bool(totals.broken or unhit or (asked.mutations and found < len(MUTANTS))))


def _seeds(first: int, many: int, minutes: float | None) -> Iterator[int]:
    end = None if minutes is None else time.monotonic() + 60 * minutes
    seed = first
    while seed < first + many if end is None else time.monotonic() < end:
        yield seed
        seed += 1


def _added(totals: Totals, outcome: Outcome) -> Totals:
    quiet = ("reaction", "verdict replayed", "key asked again", "key reused", "timer")
    faults = sum(
        times
        for what, times in outcome.hits.items()
        if what not in quiet and not what.startswith(("saga", "logged", "backup", "query", "snapshot"))
    )
    return Totals(
        totals.schedules + 1,
        totals.steps + outcome.steps,
        totals.acknowledged + outcome.acknowledged,
        totals.faults + faults,
        totals.broken + bool(outcome.broken),
    )


def _write_trace(outcome: Outcome) -> None:
    for line in outcome.trace:
        sys.stdout.write(f"{line}\n")


def _report(seed: int, outcome: Outcome, traced: bool) -> None:
    """Says what broke, and how it breaks with as few choices as possible."""
    broken = outcome.broken[0]
    _say(f"seed {seed} breaks '{broken.property}': {broken.reason}")
    case = shrunken(case_of(seed, profile_of(seed), outcome), runs=600)
    again = run_case(case)
    _say(f"shrunken to {len(case.choices)} choices and {again.steps} steps, with {case.profile.workload}:")
    if not traced:
        for line in again.trace:
            _say(str(line))
    _say(f"again: ./dev simulate --seed {seed} --trace")


def _hunt(first: int) -> int:
    """Looks for each planted bug; how many were found by the property that is named beside them."""
    found = 0
    for mutant in MUTANTS.values():
        hunted = hunt_for(mutant, first)
        broken = hunted.outcome.broken[0] if hunted.outcome else None
        good = broken is not None and broken.property in mutant.properties
        found += good
        what = "not found" if broken is None else f"breaks '{broken.property}'"
        _say(f"{'' if good else 'MISSED  '}{mutant.name}: {what}, {hunted.schedules} of {mutant.within} schedules")
    return found


def _say(line: str) -> None:
    """Reports on the standard error: only a trace goes to the standard output."""
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
