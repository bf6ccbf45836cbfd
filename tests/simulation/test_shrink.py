"""A seed that breaks something shrinks to a trace that can be read."""

from tests.simulation.faults import profile_of
from tests.simulation.hunts import hunt
from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.shrink import case_of, run_case, shrunken


def test_shrinks_to_a_few_choices_that_break_the_same() -> None:
    with planted(MUTANTS["recovery-trusts-the-cache"]):
        hunted = hunt(range(100))
        assert hunted.outcome is not None
        assert hunted.seed is not None
        case = case_of(hunted.seed, profile_of(hunted.seed), hunted.outcome)
        small = shrunken(case, runs=250)
        outcome = run_case(small)
    assert outcome.broken[0].property == case.property
    assert len(small.choices) < len(case.choices) / 10
