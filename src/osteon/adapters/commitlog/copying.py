"""A copy of a log: frame by frame as it is, beside its writer; or without some of its records.

What is written down again is encoded anew, which gives the very same bytes where nothing is left out. Frames keep their
numbers and their segments, as a frame without records does no harm and others name frames by number.
"""

from collections.abc import Callable, Sequence

from osteon.adapters.commitlog.frames import Head, Place, encode_frame, encode_head
from osteon.adapters.commitlog.known import KnownPlace
from osteon.adapters.commitlog.segments import segment_path
from osteon.adapters.commitlog.tail import Tail, oldest_head
from osteon.ports.disk import Disk, File

__all__ = ["LogCopy"]


class LogCopy:
    """Follows a log from its oldest frame on and keeps a copy of what it holds, in a folder that has no log yet.

    Opens the source to read only and needs no lock. Nothing is on the platter before `close`.
    """

    def __init__(
        self, source: Disk, folder: str, target: Disk, copy: str, keep: Callable[[bytes], bool] | None = None
    ) -> None:
        """Begins with the oldest segment.

        Args:
            source: Where the log is.
            folder: Its folder.
            target: Where the copy is made.
            copy: The folder of the copy, made where it is missing.
            keep: Tells which records are kept; without it, all are.
        """
        head = oldest_head(source, folder)
        self._tail = Tail(source, folder, head.link)
        self._target, self._folder, self._keep = target, copy, keep
        self._link, self._epoch = head.link, head.epoch
        self.segments: list[int] = []
        """The segments of the copy."""
        target.make_folder(copy)
        self._file = self._begin(head)

    @property
    def place(self) -> Place:
        """Behind the last frame of the copy."""
        return self._link.last

    def follow(self, until: Place | None = None) -> None:
        """Copies what has come since: up to `until`, or as far as frames are whole.

        Raises:
            Damaged: The log holds something else than was written.
            Retired: The log went on faster than it was followed: begin again.
        """
        for frame in self._tail.frames(until):
            if frame.place.segment > self._link.segment:
                self._go_on(frame.place.segment)
            self._epoch = max(self._epoch, frame.epoch)
            self._write(frame.epoch, [each for each in frame.records() if self._keep is None or self._keep(each)])

    def append(self, records: Sequence[bytes]) -> None:
        """Adds a frame behind those of the log."""
        self._write(self._epoch, records)

    def close(self) -> Place:
        """Brings the copy to the platter, with the place to which it must reach; that place."""
        self._tail.close()
        self._end()
        known = KnownPlace(self._target, self._folder)
        known.move(self.place)
        known.close()
        self._target.sync_folder(self._folder)
        return self.place

    def _write(self, epoch: int, records: Sequence[bytes]) -> None:
        offset = self._link.offset
        data, self._link = encode_frame(self._link, epoch, records)
        self._file.write(offset, data)

    def _go_on(self, segment: int) -> None:
        self._end()
        head = Head(segment, self._epoch, self._link.last, self._link.checksum or 0)
        self._link = head.link
        self._file = self._begin(head)

    def _begin(self, head: Head) -> File:
        self._head = head
        self.segments.append(head.segment)
        return self._target.create(segment_path(self._folder, head.segment))

    def _end(self) -> None:
        """Writes the head of the segment: no frame in it has a higher epoch than the head says."""
        self._file.write(0, encode_head(self._head._replace(epoch=self._epoch)))
        self._file.sync()
        self._file.close()
