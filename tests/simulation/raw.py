"""What is on the disk, read without engine, log or history: by the formats as they are written down, and nothing else.

Only the keyring is the real one, as there is no other way to open what is sealed.
"""

import hashlib
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import apsw
import msgspec

from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.ports.disk import Disk
from tests.simulation.disk import Inode, Platter
from tests.simulation.machine import SimEntropy

__all__ = ["Durable", "RawEntry", "RawFrame", "RawHistory", "RawRecord", "keyring_on", "read_frames", "read_history"]

_HEAD, _FRAME = 64, struct.Struct("<4sIIIQIIII")
_RECORD = struct.Struct(">BB16sHQ32s")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class RawFrame(NamedTuple):
    """A whole frame of a segment."""

    number: int
    start: int
    end: int
    records: list[bytes]


class RawRecord(NamedTuple):
    """A record, taken apart; kind 1 is an entry, 2 a block of the access log."""

    kind: int
    tenant: str
    partition: int
    sequence: int
    previous: bytes
    stored: bytes

    @classmethod
    def of(cls, stored: bytes) -> "RawRecord":
        """Takes stored bytes apart."""
        _, kind, tenant, partition, sequence, previous = _RECORD.unpack_from(stored)
        return cls(kind, _ulid(tenant), partition, sequence, previous, stored)

    @property
    def hash(self) -> bytes:
        """What its successor carries."""
        return hashlib.sha256(self.stored).digest()

    @property
    def token(self) -> str:
        """Its position, as clients carry it."""
        return f"{self.partition << 48 | self.sequence:014x}"

    def opened(self, keyring: KeyfileKeyring) -> "RawEntry":
        """The entry that it holds."""
        body = keyring.open(cast("Any", self.tenant), self.stored[_RECORD.size :], self.stored[: _RECORD.size])
        return _ENTRY.decode(body)


class RawMessage(msgspec.Struct, rename="camel"):
    """A command or an event of an entry."""

    id: str
    type: str
    body: dict[str, Any]


class RawEntry(msgspec.Struct, rename="camel"):
    """What is looked at of an entry."""

    entity_type: str
    entity: str
    key: str
    context: dict[str, Any]
    command: RawMessage
    verdict: str
    answer: msgspec.Raw = msgspec.Raw(b"null")
    events: list[RawMessage] = []

    @property
    def invocation(self) -> str:
        """The invocation that was recorded."""
        found: str = self.context["trace"]["current"]
        return found


_ENTRY = msgspec.json.Decoder(RawEntry)


class RawHistory(NamedTuple):
    """A tenant's file: the records of its journal and of its access log, how far they are said to be, its rows by view.

    `behind` names the views whose rows do not follow.
    """

    records: list[RawRecord]
    accesses: list[RawRecord]
    progress: dict[int, int]
    rows: dict[str, dict[str, dict[str, Any]]]
    behind: frozenset[str]


class Durable:
    """Which entries are on the platter, as far as somebody looks; each segment is read once, and on from there."""

    def __init__(self, platter: Platter) -> None:
        """Has not looked yet."""
        self._platter = platter
        self._read: dict[int, tuple[int, bytes, int]] = {}
        self._entries: set[tuple[str, str]] = set()

    def has(self, invocation: str, position: str) -> bool:
        """Whether the entry of an invocation is on the platter at that position."""
        if (invocation, position) not in self._entries:
            self.look()
        return (invocation, position) in self._entries

    def look(self) -> None:
        """Reads what is new on the platter."""
        keyring = keyring_on(self._platter)
        for name, inode in self._platter.durable_names.items():
            version, head, offset = self._read.get(inode.number, (-1, b"", _HEAD))
            if not name.startswith("log/segment-") or version == inode.version:
                continue
            now = bytes(inode.durable[:_HEAD])
            offset = offset if head == now else _HEAD
            for frame in read_frames(inode.durable, offset):
                offset = frame.end
                for record in map(RawRecord.of, frame.records):
                    if record.kind == 1:
                        self._entries.add((record.opened(keyring).invocation, record.token))
            self._read[inode.number] = inode.version, now, offset


def read_frames(image: bytes | bytearray, offset: int = _HEAD) -> list[RawFrame]:
    """The whole frames that stand one behind another."""
    frames: list[RawFrame] = []
    segment = struct.unpack_from("<I", image, 12)[0] if len(image) >= _HEAD else 0
    while offset + _FRAME.size <= len(image):
        magic, checksum, length, count, number, _, _, where, at = _FRAME.unpack_from(image, offset)
        end = offset + _FRAME.size + length
        if magic != b"\xf5OLf" or (where, at) != (segment, offset) or end > len(image):
            break
        if zlib.crc32(image[offset + 8 : end]) != checksum or (frames and number != frames[-1].number + 1):
            break
        start = offset + _FRAME.size + 4 * count
        records: list[bytes] = []
        for size in struct.unpack_from(f"<{count}I", image, offset + _FRAME.size):
            records.append(bytes(image[start : start + size]))
            start += size
        frames.append(RawFrame(number, offset, end, records))
        offset = end
    return frames


def read_history(path: str, vfs: str, views: Sequence[str]) -> RawHistory:
    """A tenant's file, with the rows of `views`."""
    connection: Any = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
    try:
        connection.execute("PRAGMA locking_mode=exclusive").fetchall()
        check = connection.execute("PRAGMA integrity_check").get
        if check != "ok":
            raise apsw.CorruptError(str(check))
        select = connection.execute
        stored = select("SELECT stored FROM journal ORDER BY number").fetchall()
        accesses = select("SELECT stored FROM accesses ORDER BY number").fetchall()
        progress = select("SELECT part, place FROM progress WHERE kind = 'partition'").fetchall()
        tables = {name for (name,) in select("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()}
        rows = {view: select(f'SELECT key, body FROM "{view}"').fetchall() for view in views if view in tables}  # noqa: S608  # the test's own names
        behind: list[tuple[str]] = select("SELECT view FROM lagging").fetchall() if "lagging" in tables else []
    finally:
        connection.close()
    return RawHistory(
        [RawRecord.of(each) for (each,) in stored],
        [RawRecord.of(each) for (each,) in accesses],
        dict(progress),
        {view: {key: msgspec.json.decode(body) for key, body in found} for view, found in rows.items()},
        frozenset(view for (view,) in behind).union(each for each in views if each not in rows),
    )


def keyring_on(platter: Platter) -> KeyfileKeyring:
    """The keyring of what is on the disk; it asks no process's leave."""
    disk = cast("Disk", _Images(platter.names))
    installation = platter.names["keys/installation.key"].cache
    return KeyfileKeyring(disk, SimEntropy("raw"), bytes(installation))


class _Images:
    """As much of a disk as a keyring reads."""

    def __init__(self, names: Mapping[str, Inode]) -> None:
        self._names = names

    def open(self, path: str) -> "_Image":
        if path not in self._names:
            raise FileNotFoundError(path)
        return _Image(bytes(self._names[path].cache))


class _Image:
    """As much of a file as a keyring reads."""

    def __init__(self, image: bytes) -> None:
        self._image = image

    def read(self, offset: int, length: int) -> bytes:
        return self._image[offset : offset + length]

    def size(self) -> int:
        return len(self._image)

    def close(self) -> None:
        pass


def _ulid(value: bytes) -> str:
    number = int.from_bytes(value, "big")
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(25, -1, -1))
