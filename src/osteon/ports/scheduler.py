"""Work beside the loop, as a capability."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

__all__ = ["Lane", "Scheduler"]

T = TypeVar("T")


class Lane(Protocol):
    """A thread of its own in which calls run one after another, in the order in which they were made."""

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        """Runs `work` behind all that was given before it."""
        ...

    def close(self) -> None:
        """Ends the lane once all it was given is done."""
        ...


class Scheduler(Protocol):
    """Starts tasks on the loop and blocking work beside it."""

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Starts a task and keeps it referenced; an exception that leaves it ends the process."""
        ...

    def lane(self, name: str) -> Lane:
        """A new lane."""
        ...

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        """Runs `work` in some thread of a bounded pool."""
        ...
