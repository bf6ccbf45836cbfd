"""Replies within one process: the adapter of the embedded profile too."""

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

from osteon.model import InvocationId
from osteon.ports.inbox import Reply

__all__ = ["MemoryReplies"]

_Waiting = dict[InvocationId, "asyncio.Future[Reply]"]


class MemoryReplies:
    """Keeps a future for each expected reply, as long as somebody holds what `expect` returned. Used on one loop."""

    def __init__(self) -> None:
        """Expects nothing yet."""
        self._waiting: _Waiting = {}

    def expect(self, invocation: InvocationId) -> Awaitable[Reply]:
        if invocation in self._waiting:
            message = f"The reply to '{invocation}' is expected already: each attempt needs an invocation of its own."
            raise RuntimeError(message)
        return _Expected(self._waiting, invocation)

    def deliver(self, invocation: InvocationId, reply: Reply) -> None:
        future = self._waiting.get(invocation)
        if future is not None and not future.done():
            future.set_result(reply)

    def expected(self) -> int:
        """How many replies somebody waits for."""
        return len(self._waiting)


class _Expected:
    """Somebody's wait. It ends by the reply, by cancelling, or by being forgotten, as when the inbox was full."""

    __slots__ = ("_future", "_invocation", "_waiting")

    def __init__(self, waiting: _Waiting, invocation: InvocationId) -> None:
        self._waiting = waiting
        self._invocation = invocation
        self._future = waiting[invocation] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._future.__await__()

    def __del__(self) -> None:
        self._waiting.pop(self._invocation, None)
