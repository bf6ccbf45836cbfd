"""A view made again from its events, each of them once, and how long that takes: ours and peer E's."""

import time
from collections.abc import Iterable, Sequence

from benchmarks.errors import Faulty
from benchmarks.figures import Measured
from benchmarks.loading import fill, settle
from benchmarks.peers import Place, Verification
from benchmarks.peers.events import Events
from benchmarks.peers.osteon import PRODUCT, REVISED, Osteon, Said
from benchmarks.record import Record
from benchmarks.studies import Sizes

VIEW = "note"
BEGUN = "a view is being made again"
MADE = "a view follows again"
WITHIN = 1_200.0
"""Seconds that making a view again may take."""


class RebuildOfOurs:
    """Ours: a start after the code of the view is said to have changed, while the server serves."""

    def __init__(self, place: Place, sizes: Sizes) -> None:
        """Name the study; nothing runs yet."""
        self._peer = Osteon(place, name="ours-rebuild", tenants=1)
        self._sizes = sizes
        self._products = [REVISED, PRODUCT]
        self._count = 0
        self.name = self._peer.name
        self.remarks: list[str] = []

    def measured(self, record: Record) -> Measured:
        """Make the view again, the first time after writing what it is made of, and hold its rows against the journal.

        Raises:
            Faulty: A row is missing, or there is one too many.
        """
        if not self._count:
            self._count = self._prepared(record)
        found = rebuilt(self._peer, self._products[0], count=self._count)
        self._products.reverse()
        return found

    def verify(self) -> Verification | None:
        """Hold everything acknowledged against the journal."""
        return self._peer.verify()

    def _prepared(self, record: Record) -> int:
        with self._peer.serving() as serving:
            fill(self._peer, serving, self._sizes.rows, record)
            settle(self._peer, serving, record)
            count = len(self._peer.notes())
        self.remarks = [f"the view that ours made again has {count:,} rows"]
        return count


class RebuildOfEvents:
    """Peer E: a projection of its library, from scratch."""

    def __init__(self, place: Place, sizes: Sizes) -> None:
        """Name the study; nothing runs yet."""
        self._peer = Events(place, name="E-rebuild")
        self._sizes = sizes
        self._filled = False
        self.name = self._peer.name
        self.remarks: Sequence[str] = ("E's projection commits each event with its place, as its library has it",)

    def measured(self, record: Record) -> Measured:
        """Make the view, the first time after writing what it is made of.

        Raises:
            Faulty: It does not have every event.
        """
        if not self._filled:
            self._peer.fill(self._sizes.rows)
            self._filled = True
        seconds, events = self._peer.project()
        if events != self._sizes.rows:
            reason = f"Peer E's view has {events:,} events instead of {self._sizes.rows:,}."
            raise Faulty(reason)
        return {"rebuilt": seconds, "events": events}

    def verify(self) -> Verification | None:
        """Give nothing: nothing was acknowledged over the wire."""
        return None


def rebuilt(peer: Osteon, product: str, *, count: int | None = None) -> Measured:
    """Serve another product and give the seconds until the notes' view follows again in every tenant, by the log's times.

    They begin when the first of them is seen to be declared otherwise, and have the rest of the start in them.

    Args:
        peer: Whose view.
        product: One whose view is declared otherwise than at the last start.
        count: How many notes there must be then, if they are to be counted.

    Raises:
        Faulty: It takes too long, or the notes are others.
    """
    end = time.monotonic() + WITHIN
    with peer.serving(product):
        while (seconds := remade(peer.said())) is None:
            if time.monotonic() > end:
                reason = f"The view was not made again within {WITHIN:.0f} s."
                raise Faulty(reason)
            time.sleep(0.05)
        if count is not None and (found := len(peer.notes())) != count:
            reason = f"The view that was made again has {found:,} notes instead of {count:,}."
            raise Faulty(reason)
    return {"rebuilt": seconds}


def remade(lines: Iterable[Said]) -> float | None:
    """Give the seconds from the first line about the notes' view to the one after which it follows everywhere, if it does."""
    about = [line for line in lines if line.view == VIEW]
    begun = {line.tenant for line in about if line.event == BEGUN}
    made = {line.tenant for line in about if line.event == MADE}
    if not begun or begun != made:
        return None
    return (about[-1].timestamp - about[0].timestamp).total_seconds()
