"""Identifiers: ULIDs in their canonical text, one Python type for each kind of thing.

A kind is a `NewType` over `Identifier`: `ProjectId` is not a `ScopeId` to a type checker, and both are plain strings when the
program runs. The format is that of https://github.com/ulid/spec: 48 bits of milliseconds, 80 bits of randomness, Crockford's
Base32, so that identifiers made later sort later.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, NewType

from ulid import ULID

__all__ = [
    "HOUSE",
    "AccountId",
    "Identifier",
    "Identifiers",
    "InvocationId",
    "MessageId",
    "ScopeId",
    "SessionId",
    "TenantId",
    "is_identifier",
    "milliseconds",
    "named",
]

Identifier = NewType("Identifier", str)
TenantId = NewType("TenantId", Identifier)
ScopeId = NewType("ScopeId", Identifier)
AccountId = NewType("AccountId", Identifier)
SessionId = NewType("SessionId", Identifier)
InvocationId = NewType("InvocationId", Identifier)
MessageId = NewType("MessageId", Identifier)

HOUSE = TenantId(Identifier("0" * 26))
"""The tenant that runs the installation: it exists from the first entry on, and its identifier is known to everybody."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PATTERN = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
BLOCK = len(PAIRS) ** 2
DIGITS = bytes.maketrans(ALPHABET.encode(), b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
"""From Crockford's digits to those that Python reads."""


def is_identifier(text: str) -> bool:
    """Whether `text` is a ULID in canonical form: 26 upper-case characters, at most 128 bits."""
    return PATTERN.fullmatch(text) is not None


def milliseconds(identifier: str) -> int:
    """The time in a ULID, in milliseconds since 1970."""
    return int(identifier[:10].encode().translate(DIGITS), 32)


def named(since: str, *names: str) -> Identifier:
    """The identifier that always comes out of the same names: what a retry or a reaction makes is made once.

    Args:
        since: An identifier whose time the new one gets; any other text gives the time zero.
        names: What it is made from; together they must be unlike all others.
    """
    at = milliseconds(since) if is_identifier(since) else 0
    digest = hashlib.blake2b("\0".join(names).encode(), digest_size=10).digest()
    return Identifier(str(ULID.from_bytes(at.to_bytes(6, "big") + digest)))


class Identifiers:
    """Makes identifiers, each greater than the one before, from a clock and a source of randomness.

    The last four characters are counted up, the twelve before them are random and stay until the count is used up, and the time is
    written anew when it moves: most identifiers cost two look-ups in a table. A clock that goes back does not make an identifier go
    back.
    """

    def __init__(self, now: Callable[[], int], randomness: Callable[[int], bytes]) -> None:
        """Makes a generator.

        Args:
            now: Milliseconds since 1970.
            randomness: Gives that many random bytes.
        """
        self._now = now
        self._randomness = randomness
        self._at = -1
        self._random = self._drawn()
        self._prefix = ""
        self._next = 0

    def next(self) -> Any:
        """A new identifier, of the kind that its taker declares."""
        at = self._now()
        if at > self._at:
            self._at = at
            self._prefix = _time(at) + self._random
        return self.following()

    def following(self) -> Any:
        """Another one, of the same time as the one before: the clock is not asked."""
        low = self._next
        if low >= BLOCK:
            low = self._start_block()
        self._next = low + 1
        return self._prefix + PAIRS[low >> 10] + PAIRS[low & 1023]

    def _start_block(self) -> int:
        # What was counted within this millisecond is behind us: the new block belongs to the next one.
        self._at += 1
        self._random = self._drawn()
        self._prefix = _time(self._at) + self._random
        return 0

    def _drawn(self) -> str:
        return str(ULID.from_bytes(bytes(6) + self._randomness(10)))[10:22]


def _time(at: int) -> str:
    """The first ten characters: 48 bits of milliseconds."""
    return PAIRS[at >> 40] + PAIRS[at >> 30 & 1023] + PAIRS[at >> 20 & 1023] + PAIRS[at >> 10 & 1023] + PAIRS[at & 1023]
