"""A scheduler without threads: all work is done on the loop, in turn."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from osteon.ports.scheduler import Lane

__all__ = ["MemoryScheduler"]

T = TypeVar("T")


class MemoryScheduler:
    """Serves the loop that runs when it is used."""

    def __init__(self, failed: Callable[[str, BaseException], None]) -> None:
        """Calls `failed` with a task's name and the exception that left it."""
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def lane(self, name: str) -> Lane:  # there is no thread to name
        return _Turns()

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        return _Turns().run(work)

    def close(self) -> None:
        """Cancels every task, wherever it is: as the end of a process would."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._failed(task.get_name(), fault)


class _Turns:
    """One call for each turn of the loop, in their order even on a loop that shuffles its turns."""

    def __init__(self) -> None:
        self._calls: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._closed = False

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        if self._closed:
            message = "The lane is closed: nothing more can be given to it."
            raise RuntimeError(message)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.append((work, future))
        loop.call_soon(self._turn)
        return future

    def close(self) -> None:
        self._closed = True

    def _turn(self) -> None:
        work, future = self._calls.popleft()
        try:
            result = work()
        except BaseException as fault:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
            if not future.done():
                future.set_exception(RuntimeError(repr(fault)) if isinstance(fault, StopIteration) else fault)
        else:
            if not future.done():
                future.set_result(result)
