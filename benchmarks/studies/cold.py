"""The first command to an entity with a long past, among many others, after a start: ours and peer E's."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Protocol

from benchmarks.figures import Measured
from benchmarks.loading import fill, settle
from benchmarks.peers import Kind, Place, Serving, Verification
from benchmarks.peers.events import Events
from benchmarks.peers.osteon import Osteon
from benchmarks.record import Record, progress
from benchmarks.studies import Sizes
from benchmarks.wire import Sender, fresh

PARTS = 10
"""In so many parts the entity's past and the others take turns: what is read together was not written together."""

SNAPSHOT = 200
"""After how many events E takes a snapshot where it does: as many as ours."""

STARTS = 3
"""How many starts a round has; its figure is their median."""


class ColdOfOurs:
    """Ours: a renaming over the public wire."""

    def __init__(self, place: Place, sizes: Sizes) -> None:
        """Name the study; nothing runs yet."""
        self._peer = Osteon(place, name="ours-cold")
        self._sizes = sizes
        self._note = ""
        self.name = self._peer.name
        self.remarks: Sequence[str] = self._peer.remarks

    def measured(self, record: Record) -> Measured:
        """Measure once more, the first time after writing the past."""
        if not self._note:
            self._note = self._prepared(record)
        return _medians(self._timed)

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the journal."""
        return self._peer.verify()

    def _timed(self) -> tuple[float, float]:
        with self._peer.serving() as serving:
            return _renamed(self._peer, serving, self._note)

    def _prepared(self, record: Record) -> str:
        with self._peer.serving() as serving:
            note, done = fresh(), 0
            sender = Sender(serving.port)
            self._peer.command(sender, Kind.CREATE, note)
            sender.close()
            for part in range(1, PARTS + 1):
                progress(f"  {self.name}: part {part} of {PARTS}")
                done = fill(self._peer, serving, self._sizes.others * part // PARTS, record, done=done)
                self._peer.rename_often(note, share(self._sizes.past - 1, part))
            settle(self._peer, serving, record)
        return note


class ColdOfEvents:
    """Peer E: the same renaming, without snapshots, which its library takes only if told to, and with them."""

    def __init__(self, place: Place, sizes: Sizes) -> None:
        """Name the study; nothing runs yet."""
        self._peers = [Events(place, name="E-cold"), Events(place, name="E-cold-snapshots", snapshots=SNAPSHOT)]
        self._sizes = sizes
        self._note = ""
        self.name = self._peers[0].name
        self.remarks: Sequence[str] = ()

    def measured(self, record: Record) -> Measured:
        """Measure once more, the first time after writing the past."""
        if not self._note:
            note = fresh()
            for peer in self._peers:
                peer.fill(self._sizes.others, note, self._sizes.past)
            self._note = note
        plain, kept = (_medians(partial(self._timed, peer)) for peer in self._peers)
        return {**plain, "first with snapshots": kept["first"]}

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the databases."""
        plain, kept = (peer.verify() or Verification(0, 0, 0) for peer in self._peers)
        return plain.plus(kept)

    def _timed(self, peer: Events) -> tuple[float, float]:
        with peer.serving() as serving:
            return _renamed(peer, serving, self._note)


class _Commanded(Protocol):
    """A peer that is sent single commands."""

    def command(self, sender: Sender, kind: Kind, note: str) -> float: ...


def _renamed(peer: _Commanded, serving: Serving, note: str) -> tuple[float, float]:
    """Give the seconds of the first and of the second renaming of a note in a start."""
    sender = Sender(serving.port)
    # Another note's creation and renaming come first, so that nothing is measured but this note's past.
    other = fresh()
    peer.command(sender, Kind.CREATE, other)
    peer.command(sender, Kind.RENAME, other)
    first = peer.command(sender, Kind.RENAME, note)
    second = peer.command(sender, Kind.RENAME, note)
    sender.close()
    return first, second


def _medians(timed: Callable[[], tuple[float, float]]) -> Measured:
    """Give the medians of several starts."""
    found = [timed() for _ in range(STARTS)]
    return {"first": median(first for first, _ in found), "second": median(second for _, second in found)}


def share(total: int, part: int) -> int:
    """Give how many of a total belong to one of the parts, which are counted from one."""
    return total * part // PARTS - total * (part - 1) // PARTS
