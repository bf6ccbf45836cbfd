"""Limits of rate: a bucket of tokens for each account, tenant, or whatever a limit counts by."""

from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

from osteon.domain import Limit
from osteon.model import Refused

__all__ = ["Buckets", "Guard", "Rate"]


class Rate(NamedTuple):
    """So many a second; a full bucket holds `burst`."""

    per_second: float
    burst: float


class Buckets:
    """Token buckets by name; at most `bound` of them, the oldest are forgotten (and so full again). Times are in seconds."""

    def __init__(self, rate: Rate, bound: int = 50_000) -> None:
        """Makes full buckets."""
        self._per_second, self._burst = rate
        self._bound = bound
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, name: str, now: float) -> bool:
        """Takes one from the bucket `name`; False when there is none in it."""
        known = self._levels.get(name)
        if known is not None:
            level = min(self._burst, known[0] + (now - known[1]) * self._per_second)
        else:
            level = self._burst
            if len(self._levels) >= self._bound:
                del self._levels[next(iter(self._levels))]
        if level < 1:
            return False
        self._levels[name] = (level - 1, now)
        return True

    def wait(self, name: str, now: float) -> float:
        """In how many seconds one can be taken; 0 when that is now."""
        known = self._levels.get(name)
        if known is None:
            return 0.0
        level = known[0] + (now - known[1]) * self._per_second
        return max(0.0, (1 - level) / self._per_second)


class Guard:
    """Limits how often a command is asked about one thing, and, apart, how often it is rejected about it."""

    def __init__(self, limit: Limit, monotonic: Callable[[], float]) -> None:
        """Guards the command of `limit`."""
        self._by = limit.by
        self._monotonic = monotonic
        self._asked = Buckets(Rate(limit.per_minute / 60, limit.per_minute))
        self._rejected = Buckets(Rate(limit.rejected_per_minute / 60, limit.rejected_per_minute))

    def let_through(self, tenant: str, command: Any) -> None:
        """Counts an attempt.

        Raises:
            Refused: With `too-many-requests`.
        """
        name, now = self._name(tenant, command), self._monotonic()
        if self._rejected.wait(name, now) or not self._asked.take(name, now):
            wait = max(self._rejected.wait(name, now), self._asked.wait(name, now))
            raise Refused("too-many-requests", retryable=True, seconds=ceil(wait))

    def rejected(self, tenant: str, command: Any) -> None:
        """Counts an attempt that was rejected."""
        self._rejected.take(self._name(tenant, command), self._monotonic())

    def _name(self, tenant: str, command: Any) -> str:
        return f"{tenant}/{self._by(command)}"
