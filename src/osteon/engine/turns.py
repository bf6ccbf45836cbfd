"""Turns: work that would hold up the loop is let onto it piece by piece, so much in each of its rounds, and tenants in turn."""

import asyncio
from collections import deque

from osteon.model import TenantId

__all__ = ["LONG", "SHORT", "Turns"]

SHORT, LONG = 1, 8
"""What a piece weighs: 0.1 ms or so, such as finding an old verdict; as much as is for one round."""


class Turns:
    """Lets pieces of work go on: pieces of the weight `LONG` together in each round of the loop, one of each tenant in turn."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._waiting: dict[TenantId, deque[tuple[int, asyncio.Future[None]]]] = {}
        self._awake = False

    async def take(self, tenant: TenantId, weight: int = SHORT) -> None:
        """Waits until a piece of a tenant's work may be done."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.setdefault(tenant, deque()).append((weight, turn))
        if not self._awake:
            self._awake = True
            loop.call_soon(self._give, loop)
        await turn

    def _give(self, loop: asyncio.AbstractEventLoop) -> None:
        room = LONG
        while room > 0 and self._waiting:
            tenant, queue = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            weight, turn = queue.popleft()
            if queue:
                self._waiting[tenant] = queue
            if not turn.done():
                turn.set_result(None)
                room -= weight
        self._awake = bool(self._waiting)
        if self._awake:
            loop.call_soon(self._give, loop)
