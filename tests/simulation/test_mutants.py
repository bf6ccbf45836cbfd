"""Planted bugs: each is found within its budget, by a property that is named beside it."""

import pytest

from tests.simulation.checks import PROPERTIES
from tests.simulation.hunts import hunt_for
from tests.simulation.mutants import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_finds_a_planted_bug(name: str) -> None:
    mutant = MUTANTS[name]
    hunted = hunt_for(mutant, mutant.first)
    assert hunted.outcome is not None, f"not found in {mutant.within} schedules"
    assert hunted.outcome.broken[0].property in mutant.properties, hunted.outcome.broken[0].reason


def test_names_properties_that_there_are() -> None:
    assert {each for mutant in MUTANTS.values() for each in mutant.properties} <= set(PROPERTIES)
