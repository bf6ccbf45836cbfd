"""What a large journal costs: memory while it grows, throughput beside a small one, and the start after a kill."""

from collections.abc import Sequence
from statistics import fmean

from benchmarks import machine, processes
from benchmarks.figures import Cell, Measured
from benchmarks.loading import WARM, fill, loaded, send, settle
from benchmarks.peers import Place, Verification
from benchmarks.peers.osteon import PRODUCT, REVISED, Osteon
from benchmarks.record import Record
from benchmarks.studies import Sizes
from benchmarks.studies.rebuild import rebuilt

NOTHING = Verification(0, 0, 0)
LOOKS = (1, 2, 3, 10)
"""At how many tenths of its entries memory is looked at."""


class Large:
    """Ours with a large journal, made once for all studies of it: it takes minutes."""

    def __init__(self, place: Place, sizes: Sizes) -> None:
        """Name the peer; nothing runs yet."""
        self.peer = Osteon(place, name="ours-large")
        self._sizes = sizes
        self._memory: Measured = {}
        self._verified = False

    def memory(self, record: Record) -> Measured:
        """Give the memory that it took on the way, filling it now if it is empty.

        One start fills it, so that what is looked at has grown and not been read anew.
        """
        if not self._memory:
            found: Measured = {}
            with self.peer.serving() as serving:
                done = 0
                for tenths in LOOKS:
                    done = fill(self.peer, serving, self._sizes.entries * tenths // 10, record, done=done)
                    settle(self.peer, serving, record)
                    server, *drain = machine.family(serving.server)
                    for name, some in (("server", [server]), ("drain", drain), ("all", [server, *drain])):
                        found[f"{name} at {tenths}/10"] = float(machine.resident_bytes(some))
            self._memory = found
        return self._memory

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the journal, once for all."""
        if self._verified:
            return None
        self._verified = True
        return self.peer.verify()


class Memory:
    """The memory of server and drain, at several sizes of the journal."""

    remarks: Sequence[str] = ()

    def __init__(self, large: Large) -> None:
        """Name the study."""
        self._large = large
        self.name = large.peer.name

    def measured(self, record: Record) -> Measured:
        """Give what was seen while the journal grew."""
        return self._large.memory(record)

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the journal."""
        return self._large.verify()


class Growth:
    """Creates on a large journal and, right after, on a small one, which is the same in each round."""

    remarks: Sequence[str] = ()

    def __init__(self, place: Place, sizes: Sizes, seconds: int, large: Large) -> None:
        """Name the study; nothing runs yet."""
        self._small = Osteon(place, name="ours-small")
        self._filled = False
        self._sizes = sizes
        self._seconds = seconds
        self._large = large
        self._round = 0
        self._found = NOTHING
        self.name = "ours-growth"

    def measured(self, record: Record) -> Measured:
        """Measure both, one after the other."""
        self._large.memory(record)
        if not self._filled:
            with self._small.serving() as serving:
                fill(self._small, serving, self._sizes.small, record)
                settle(self._small, serving, record)
            self._filled = True
        self._round += 1
        large = loaded(self._large.peer, Cell.CREATES, self._seconds, record)
        copy = self._small.copied(f"{self._small.name}-{self._round}")
        small = loaded(copy, Cell.CREATES, self._seconds, record)
        self._found = self._found.plus(copy.verify() or NOTHING)
        copy.forget()
        return dict([*_named("large", large), *_named("small", small)])

    def verify(self) -> Verification | None:
        """Give what the rounds found, each in its own copy, and what the large journal has, if that is not known yet."""
        return self._found.plus(self._large.verify() or NOTHING)


class Recovery:
    """The start after a kill under load, and the view of all of it made again."""

    remarks: Sequence[str] = ()

    def __init__(self, large: Large) -> None:
        """Name the study."""
        self._large = large
        self.name = large.peer.name

    def measured(self, record: Record) -> Measured:
        """Kill the server behind its load, start it, and start it again with another view."""
        self._large.memory(record)
        peer = self._large.peer
        with peer.serving() as serving:
            send(peer, serving, Cell.CREATES, 2 * WARM, record)
            processes.kill(serving.server)
        served = peer.recovered()
        # There and back again, so that the next round finds the view as this one did.
        both = [rebuilt(peer, product)["rebuilt"] for product in (REVISED, PRODUCT)]
        return {"served": served, "rebuilt": fmean(both)}

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the journal."""
        return self._large.verify()


def _named(name: str, cell: Measured) -> list[tuple[str, float]]:
    return [(name, cell["rate"]), (f"{name} p99", cell["p99"]), (f"{name} cpu", cell["cpu"])]
