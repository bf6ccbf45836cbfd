"""The commit log as somebody sees it who neither writes it nor is told how far it is synced."""

import contextlib
from collections.abc import Callable, Iterator

from osteon.adapters.commitlog import Damaged, Place, Tail, oldest_place
from osteon.adapters.commitlog.frames import FRAME_SIZE, decode_claim
from osteon.adapters.commitlog.segments import segment_numbers, segment_path
from osteon.messages import MalformedRecord, Record
from osteon.model import OsteonError
from osteon.ports.disk import Disk

__all__ = ["Onlooker"]


class Onlooker:
    """Reads a log beside its writer, or while there is none; only its writer may repair it.

    Attributes:
        fault: Why nothing more can be read, where the log holds something else than was written.
    """

    def __init__(self, disk: Disk, folder: str) -> None:
        """Begins with the oldest record in the log, when it is first asked."""
        self._disk, self._folder = disk, folder
        self._tail: Tail | None = None
        self.fault: OsteonError | None = None

    def arrived(self, wanted: Callable[[Record], bool]) -> list[tuple[Record, bytes]]:
        """The wanted ones of the records that have become durable since the last call.

        Raises:
            Retired: They are no longer in the log, but in the history.
            FileNotFoundError: There is no log, or it is being retired.
        """
        if self._tail is None:
            self._tail = Tail(self._disk, self._folder, _oldest(self._disk, self._folder))
        found: list[tuple[Record, bytes]] = []
        if not self.stirs():
            return found
        before = self._tail.place
        try:
            for _, records in self._tail.read():
                found += ((record, stored) for stored in records if wanted(record := Record.of(stored)))
        except (Damaged, MalformedRecord) as fault:
            self.fault = fault
        if self._tail.place != before:
            self._sync(self._tail.place.segment)
        return found

    def every(self) -> Iterator[tuple[Record, bytes]]:
        """Every record of the log from its beginning, synced or not; also raises what is the `fault` elsewhere."""
        with contextlib.closing(Tail(self._disk, self._folder, _oldest(self._disk, self._folder))) as tail:
            for _, records in tail.read():
                yield from ((Record.of(stored), stored) for stored in records)

    def stirs(self) -> bool:
        """Whether there may be something behind the last record; looking for it costs a hundred times as much."""
        if self._tail is None:
            return True
        link = self._tail.link
        try:
            with contextlib.closing(self._disk.open(segment_path(self._folder, link.segment))) as file:
                claim = decode_claim(file.read(link.offset, FRAME_SIZE), 0)
        except FileNotFoundError:
            return True
        if claim and (claim.segment, claim.offset, claim.frame) == (link.segment, link.offset, link.frame):
            return True
        return max(segment_numbers(self._disk, self._folder), default=0) > link.segment

    def close(self) -> None:
        """Lets the files go."""
        if self._tail is not None:
            self._tail.close()

    def _sync(self, segment: int) -> None:
        """What was read may not be on the platter yet; before anybody sees it, it is."""
        # A segment that is gone, or followed by another one, was synced.
        path = segment_path(self._folder, segment)
        with contextlib.suppress(FileNotFoundError), contextlib.closing(self._disk.open(path)) as file:
            file.sync()


def _oldest(disk: Disk, folder: str) -> Place:
    if not segment_numbers(disk, folder):
        message = f"'{folder}' holds no segment."
        raise FileNotFoundError(message)
    return oldest_place(disk, folder)
