"""Randomness that can be repeated."""

import random

__all__ = ["MemoryEntropy"]


class MemoryEntropy:
    """The same bytes for the same seed, so fit for tests and for nothing else."""

    def __init__(self, seed: int | str = 0) -> None:
        """Begins at the start of the seed's sequence."""
        self._random = random.Random(seed)  # noqa: S311  # repeating is the point

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)
