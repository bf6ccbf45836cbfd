"""A loop for asyncio in simulated time: one for each simulated process, all of them moved by one world."""

import asyncio
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulation.world import Handle, Process, World

if TYPE_CHECKING:
    pass

__all__ = ["SimFuture", "SimLoop", "SimTask", "running"]

T = TypeVar("T")


def _serial(future: "asyncio.Future[Any]") -> int:
    """A number given at first use: sets of futures are walked in the same order in every process."""
    found: int | None = getattr(future, "serial", None)
    if found is None:
        loop = future.get_loop()
        assert isinstance(loop, SimLoop)
        found = loop.world.number()
        future.serial = found  # type: ignore[attr-defined]
    return found


class SimFuture(asyncio.Future[T]):
    """A future whose hash can be repeated."""

    def __hash__(self) -> int:
        return _serial(self)


class SimTask(asyncio.Task[T]):
    """A task whose hash can be repeated."""

    def __hash__(self) -> int:
        return _serial(self)


class SimLoop(asyncio.AbstractEventLoop):
    """The loop of one process. What a simulation must not do, such as opening a socket, is not there.

    The types of arguments are looser than those of the library's stubs, which tie them to the callback's.
    """

    def __init__(self, world: World, process: Process) -> None:
        """Makes the calls of `process`."""
        self.world = world
        self.process = process
        self._tasks: list[SimTask[Any]] = []

    def create_future(self) -> "asyncio.Future[Any]":
        """See `asyncio`."""
        return SimFuture(loop=self)

    def create_task(
        self, coro: "Generator[Any, None, T] | Coroutine[Any, Any, T]", *, name: object = None, context: Any = None
    ) -> "asyncio.Task[T]":
        """See `asyncio`."""
        # Unnamed tasks would be numbered through the whole life of the interpreter.
        task: SimTask[T] = SimTask(coro, loop=self, name=str(name or "task"), context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks.append(task)
        return task

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """See `asyncio`."""
        handle = Handle(self.process, callback, args, context)
        self.world.soon(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        """See `asyncio`."""
        return self.call_soon(callback, *args, context=context)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        """See `asyncio`."""
        return self.call_at(self.world.time + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        """See `asyncio`."""
        handle = Handle(self.process, callback, args, context)
        self.world.later(when, handle)
        return handle

    def time(self) -> float:
        """See `asyncio`."""
        return self.world.time

    def get_debug(self) -> bool:
        """See `asyncio`."""
        return False

    def is_running(self) -> bool:
        """See `asyncio`."""
        return True

    def is_closed(self) -> bool:
        """See `asyncio`."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Passes over what the collector finds: it comes at no fixed time, and tasks that matter are watched."""

    def _timer_handle_cancelled(self, handle: Any) -> None:
        """See `asyncio`."""

    def end(self) -> None:
        """Closes every coroutine, at a fixed moment; nothing that they still do has an effect."""
        for task in self._tasks:
            if not task.done():
                with suppress(BaseException):
                    task.get_coro().close()
        self._tasks.clear()


def running(loops: "dict[Process, SimLoop]") -> Callable[[Process], None]:
    """Tells asyncio whose turn it is."""

    def turn(process: Process) -> None:
        events._set_running_loop(loops.get(process))

    return turn
