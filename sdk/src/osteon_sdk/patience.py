"""Patience: what is tried again, how often, and until when.

A command carries the same key each time, so trying again never carries it out twice. The waits are exponential with
full jitter (Marc Brooker, "Exponential Backoff And Jitter"), and never shorter than the platform asks for.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

from osteon_sdk.contract import Response
from osteon_sdk.problems import Unreachable
from osteon_sdk.wire import is_transient

__all__ = ["Patience"]


class Patience(Struct, frozen=True, kw_only=True):
    """How long a client goes on trying, and what it waits with. Time in seconds."""

    deadline: float = 30.0
    """All attempts of one call together; what is not answered by then is `Unreachable` or raised as it last was."""
    first: float = 0.05
    """The longest wait before the second attempt; it doubles with each."""
    longest: float = 2.0
    """Where the doubling ends. A `Retry-After` may be longer."""
    now: Callable[[], float] = time.monotonic
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    """Between 0 and 1, spreads the attempts of many clients."""

    async def persist(self, attempt: Callable[[], Awaitable[Response]]) -> Response:
        """Attempts until there is a response worth having.

        Returns:
            The first response that is not transient, or the last one when the next attempt would come too late.

        Raises:
            Unreachable: The last attempt brought no response.
        """
        until = self.now() + self.deadline
        number = 0
        while True:
            outcome = await self._outcome(attempt, until - self.now())
            if isinstance(outcome, Response) and not is_transient(outcome):
                return outcome
            wait = self._wait(number, outcome)
            if self.now() + wait >= until:
                return _last(outcome)
            await self.rest(wait)
            number += 1

    async def _outcome(self, attempt: Callable[[], Awaitable[Response]], limit: float) -> Response | Unreachable:
        try:
            async with asyncio.timeout(limit):
                return await attempt()
        except TimeoutError:
            return Unreachable(f"No answer came within '{self.deadline}' seconds; the platform may be busy or away.")
        except Unreachable as lost:
            return lost

    def _wait(self, number: int, outcome: Response | Unreachable) -> float:
        asked = _retry_after(outcome) if isinstance(outcome, Response) else None
        if asked is not None:
            return asked + self.chance() * self.first
        # The exponent is capped: 2 to a large power is no float.
        return self.chance() * min(self.longest, self.first * 2.0 ** min(number, 30))


def _last(outcome: Response | Unreachable) -> Response:
    if isinstance(outcome, Unreachable):
        raise outcome
    return outcome


def _retry_after(response: Response) -> float | None:
    """The wait a response asks for: seconds or a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
