"""Passwords: hashing and checking, slow on purpose and so beside the loop."""

from typing import Protocol

__all__ = ["Passwords"]


class Passwords(Protocol):
    """Turns passwords into hashes that are safe to keep."""

    async def hash(self, password: str) -> str:
        """A salted hash in a format that names its algorithm and parameters."""
        ...

    async def verify(self, password: str, hash: str | None) -> bool:
        """Whether `password` is the one that `hash` was made from.

        Without a hash the answer is no and takes the same time: nobody learns which accounts exist by waiting.
        """
        ...
