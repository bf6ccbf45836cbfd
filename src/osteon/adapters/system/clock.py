"""The machine's clocks."""

import asyncio
import time
from datetime import UTC, datetime

__all__ = ["SystemClock"]


class SystemClock:
    """Wall and monotonic time of the operating system; sleeps on the running loop."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def milliseconds(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
