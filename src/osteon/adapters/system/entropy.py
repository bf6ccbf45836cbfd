"""The machine's randomness."""

import os

__all__ = ["SystemEntropy"]


class SystemEntropy:
    """The random numbers of the operating system's kernel."""

    def bytes(self, count: int) -> bytes:
        return os.urandom(count)
