"""A clock that stands still until it is moved by hand."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta

__all__ = ["MemoryClock"]

_NANOSECONDS = 1_000_000_000
_START = datetime(2026, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryClock:
    """Begins at a given moment; `advance` moves it on and wakes whoever has slept long enough."""

    def __init__(self, at: datetime = _START) -> None:
        """Shows `at`, a time with a zone."""
        self._wall = at.astimezone(UTC)
        self._passed = 0  # in nanoseconds: fractions of a second add up exactly
        self._beds: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._wall

    def milliseconds(self) -> int:
        return (self._wall - _EPOCH) // timedelta(milliseconds=1)

    def monotonic(self) -> float:
        return self._passed / _NANOSECONDS

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        until = self._passed + round(seconds * _NANOSECONDS)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._beds, (until, self._count, woken))
        await woken

    def sleepers(self) -> int:
        """How many are asleep."""
        return sum(not woken.done() for _, _, woken in self._beds)

    def advance(self, seconds: float) -> None:
        """Lets time pass in one step; sleepers go on in the order of their time, each seeing the end of the step."""
        self._passed += round(seconds * _NANOSECONDS)
        self._wall += timedelta(seconds=seconds)
        while self._beds and self._beds[0][0] <= self._passed:
            woken = heapq.heappop(self._beds)[-1]
            if not woken.done():
                woken.set_result(None)

    def jump(self, seconds: float) -> None:
        """Sets the wall clock forward, or back; nobody wakes."""
        self._wall += timedelta(seconds=seconds)
