"""The faults of a seed. Each seed has a few kinds of faults, often, rather than all of them rarely."""

import random
from typing import NamedTuple

from osteon.engine import Limits
from tests.simulation.clients import NetFaults, Workload
from tests.simulation.disk import DiskFaults
from tests.simulation.node import Sizes

__all__ = ["QUIET", "Chaos", "Profile", "profile_of"]


class Chaos(NamedTuple):
    """What happens to the machine: every so often, on average so many times of a thousand each, one of these.

    Attributes:
        every: Seconds between two looks; 0 for none at all.
        kill: The server and its drain are killed.
        power: The power is cut.
        after: The power is cut behind a kill, before anybody starts.
        drain: The drain is killed.
        orphan: The server is killed, and its drain ends behind its turn.
        second: A second server is started on the same data.
        storm: The rule faults for a while.
        full: The disk is full for a while.
        jump: The clock on the wall jumps.
        revise: The server is killed, and another release of the product starts.
        backup: A backup is made.
        flip: The machine is off, and comes back with a bit flipped in the log.
    """

    every: float = 0.0
    kill: int = 0
    power: int = 0
    after: int = 0
    drain: int = 0
    orphan: int = 0
    second: int = 0
    storm: int = 0
    full: int = 0
    jump: int = 0
    flip: int = 0
    revise: int = 0
    backup: int = 0


class Profile(NamedTuple):
    """Everything about a schedule that its choices do not tell."""

    workload: Workload = Workload()
    sizes: Sizes = Sizes(segment=65_536, chunk=2_000, limits=Limits())
    disk: DiskFaults = DiskFaults()
    net: NetFaults = NetFaults()
    chaos: Chaos = Chaos()
    shuffled: bool = False


QUIET = Profile()
"""Nothing goes wrong."""


def profile_of(seed: int) -> Profile:
    """The profile of a seed: a swarm (https://users.cs.utah.edu/~regehr/papers/swarm12.pdf) over kinds of faults."""
    draw = random.Random(f"profile/{seed}")  # noqa: S311  # to be repeated

    def some(most: int, percent: int = 50) -> int:
        return draw.randint(1, most) if draw.randrange(100) < percent else 0

    workload = Workload(
        draw.randint(1, 4), draw.randint(2, 8), draw.randint(1, 3), draw.choice((1, 1, 2)), draw.randrange(100) < 4
    )
    limits = Limits(
        entities=draw.choice((1, 2, 50_000)),
        verdicts=draw.choice((1, 3, 20_000)),
        batch=draw.choice((1, 2, 256)),
        lag=draw.choice((2, 50_000)),
        snapshot=draw.choice((1, 3, 200)),
    )
    sizes = Sizes(draw.choice((16_384, 16_384, 65_536)), draw.choice((1, 3, 2_000)), limits)
    disk = DiskFaults(
        crash=some(8),
        error=some(15, 30),
        full=some(15, 30),
        sync=some(15, 35),
        slow=some(30, 25),
        unreadable=some(8, 20),
        segment=some(200, 30),
    )
    net = NetFaults(drop=some(150), double=some(200), delay=draw.choice((1, 20, 400)))
    chaos = Chaos(
        every=draw.choice((0.4, 0.4, 1.0)),
        kill=some(250),
        power=some(150),
        after=some(700),
        drain=some(200, 40),
        orphan=some(200, 30),
        second=some(200, 30),
        storm=some(300, 30),
        full=some(100, 20),
        jump=some(200, 20),
        flip=some(100, 20),
        revise=some(200, 30),
        backup=some(400, 40),
    )
    return Profile(workload, sizes, disk, net, chaos, draw.random() < 0.5)
