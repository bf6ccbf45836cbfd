"""Nothing in a schedule asks the machine for time, randomness, threads or files."""

import time
from threading import Thread

from tests.simulation.faults import profile_of
from tests.simulation.guard import watched
from tests.simulation.schedule import run_schedule


def test_finds_whoever_reads_the_time_or_starts_a_thread() -> None:
    found: dict[str, int] = {}
    with watched(found):
        time.monotonic()
        thread = Thread(target=int)
        thread.start()
        thread.join()
    assert {place.rpartition(" ")[2] for place in found} >= {"time.monotonic", "_thread.start_new_thread"}


def test_asks_the_machine_for_nothing() -> None:
    run_schedule(0, profile_of(0))
    found: dict[str, int] = {}
    with watched(found):
        for seed in range(12):
            run_schedule(seed, profile_of(seed))
    assert found == {}
