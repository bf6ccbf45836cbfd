"""What a log holds after its process has ended, in whatever way.

Nothing is believed because it can be read: after a SIGKILL the page cache shows what is not on the platter. So the
last segment is copied to another file, which is synced before it takes the name.
"""

from collections.abc import Iterator

import msgspec

from osteon.adapters.commitlog.errors import Damaged, LogBroken
from osteon.adapters.commitlog.frames import HEAD_SIZE, ORIGIN, Head, Link, Place, encode_head
from osteon.adapters.commitlog.segments import SegmentReader, segment_numbers, segment_path
from osteon.adapters.commitlog.spares import Spares, sync, sync_folder
from osteon.adapters.commitlog.tail import Tail, oldest_head
from osteon.ports.disk import Disk, File

__all__ = ["Findings", "Recovery", "Torn", "begin_segment", "examine", "renew"]

_PIECE = 1 << 20


class Torn(msgspec.Struct, frozen=True):
    """A frame that was being written when the process or the machine ended: nobody was told that it is kept."""

    path: str
    offset: int
    frame: int


class Recovery(msgspec.Struct, frozen=True):
    """What a recovery found and did."""

    created: bool
    """There was no log."""
    epoch: int
    """The number of this start, from 1."""
    place: Place
    """Behind the last frame."""
    torn: Torn | None
    """What was dropped behind it. A torn frame of which the first bytes are missing leaves no trace."""


class Findings(msgspec.Struct, frozen=True):
    """What is in a log that is whole."""

    first_segment: int
    head: Head
    """Of the last segment."""
    link: Link
    """What the next frame must fit behind."""
    torn: Torn | None


def examine(disk: Disk, folder: str, known: Place | None) -> Findings | None:
    """Reads the whole log; None where there is none. Changes nothing.

    Args:
        disk: Where the log is.
        folder: Its folder, which exists and is locked.
        known: The furthest place that is known elsewhere, such as in a history's checkpoint.

    Raises:
        Damaged: Something else than a torn last frame is wrong, or the log does not have the known place.
    """
    numbers = segment_numbers(disk, folder)
    if not numbers:
        _expect(known, ORIGIN, ORIGIN, segment_path(folder, 1), "no log")
        return None
    first = oldest_head(disk, folder)
    tail, passed = Tail(disk, folder, first.link), first.last
    try:
        for frame in tail.frames():
            if known is not None and frame.place.frame <= known.frame:
                passed = frame.place
    finally:
        tail.close()
    return _findings(disk, folder, first, tail.link, known, passed)


def begin_segment(disk: Disk, folder: str, spares: Spares, head: Head, frames: Iterator[bytes], length: int) -> File:
    """Makes a segment file that holds the frames; it, and its name, are on the platter when this returns.

    Raises:
        OSError: There is no such segment, and nothing has changed.
        LogBroken: Whether there is such a segment is not known.
    """
    path, file = spares.take(length)
    try:
        file.write(0, encode_head(head))
        offset = HEAD_SIZE
        for piece in frames:
            file.write(offset, piece)
            offset += len(piece)
    except OSError:
        file.close()
        raise
    sync(file)
    try:
        disk.rename(path, segment_path(folder, head.segment))
    except OSError as cause:
        raise LogBroken(cause) from cause
    sync_folder(disk, folder)
    return file


def renew(disk: Disk, folder: str, spares: Spares, findings: Findings, epoch: int) -> File:
    """Puts a synced copy of the good part of the last segment in its place, headed by the new epoch."""
    end = findings.link.offset
    reader = SegmentReader(disk, folder, findings.head.segment)
    pieces = (reader.read(offset, min(_PIECE, end - offset)) for offset in range(HEAD_SIZE, end, _PIECE))
    try:
        return begin_segment(disk, folder, spares, findings.head._replace(epoch=epoch), pieces, end)
    finally:
        reader.close()


def _findings(disk: Disk, folder: str, first: Head, link: Link, known: Place | None, passed: Place) -> Findings:
    reader = SegmentReader(disk, folder, link.segment)
    try:
        found, claim = reader.describe(link.offset), reader.claim(link.offset)
        _expect(known, passed, link.last, reader.path, found)
    finally:
        reader.close()
    torn = None
    if claim is not None and (claim.segment, claim.offset, claim.frame) == (link.segment, link.offset, link.frame):
        torn = Torn(reader.path, link.offset, link.frame)
    return Findings(first.segment, reader.head, link, torn)


def _expect(known: Place | None, passed: Place, last: Place, path: str, found: str) -> None:
    """Refuses a log without the known place; `passed` is the last place that is not behind it."""
    if known is None or known == passed:
        return
    if known.frame > last.frame:
        raise Damaged(path, last.offset, f"frames up to {known.frame}, which is known to be synced", found)
    actual = f"frame {passed.frame} there, ending at {passed.offset} of segment {passed.segment}"
    raise Damaged(
        path, known.offset, f"frame {known.frame} ending at {known.offset} of segment {known.segment}", actual
    )
