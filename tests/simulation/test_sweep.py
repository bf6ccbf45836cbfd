"""A crash before every operation of the disk, in a small workload: as a kill, as a power cut that loses all, as one that tears.

The three kinds share the operations, so that each has one of them; a soak gives all three to each.
"""

import pytest

from tests.simulation.clients import Workload
from tests.simulation.faults import QUIET
from tests.simulation.schedule import Stop, run_schedule

SMALL = QUIET._replace(workload=Workload(clients=2, commands=2, counters=1, tenants=1))


LOST = ("nothing", "all", "some")


@pytest.mark.parametrize("lost", LOST)
def test_survives_a_crash_before_each_third_operation(lost: str) -> None:
    assert _broken(lost, 1 + LOST.index(lost), 3) == []


@pytest.mark.soak
@pytest.mark.parametrize("lost", LOST)
def test_survives_a_crash_before_every_operation(lost: str) -> None:
    assert _broken(lost, 1, 1) == []


def _broken(lost: str, first: int, every: int) -> list[str]:
    """What broke, by the operation before which the crash came."""
    broken: list[str] = []
    for operation in range(first, run_schedule("sweep", SMALL).operations, every):
        outcome = run_schedule("sweep", SMALL, stop=Stop(operation, lost))
        broken += [f"at {operation}: {each.property}: {each.reason}" for each in outcome.broken]
    return broken
