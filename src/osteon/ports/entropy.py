"""Randomness, as a capability."""

from typing import Protocol

__all__ = ["Entropy"]


class Entropy(Protocol):
    """A source of unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """`count` random bytes, fit for keys."""
        ...
