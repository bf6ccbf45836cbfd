"""The files of a log: their names, and reading them in large pieces."""

import re

from osteon.adapters.commitlog.errors import Damaged
from osteon.adapters.commitlog.frames import (
    FRAME_SIZE,
    HEAD_SIZE,
    VERSION,
    Claim,
    Frame,
    Head,
    Link,
    decode_claim,
    decode_frame,
    decode_head,
    frame_begins,
)
from osteon.ports.disk import Disk

__all__ = ["LOCK", "NEW", "SEGMENT", "SPARE", "SegmentReader", "numbers", "path_of", "segment_numbers", "segment_path"]

SEGMENT = "segment-"
"""A part of the log."""
LOCK = "lock"
"""Held by the process that appends."""
NEW = "new-"
"""An unfinished file; the next recovery removes it."""
SPARE = "spare-"
"""A file of full length that becomes a segment when one is needed."""

_PIECE = 1 << 20


def segment_path(folder: str, number: int) -> str:
    """The path of a segment."""
    return path_of(folder, SEGMENT, number)


def segment_numbers(disk: Disk, folder: str) -> list[int]:
    """The numbers of the segments, ascending."""
    return numbers(disk.names(folder), SEGMENT)


def numbers(names: list[str], kind: str) -> list[int]:
    """The numbers in the names of one kind, ascending; names that the log does not give are passed over."""
    found = (re.fullmatch(kind + r"(\d{10})", name) for name in names)
    return [int(match[1]) for match in found if match]


def path_of(folder: str, kind: str, number: int) -> str:
    """The path of a file of this kind."""
    return f"{folder}/{kind}{number:010}"


class SegmentReader:
    """One segment file, open to read. What is at hand in memory is forgotten on demand: the file may be growing."""

    def __init__(self, disk: Disk, folder: str, number: int) -> None:
        """Opens the file and checks its head.

        Raises:
            Damaged: The file does not begin as this segment does.
            FileNotFoundError: There is no such segment.
        """
        self.number, self.path = number, segment_path(folder, number)
        self._file = disk.open(self.path)
        self._start, self._piece = 0, b""
        self.head = self._read_head()
        self.size = self._file.size()

    def frame(self, offset: int) -> Frame | None:
        """The frame at the offset, whole and at its own place, whatever its number."""
        claim = self.claim(offset)
        if claim is None or claim.end > self.size or (claim.segment, claim.offset) != (self.number, offset):
            return None
        start = self._load(offset, FRAME_SIZE + claim.length)
        return decode_frame(self._piece, start, claim)

    def claim(self, offset: int) -> Claim | None:
        """What the frame at the offset says about itself, unchecked."""
        start = self._load(offset, FRAME_SIZE)
        return decode_claim(self._piece, start)

    def later(self, link: Link) -> Frame | None:
        """A whole frame from the link's offset on that was written when, or after, the frame behind the link was."""
        offset = link.offset
        while (offset := self._find(offset)) >= 0:
            frame = self.frame(offset)
            if frame is not None and frame.place.frame >= link.frame:
                return frame
            offset += 1
        return None

    def describe(self, offset: int) -> str:
        """What stands at the offset, in words."""
        claim = self.claim(offset)
        if claim is None:
            start = self._load(offset, FRAME_SIZE)
            data = self._piece[start : start + FRAME_SIZE]
            return "bytes that begin no frame" if any(data) else "zeros" if data else "the end of the file"
        frame = self.frame(offset)
        kind = "a broken frame" if frame is None else "a frame of another chain"
        return f"{kind} that calls itself {claim.frame} at {claim.offset} of segment {claim.segment}"

    def read(self, offset: int, length: int) -> bytes:
        """The bytes themselves."""
        return self._file.read(offset, length)

    def forget(self) -> None:
        """Reads again what may have changed."""
        self._start, self._piece = 0, b""

    def close(self) -> None:
        """Ends the use of the file."""
        self._file.close()

    def _read_head(self) -> Head:
        head = decode_head(self._file.read(0, HEAD_SIZE))
        if head is None or head.segment != self.number:
            found = "something else" if head is None else f"the head of segment {head.segment}"
            self.close()
            raise Damaged(self.path, 0, f"the head of segment {self.number} in format {VERSION}", found)
        return head

    def _load(self, offset: int, length: int) -> int:
        """Has the bytes at hand, as far as there are any; returns where in the piece they begin."""
        if offset < self._start or offset + length > self._start + len(self._piece):
            self._start, self._piece = offset, self._file.read(offset, max(length, _PIECE))
        return offset - self._start

    def _find(self, offset: int) -> int:
        """The offset of the next beginning of a frame, or -1."""
        begins = frame_begins(self.number)
        while offset + FRAME_SIZE <= self.size:
            start = self._load(offset, FRAME_SIZE)
            found = begins.search(self._piece, start)
            if found is not None:
                return self._start + found.start()
            offset = self._start + len(self._piece) - FRAME_SIZE + 1
        return -1
