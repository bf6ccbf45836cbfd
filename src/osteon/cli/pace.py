"""Progress of work whose whole is known: how much is done, how fast, and how long it takes yet."""

import time

from osteon.cli.terminal import Line

__all__ = ["Pace"]


class Pace(Line):
    """A line on standard error that counts towards a total."""

    def __init__(self, what: str, total: int = 0) -> None:
        """Counts `what`, such as `entries`, from now on."""
        super().__init__()
        self.total = total
        self._what = what
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it takes already; never nothing."""
        return max(time.monotonic() - self._began, 0.001)

    def count(self, done: int) -> None:
        """So many are done."""
        rate = done / self.seconds
        left = f", {max(self.total - done, 0) / rate:.0f} s left" if rate else ""
        self(f"{done:,} of {self.total:,} {self._what}, {rate:,.0f} a second{left}")

    def end(self) -> None:
        """Takes the line away; another count brings it back."""
        self.__exit__()
