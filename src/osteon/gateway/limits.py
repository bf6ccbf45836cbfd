"""Limits of rate: a bucket of tokens for each account, tenant, or whatever a limit counts by."""

from collections.abc import Callable
from typing import Any, NamedTuple

from osteon.domain import Limit
from osteon.model import Refused

__all__ = ["Buckets", "Guard", "Rate"]


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
        now = self._monotonic()
        known = self._levels.get(name)
        level = self._level(known, now) - amount
        if level < 0:
            return False
        if known is None and len(self._levels) >= self._bound:
            del self._levels[next(iter(self._levels))]
        self._levels[name] = (level, now)
        return True

    def holds(self, name: str, amount: float = 1.0) -> bool:
        """Whether as much could be taken."""
        return self._level(self._levels.get(name), self._monotonic()) >= amount

    def _level(self, known: tuple[float, float] | None, now: float) -> float:
        if known is None:
            return self._rate.burst
        return min(self._rate.burst, known[0] + (now - known[1]) * self._rate.per_second)


class Guard:
    """Limits how often a command is asked about one thing, and, apart, how often it is rejected about it."""

    def __init__(self, limit: Limit, monotonic: Callable[[], float]) -> None:
        """Guards the command of `limit`."""
        self._by = limit.by
        self._asked = Buckets(Rate(limit.per_minute / 60, limit.per_minute), monotonic)
        self._rejected = Buckets(Rate(limit.rejected_per_minute / 60, limit.rejected_per_minute), monotonic)

    def let_through(self, tenant: str, command: Any) -> None:
        """Counts an attempt.

        Raises:
            Refused: With `too-many-requests`.
        """
        name = self._name(tenant, command)
        if not self._rejected.holds(name) or not self._asked.take(name):
            raise Refused("too-many-requests", retryable=True)

    def rejected(self, tenant: str, command: Any) -> None:
        """Counts an attempt that was rejected."""
        self._rejected.take(self._name(tenant, command))

    def _name(self, tenant: str, command: Any) -> str:
        return f"{tenant}/{self._by(command)}"
