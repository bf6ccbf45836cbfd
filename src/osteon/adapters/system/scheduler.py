"""Tasks on the running loop, and threads beside it."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from osteon.ports.scheduler import Lane

__all__ = ["Failed", "SystemScheduler"]

T = TypeVar("T")

_LAST = 5.0

Failed = Callable[[str, BaseException], None]
"""Told the name of a task and the exception that left it; the process is to end."""

_Call = tuple[Callable[[], Any], "asyncio.Future[Any]"]
_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class SystemScheduler:
    """Serves the loop that runs when it is used."""

    def __init__(self, failed: Failed, threads: int) -> None:
        """Starts nothing yet.

        Args:
            failed: Called on the loop when an exception leaves a task.
            threads: How many calls of `blocking` run at a time; the others wait their turn.
        """
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._lanes: list[_ThreadLane] = []
        self._closed = False
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="blocking")

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def lane(self, name: str) -> Lane:
        lane = _ThreadLane(name, asyncio.get_running_loop())
        self._lanes.append(lane)
        return lane

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Cancels the tasks, drops blocking work that has not begun, and waits for what the lanes were given."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for lane in self._lanes:
            lane.close()
        for lane in self._lanes:
            lane.join()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None and not self._closed:
            self._failed(task.get_name(), fault)


class _ThreadLane:
    """A thread that ends with its process: work that runs by then may end it badly, so lanes are closed first.

    Outcomes go back to the loop together: as long as it has not come round to the last wake-up, they need no other.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._outcomes: deque[_Outcome] = deque()
        self._awaking = False
        self._closed = False
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        if self._closed:
            message = "The lane is closed: nothing more can be given to it."
            raise RuntimeError(message)
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((work, future))
        return future

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._calls.put(None)

    def join(self) -> None:
        """Waits for its last work, but not for a disk that never answers."""
        self._thread.join(_LAST)

    def _serve(self) -> None:
        # Work whose caller was cancelled runs all the same: what stands behind it may build on it.
        while (call := self._calls.get()) is not None:
            self._outcomes.append(_outcome(*call))
            del call
            if not self._awaking:
                self._awaking = True
                # A closed loop has nobody left who waits; the work goes on.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        # First the flag: an outcome that comes in between wakes the loop once too often, never too seldom.
        self._awaking = False
        while self._outcomes:
            future, result, fault = self._outcomes.popleft()
            if future.done():
                continue
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)


def _outcome(work: Callable[[], Any], future: "asyncio.Future[Any]") -> _Outcome:
    try:
        return future, work(), None
    except StopIteration as fault:
        # No future takes it, as it would end the generator that awaits.
        replacement = RuntimeError("The work raised StopIteration.")
        replacement.__cause__ = fault
        return future, None, replacement
    except BaseException as fault:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
        return future, None, fault
