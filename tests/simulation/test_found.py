"""What the simulation once found: the corpus, and the rules that came of it; tapes die with the code, the rules stay."""

import pytest

from osteon.adapters.commitlog import KnownPlace, Place, known_place
from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.model import HOUSE
from tests.simulation.checks import PROPERTIES
from tests.simulation.corpus import CORPUS, Found
from tests.simulation.disk import DiskFaults, Platter, SimDisk
from tests.simulation.machine import SimEntropy
from tests.simulation.schedule import run_schedule
from tests.simulation.world import World


@pytest.mark.parametrize("found", CORPUS, ids=lambda found: str(found.seed))
def test_holds_where_it_once_broke(found: Found) -> None:
    assert found.broke in PROPERTIES
    assert run_schedule(found.seed, found.profile).broken == []


def test_keeps_a_key_whose_sync_failed_at_first() -> None:
    platter = Platter(World("keys"))
    disk, entropy = SimDisk(platter), SimEntropy("keys")
    keyring = KeyfileKeyring(disk, entropy, installation_key(disk, entropy))
    platter.faults = DiskFaults(sync=1000)
    with pytest.raises(OSError, match="error"):
        keyring.create(HOUSE)
    platter.faults = DiskFaults()
    keyring.create(HOUSE)
    sealed = keyring.seal(HOUSE, b"plain", b"place")
    platter.power_cut(lambda count: 0)
    again = KeyfileKeyring(disk, entropy, installation_key(disk, entropy))
    assert again.open(HOUSE, sealed, b"place") == b"plain"


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
