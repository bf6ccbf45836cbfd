"""Numbers used once."""

from collections.abc import Iterator
from itertools import repeat
from struct import Struct
from threading import Lock

from osteon.ports.entropy import Entropy

__all__ = ["Nonces"]

_PACK = Struct(">8sI").pack


class Nonces:
    """Nonces of 12 bytes: 8 random ones, drawn at the start and whenever the other 4, which count up, are used up.

    No restart, copied folder or second process repeats one, as each draws its own; a fork of the process would. May
    be used from any thread.
    """

    def __init__(self, entropy: Entropy, count: int = 1 << 32) -> None:
        """Begins with newly drawn bytes; `count` nonces share them."""
        self._entropy = entropy
        self._count = count
        self._lock = Lock()
        self._current = self._drawn()

    def next(self) -> bytes:
        """A nonce that was not given before."""
        # One step in C, so that two threads cannot be given the same.
        current = self._current
        return next(current, None) or self._renewed(current)

    def _renewed(self, used: Iterator[bytes]) -> bytes:
        with self._lock:
            if self._current is used:
                self._current = self._drawn()
        return self.next()

    def _drawn(self) -> Iterator[bytes]:
        return map(_PACK, repeat(self._entropy.bytes(8)), range(self._count))
