"""Shrinking: from a seed that breaks something to the few choices that are needed for it.

First the smallest workload under which fresh seeds break the same property, then fewer choices that are not zero (ddmin, after
A. Zeller and R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002), then smaller ones.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.simulation.clients import Workload
from tests.simulation.faults import Profile
from tests.simulation.schedule import Outcome, run_schedule

__all__ = ["Case", "case_of", "run_case", "shrunken"]

Choice = tuple[str, int, int]
"""A choice that is not zero: its stream, its number there, its value."""

_FRESH = 60


class Case(NamedTuple):
    """All that is needed to break a property again, as long as the code is the same."""

    property: str
    seed: int
    profile: Profile
    choices: tuple[Choice, ...]


def case_of(seed: int, profile: Profile, outcome: Outcome) -> Case:
    """The case of an outcome in which something broke."""
    choices = [(name, at, value) for name, taken in outcome.taken.items() for at, value in taken.items()]
    return Case(outcome.broken[0].property, seed, profile, tuple(choices))


def run_case(case: Case) -> Outcome:
    """Runs a case again."""
    tape: dict[str, dict[int, int]] = {}
    for name, at, value in case.choices:
        tape.setdefault(name, {})[at] = value
    return run_schedule(case.seed, case.profile, tape)


def shrunken(case: Case, runs: int = 2_000) -> Case:
    """The smallest case that so many runs lead to."""
    budget = _Budget(runs)
    case = _smaller_workload(case, budget)
    case = _fewer_choices(case, budget)
    return _smaller_choices(case, budget)


class _Budget:
    """How many runs are left."""

    def __init__(self, runs: int) -> None:
        self.left = runs

    def breaks(self, case: Case) -> Outcome | None:
        """What becomes of a case, if it breaks the same property."""
        self.left -= 1
        outcome = run_case(case)
        return outcome if outcome.broken and outcome.broken[0].property == case.property else None


def _smaller_workload(case: Case, budget: _Budget) -> Case:
    for workload in _workloads(case.profile.workload):
        profile = case.profile._replace(workload=workload)
        for seed in range(_FRESH):
            if budget.left <= 0:
                return case
            budget.left -= 1
            outcome = run_schedule(seed, profile)
            if outcome.broken and outcome.broken[0].property == case.property:
                return case_of(seed, profile, outcome)
    return case


def _workloads(most: Workload) -> Iterator[Workload]:
    """Workloads smaller than another, the smallest first."""
    for clients, commands in ((1, 1), (1, 2), (2, 2), (1, 4), (2, 4), (3, 4)):
        if clients * commands < most.clients * most.commands:
            yield most._replace(clients=clients, commands=commands, counters=1, tenants=1)


def _fewer_choices(case: Case, budget: _Budget) -> Case:
    parts = 2
    while len(case.choices) > 1 and budget.left > 0:
        size = max(1, len(case.choices) // parts)
        for start in range(0, len(case.choices), size):
            less = case._replace(choices=case.choices[:start] + case.choices[start + size :])
            if budget.left > 0 and budget.breaks(less) is not None:
                case = less
                parts = max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(case.choices), 2 * parts)
    return case


def _smaller_choices(case: Case, budget: _Budget) -> Case:
    for at, (name, number, value) in enumerate(case.choices):
        # What passes a chance must stay high; the rest is tried low.
        for smaller in (1, value // 2):
            if not 0 < smaller < value or budget.left <= 0:
                continue
            less = case._replace(choices=(*case.choices[:at], (name, number, smaller), *case.choices[at + 1 :]))
            if budget.breaks(less) is not None:
                case = less
                break
    return case
