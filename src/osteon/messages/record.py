"""Records: how entries and blocks of the access log stand in the log and in the history, byte for byte.

    version u8 | kind u8 | tenant 16 | partition u16 | sequence u64 | previous 32 | sealed body

Numbers are big-endian; `tenant` is the ULID's 128 bits. `previous` is the SHA-256 of the whole record before it in the same chain
(zeros for the first): a chain for the entries of each partition, and one for the access log of each tenant. Everything before the
sealed body is authenticated with it, so a record cannot be moved to another place.
"""

import hashlib
import struct
from functools import lru_cache
from typing import NamedTuple

from ulid import ULID

from osteon.messages.entry import Position
from osteon.model import Identifier, OsteonError, TenantId

__all__ = ["ACCESS", "ENTRY", "GENESIS", "PLACE", "MalformedRecord", "Record", "header", "parted", "record_hash"]

ENTRY, ACCESS, PLACE = 1, 2, 3
GENESIS = bytes(32)

_VERSION = 1
_HEADER = struct.Struct(">BB16sHQ32s")
_SIZE = _HEADER.size


class MalformedRecord(OsteonError):
    """Raised when bytes are not a record of a version that this program reads."""


class Record(NamedTuple):
    """A record taken apart; `place` is what its body is sealed for."""

    kind: int
    tenant: TenantId
    position: Position
    previous: bytes
    place: bytes
    sealed: bytes

    @classmethod
    def of(cls, stored: bytes) -> "Record":
        """Takes stored bytes apart.

        Raises:
            MalformedRecord: They are too short, or of another version.
        """
        if len(stored) < _SIZE or stored[0] != _VERSION:
            raise MalformedRecord(
                f"A record begins with version {_VERSION} and {_SIZE} bytes, not {stored[:1].hex()!r}."
            )
        _, kind, tenant, partition, sequence, previous = _HEADER.unpack_from(stored)
        return cls(kind, _text(tenant), Position(partition, sequence), previous, stored[:_SIZE], stored[_SIZE:])


def parted(stored: bytes) -> tuple[bytes, bytes]:
    """The `place` and the `sealed` of a record: for whoever reads many and needs no more of them.

    Raises:
        MalformedRecord: See `Record.of`.
    """
    if len(stored) < _SIZE or stored[0] != _VERSION:
        Record.of(stored)
    return stored[:_SIZE], stored[_SIZE:]


def header(kind: int, tenant: bytes, position: Position, previous: bytes) -> bytes:
    """The part of a record before its sealed body; `tenant` is the ULID's 16 bytes."""
    return _HEADER.pack(_VERSION, kind, tenant, position.partition, position.sequence, previous)


def record_hash(stored: bytes) -> bytes:
    """The hash that the next record of the chain carries."""
    return hashlib.sha256(stored).digest()


@lru_cache(4096)
def _text(tenant: bytes) -> TenantId:
    return TenantId(Identifier(str(ULID.from_bytes(tenant))))
