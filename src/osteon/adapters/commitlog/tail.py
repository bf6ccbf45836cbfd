"""Reading the log behind its writer: in its process, in another one, and when it is recovered."""

from collections.abc import Iterator

from osteon.adapters.commitlog.errors import Damaged, Retired
from osteon.adapters.commitlog.frames import HEAD_SIZE, Frame, Head, Link, Place
from osteon.adapters.commitlog.segments import SegmentReader, segment_numbers, segment_path
from osteon.ports.disk import Disk

__all__ = ["Tail", "oldest_head", "oldest_place"]


class Tail:
    """Follows a log from a place on, frame by frame. Opens its files to read only and needs no lock.

    A frame counts if it is whole, stands where it says, has the number that comes next, and carries the checksum of
    the one before it. Segments may be retired behind the tail while it reads.
    """

    def __init__(self, disk: Disk, folder: str, after: Place | Link) -> None:
        """Begins behind `after`: a place that the log or a tail gave out, the oldest place, or `ORIGIN`."""
        self._disk, self._folder = disk, folder
        self._link = after if isinstance(after, Link) else Link(after, None, 0, after.segment, after.offset)
        self._reader: SegmentReader | None = None

    @property
    def link(self) -> Link:
        """What the next frame must fit behind."""
        return self._link

    @property
    def place(self) -> Place:
        """Behind the last frame that was read."""
        return self._link.last

    def read(self, until: Place | None = None) -> Iterator[tuple[Place, list[bytes]]]:
        """The records of each frame up to `until`, with the place behind the frame.

        What is behind `until` is not looked at: a writer may be writing it. Without it, reads as far as frames are
        whole; what follows the last one is a frame in the making, one that was torn, or damage. A frame that is read
        in this way beside a writer may not be synced yet, and may be taken back.

        Raises:
            Damaged: Something else than the next frame stands in its place, although a later one was written.
            Retired: The next frame is no longer in the log.
        """
        for frame in self.frames(until):
            yield frame.place, frame.records()

    def frames(self, until: Place | None = None) -> Iterator[Frame]:
        """The same, before the records are cut out."""
        if self._reader is not None:
            self._reader.forget()
        while until is None or self._link.last.frame < until.frame:
            frame = self._next(until)
            if frame is None:
                return
            self._link = frame.link
            yield frame

    def close(self) -> None:
        """Ends the use of the files; the tail can go on all the same."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _next(self, until: Place | None) -> Frame | None:
        doubted = False
        while True:
            frame = self._here() or self._anew()
            if frame is not None:
                return frame
            try:
                if not self._advance(until):
                    return None
                doubted = False
            except Damaged:
                # A writer may have gone on between two looks; it cannot undo what a second one misses.
                if doubted:
                    raise
                doubted = True

    def _here(self) -> Frame | None:
        """The next frame, in the file that is open."""
        if self._reader is None:
            return None
        frame = self._reader.frame(self._link.offset)
        return frame if frame is not None and frame.fits(self._link) else None

    def _anew(self) -> Frame | None:
        """The next frame, in the file that has the name now: a recovery may have put a copy in its place."""
        self.close()
        self._reader = self._open(self._link.segment)
        return self._here()

    def _open(self, number: int) -> SegmentReader | None:
        try:
            return SegmentReader(self._disk, self._folder, number)
        except FileNotFoundError:
            return None

    def _advance(self, until: Place | None) -> bool:
        """Goes on to the next segment, if the log does."""
        link, here = self._link, self._reader
        following = self._open(link.segment + 1)
        if following is None:
            self._end(until)
            return False
        if not _continues(following.head, link):
            head = following.head
            following.close()
            if here is None:
                raise Retired(segment_path(self._folder, link.segment), link.frame, head.last.frame + 1)
            raise self._damaged(here, f"segment {head.segment} goes on behind frame {head.last.frame}")
        self.close()
        self._reader = following
        self._link = link._replace(segment=following.number, offset=HEAD_SIZE, checksum=following.head.checksum)
        return True

    def _end(self, until: Place | None) -> None:
        """Makes sure that nothing was written behind the link.

        Raises:
            Damaged: Something was.
            Retired: The log begins later.
        """
        link, here = self._link, self._reader
        path, kept = segment_path(self._folder, link.segment), segment_numbers(self._disk, self._folder)
        if here is None and kept and link.segment < kept[0]:
            raise Retired(path, link.frame, oldest_head(self._disk, self._folder).last.frame + 1)
        if here is None:
            raise Damaged(path, link.offset, f"frame {link.frame}, or the end of the log", "no such file")
        if until is not None:
            raise self._damaged(here, f"the log is synced up to frame {until.frame}")
        later = here.later(link)
        if later is not None:
            raise self._damaged(here, f"frame {later.place.frame} ends at {later.place.offset}")
        if kept[-1] > link.segment:
            raise Damaged(segment_path(self._folder, link.segment + 1), 0, "a segment", "no file, but later segments")

    def _damaged(self, reader: SegmentReader, evidence: str) -> Damaged:
        expected = f"frame {self._link.frame} ({evidence})"
        return Damaged(reader.path, self._link.offset, expected, reader.describe(self._link.offset))


def oldest_head(disk: Disk, folder: str) -> Head:
    """The head of the oldest segment in the folder, which must have one."""
    reader = SegmentReader(disk, folder, segment_numbers(disk, folder)[0])
    reader.close()
    return reader.head


def oldest_place(disk: Disk, folder: str) -> Place:
    """The place from which the log can be read to its end; its frame is the last that was retired."""
    return oldest_head(disk, folder).last


def _continues(head: Head, link: Link) -> bool:
    return head.last == link.last and link.checksum in (None, head.checksum)
