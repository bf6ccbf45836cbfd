"""What the simulation once found, each with the seed that showed it then; tapes die with the code, the rules stay."""

import pytest

from osteon.adapters.commitlog import KnownPlace, Place, known_place
from tests.simulation.disk import Platter, SimDisk
from tests.simulation.faults import profile_of
from tests.simulation.schedule import run_schedule
from tests.simulation.world import World


@pytest.mark.parametrize(
    "seed",
    [
        119,  # segments were retired while a reaction to an entry in them had not come through
        164,  # an old known place, back after a power cut, named a segment that was retired since
        372,  # a disk that failed while a row was read was taken for a mistake of the view
    ],
)
def test_holds_where_it_once_broke(seed: int) -> None:
    assert run_schedule(seed, profile_of(seed)).broken == []


def test_brings_the_known_place_to_the_platter_when_settled() -> None:
    platter = Platter(World("known"))
    disk = SimDisk(platter)
    disk.make_folder("log")
    known = KnownPlace(disk, "log")
    known.move(Place(1, 100, 1))
    disk.sync_folder("log")
    known.settle()
    known.move(Place(2, 200, 2))
    platter.power_cut(lambda count: 0)
    assert known_place(disk, "log") == Place(1, 100, 1)
