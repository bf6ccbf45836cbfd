"""Time, as a capability: nothing inside reads a clock of its own."""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Tells the time, twice: by the wall for people, monotonic for waiting."""

    def now(self) -> datetime:
        """The wall-clock time in UTC; it may jump, so no order is taken from it."""
        ...

    def milliseconds(self) -> int:
        """The wall-clock time in milliseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...
