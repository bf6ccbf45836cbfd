"""Hundreds of schedules, each with faults of its own: nothing is lost, nothing doubled, nothing stuck."""

import pytest

from tests.simulation.faults import QUIET, profile_of
from tests.simulation.hits import add_up, missing
from tests.simulation.schedule import run_schedule

SCHEDULES = 500


def test_serves_everybody_while_nothing_goes_wrong() -> None:
    outcome = run_schedule("quiet", QUIET)
    assert outcome.broken == []
    assert outcome.acknowledged
    assert not any(what.startswith(("crash", "EIO", "process ended")) for what in outcome.hits)


@pytest.mark.timeout(400)
def test_keeps_every_promise_under_hundreds_of_schedules() -> None:
    hits: dict[str, int] = {}
    broken: list[str] = []
    for seed in range(SCHEDULES):
        outcome = run_schedule(seed, profile_of(seed))
        add_up(hits, outcome.hits)
        broken += [f"seed {seed}: {each.property}: {each.reason}" for each in outcome.broken]
    assert broken == []
    assert missing(hits) == []
