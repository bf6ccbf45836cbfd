"""Replies within one process: the adapter of the embedded profile too."""

import asyncio
from collections.abc import Awaitable

from osteon.model import InvocationId
from osteon.ports.inbox import Reply

__all__ = ["MemoryReplies"]


class MemoryReplies:
    """Keeps a future for each expected reply until that comes, whether anybody still waits or not. Used on one loop."""

    def __init__(self) -> None:
        """Expects nothing yet."""
        self._waiting: dict[InvocationId, asyncio.Future[Reply]] = {}

    def expect(self, invocation: InvocationId) -> Awaitable[Reply]:
        if invocation in self._waiting:
            message = f"The reply to '{invocation}' is expected already: each attempt needs an invocation of its own."
            raise RuntimeError(message)
        future = self._waiting[invocation] = asyncio.get_running_loop().create_future()
        return future

    def deliver(self, invocation: InvocationId, reply: Reply) -> None:
        future = self._waiting.pop(invocation, None)
        # Whoever was cancelled takes no reply.
        if future is not None and not future.done():
            future.set_result(reply)

    def expected(self) -> int:
        """How many replies are still to come."""
        return len(self._waiting)
