"""The bytes of the log: segment heads and frames. Everything is little-endian; nothing here touches a disk.

A segment file is a head of 64 bytes and then frames, one behind the other, then zeros or what a recycled file held
before.

    head    magic 4s  checksum u32 | version u32  segment u32  epoch u32
            last frame before u64  its checksum u32  its segment u32  the offset behind it u32 | zeros
    frame   magic 4s  checksum u32 | length u32  records u32  frame u64  epoch u32
            checksum of the frame before u32  segment u32  offset u32 | length of each record u32 … | the records …

A checksum is the CRC-32 of zlib over what stands behind it in the head, or in the frame. Frames are numbered from 1
over the life of the log. A frame names its own segment and offset, so that one left behind in a recycled or swapped
file never counts; as it is written only after all before it was synced, its offset is also the second place where
their synced length is kept. The head of the next segment is that for the last frame of a segment.
"""

import re
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "FRAME_SIZE",
    "HEAD_SIZE",
    "ORIGIN",
    "VERSION",
    "Claim",
    "Frame",
    "Head",
    "Link",
    "Place",
    "decode_claim",
    "decode_frame",
    "decode_head",
    "encode_frame",
    "encode_head",
    "frame_begins",
    "frame_length",
]

_HEAD = struct.Struct("<4sIIIIQIII")
_HEAD_MAGIC = b"\xf5OLs"
_FRAME = struct.Struct("<4sIIIQIIII")
_FRAME_MAGIC = b"\xf5OLf"
_BEFORE_SEGMENT = 28  # bytes between the magic and the segment of a frame
_CHECKED = 8  # the checksum covers all from here on

VERSION = 1
"""Of the format."""
HEAD_SIZE = 64
FRAME_SIZE = _FRAME.size


class Place(NamedTuple):
    """Just behind a frame. Places of one log can be compared."""

    segment: int
    offset: int
    """In the segment's file."""
    frame: int
    """The number of the frame, from 1 over the life of the log."""


ORIGIN = Place(1, HEAD_SIZE, 0)
"""The place before the first frame ever."""


class Link(NamedTuple):
    """What the next frame must fit behind."""

    last: Place
    """Behind the last frame."""
    checksum: int | None
    """Of the last frame; None where it is not known, as at a place that was kept elsewhere."""
    epoch: int
    segment: int
    """Where the next frame stands: behind the last, or at the begin of the next segment."""
    offset: int

    @property
    def frame(self) -> int:
        """The number of the next frame."""
        return self.last.frame + 1


class Head(NamedTuple):
    """The begin of a segment file."""

    segment: int
    epoch: int
    """Of the process that made the file: no frame in it has a higher one."""
    last: Place
    """Behind the last frame of the segment before."""
    checksum: int
    """Of that frame."""

    @property
    def link(self) -> Link:
        """What the first frame of the segment must fit behind."""
        return Link(self.last, self.checksum, 0, self.segment, HEAD_SIZE)


class Frame(NamedTuple):
    """A whole frame that stands where it says."""

    place: Place
    checksum: int
    epoch: int
    previous: int
    """The checksum of the frame before it."""
    held: int
    """How many records."""
    payload: memoryview

    def fits(self, link: Link) -> bool:
        """Whether this is the very frame that comes behind the link."""
        chained = link.checksum is None or link.checksum == self.previous
        return chained and self.place.frame == link.frame and self.epoch >= link.epoch

    def records(self) -> list[bytes]:
        """A copy of each record."""
        records: list[bytes] = []
        start = 4 * self.held
        for length in struct.unpack_from(f"<{self.held}I", self.payload):
            records.append(bytes(self.payload[start : start + length]))
            start += length
        return records

    @property
    def link(self) -> Link:
        """What the next frame must fit behind."""
        return Link(self.place, self.checksum, self.epoch, self.place.segment, self.place.offset)


class Claim(NamedTuple):
    """What the bytes of a frame say about themselves before they are checked."""

    checksum: int
    length: int
    held: int
    frame: int
    epoch: int
    previous: int
    segment: int
    offset: int

    @property
    def end(self) -> int:
        """The offset behind the frame, if it is one."""
        return self.offset + FRAME_SIZE + self.length


def encode_head(head: Head) -> bytes:
    """The first 64 bytes of a segment file."""
    last = head.last
    rest = _HEAD.pack(b"", 0, VERSION, head.segment, head.epoch, last.frame, head.checksum, last.segment, last.offset)
    checked = rest[_CHECKED:].ljust(HEAD_SIZE - _CHECKED, b"\0")
    return _HEAD_MAGIC + zlib.crc32(checked).to_bytes(4, "little") + checked


def decode_head(data: bytes) -> Head | None:
    """The head that the data begins with; None where it is not one, whole and of this version."""
    if len(data) < HEAD_SIZE:
        return None
    magic, checksum, version, segment, epoch, number, previous, before, behind = _HEAD.unpack_from(data)
    if magic != _HEAD_MAGIC or checksum != zlib.crc32(data[_CHECKED:HEAD_SIZE]) or version != VERSION:
        return None
    return Head(segment, epoch, Place(before, behind, number), previous)


def frame_length(records: Sequence[bytes]) -> int:
    """How many bytes the frame of these records takes."""
    return FRAME_SIZE + 4 * len(records) + sum(map(len, records))


def encode_frame(link: Link, epoch: int, records: Sequence[bytes]) -> tuple[bytearray, Link]:
    """The frame that comes behind the link, and the link behind it."""
    count = len(records)
    length = frame_length(records) - FRAME_SIZE
    previous = link.checksum or 0
    head = _FRAME.pack(_FRAME_MAGIC, 0, length, count, link.frame, epoch, previous, link.segment, link.offset)
    # One join copies each record once; the checksum is put in afterwards.
    data = bytearray().join((head, struct.pack(f"<{count}I", *map(len, records)), *records))
    checksum = zlib.crc32(memoryview(data)[_CHECKED:])
    data[4:_CHECKED] = checksum.to_bytes(4, "little")
    place = Place(link.segment, link.offset + len(data), link.frame)
    return data, Link(place, checksum, epoch, place.segment, place.offset)


def frame_begins(segment: int) -> re.Pattern[bytes]:
    """Finds what looks like the begin of a frame of this segment, and passes over those of others."""
    return re.compile(
        re.escape(_FRAME_MAGIC) + b".{%d}" % _BEFORE_SEGMENT + re.escape(struct.pack("<I", segment)), re.DOTALL
    )


def decode_claim(data: bytes, start: int) -> Claim | None:
    """What stands at `start`, if it looks like the begin of a frame."""
    if len(data) - start < FRAME_SIZE or not data.startswith(_FRAME_MAGIC, start):
        return None
    return Claim(*_FRAME.unpack_from(data, start)[1:])


def decode_frame(data: bytes, start: int, claim: Claim) -> Frame | None:
    """The frame at `start`, if it is whole."""
    whole = memoryview(data)[start : start + FRAME_SIZE + claim.length]
    if len(whole) != FRAME_SIZE + claim.length or zlib.crc32(whole[_CHECKED:]) != claim.checksum:
        return None
    place = Place(claim.segment, claim.end, claim.frame)
    return Frame(place, claim.checksum, claim.epoch, claim.previous, claim.held, whole[FRAME_SIZE:])
