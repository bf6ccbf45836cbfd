"""Limits of rate: a bucket of tokens for each account, tenant, or whatever a limit counts by."""

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Buckets", "Rate"]


class Rate(NamedTuple):
    """So many a second; a full bucket holds `burst`."""

    per_second: float
    burst: float


class Buckets:
    """Token buckets by name; at most `bound` of them, the oldest are forgotten (and so full again)."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float], bound: int = 50_000) -> None:
        """Makes full buckets; `monotonic` tells seconds."""
        self._rate = rate
        self._monotonic = monotonic
        self._bound = bound
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, name: str, amount: float = 1.0) -> bool:
        """Takes from the bucket `name`; False when there is not enough in it."""
        level, now = self._level(name)
        if level < amount:
            return False
        self._levels[name] = (level - amount, now)
        return True

    def holds(self, name: str, amount: float = 1.0) -> bool:
        """Whether as much could be taken."""
        return self._level(name)[0] >= amount

    def _level(self, name: str) -> tuple[float, float]:
        now = self._monotonic()
        known = self._levels.get(name)
        if known is None:
            if len(self._levels) >= self._bound:
                del self._levels[next(iter(self._levels))]
            self._levels[name] = (self._rate.burst, now)
            return self._rate.burst, now
        level = min(self._rate.burst, known[0] + (now - known[1]) * self._rate.per_second)
        self._levels[name] = (level, now)
        return level, now
