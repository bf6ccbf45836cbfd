"""A schedule is the same whenever and wherever it is run, to the byte."""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.simulation.faults import profile_of
from tests.simulation.repeating import digest
from tests.simulation.schedule import run_schedule

SEEDS = range(500, 512)


def test_is_the_same_in_other_processes_and_in_another_order() -> None:
    forwards = _digests("1", SEEDS)
    backwards = _digests("2", list(reversed(SEEDS)))
    here = [f"{seed} {digest(run_schedule(seed, profile_of(seed)))}" for seed in SEEDS]
    assert forwards == backwards == here


def test_is_the_same_from_its_choices_alone() -> None:
    first = run_schedule(3, profile_of(3))
    again = run_schedule(3, profile_of(3), first.taken)
    assert digest(again) == digest(first)


def _digests(hash_seed: str, seeds: Sequence[int]) -> list[str]:
    command = [sys.executable, "-m", "tests.simulation.repeating", *map(str, seeds)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}
    )
    return done.stdout.splitlines()
