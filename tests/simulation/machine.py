"""What a simulated process is given of its machine: clock, entropy, and work beside the loop."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import apsw

from osteon.adapters.sqlite import Connections
from osteon.adapters.sqlite.connection import Connection
from osteon.model import TenantId
from osteon.ports.scheduler import Lane
from tests.simulation.disk import Platter
from tests.simulation.loop import SimLoop, running
from tests.simulation.sqlite import SimVfs
from tests.simulation.world import Killed, Process, World

__all__ = ["Machine", "SharedConnections", "SimClock", "SimEntropy", "SimScheduler"]

T = TypeVar("T")

_BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)


class Machine:
    """The simulated machine: one disk, and the processes on it."""

    def __init__(self, world: World) -> None:
        """A machine with an empty disk; `end` gives back what it has registered."""
        self.world = world
        self.platter = Platter(world)
        self.vfs_name = "simulated"
        self.vfs = SimVfs(self.vfs_name, world, self.platter)
        self._loops: dict[Process, SimLoop] = {}
        self._connections: list[SharedConnections] = []
        world.running = running(self._loops)

    def change_disk(self, platter: Platter) -> None:
        """From now on the machine has another disk; whoever had the former one open is dead."""
        self.platter = platter
        self.vfs.change_disk(platter)

    def loop(self, name: str) -> SimLoop:
        """The loop of a new process, with a number behind its name."""
        process = Process(f"{name}-{len(self._loops)}")
        # To the type checkers it is abstract, as it leaves out whatever touches the machine.
        made: Any = SimLoop
        loop: SimLoop = made(self.world, process)
        self._loops[process] = loop
        return loop

    def kept(self, connections: "SharedConnections") -> None:
        """Closes connections at the end of the schedule, and not in the middle of another one."""
        self._connections.append(connections)

    def end(self) -> None:
        """Ends everything at a fixed moment: nothing of this schedule comes back in another one."""
        self.world.over = True
        for file in self.vfs.files:
            file.abandon()
        for loop in self._loops.values():
            loop.end()
        for connections in self._connections:
            connections.bury()
        self.vfs.unregister()


class SharedConnections(Connections):
    """Connections that can be lost: what a process had open is gone with it."""

    _taken: dict[int, Connection] | None = None
    _lost: dict[int, Connection] | None = None

    def lose(self) -> None:
        """All connections of now are worth nothing any more."""
        self._lost = (self._lost or {}) | (self._taken or {})
        self._taken = {}

    def bury(self) -> None:
        """Closes all connections there ever were; what closing would write is not written any more."""
        self.lose()
        for connection in (self._lost or {}).values():
            with suppress(apsw.Error):
                connection.close()

    def take(self, tenant: TenantId) -> Connection | None:
        """See `Connections`."""
        while True:
            connection = super().take(tenant)
            if connection is None or id(connection) not in (self._lost or {}):
                break
            # What closing would write is not written any more.
            with suppress(apsw.Error):
                connection.close()
        if connection is not None:
            self._taken = self._taken or {}
            self._taken[id(connection)] = connection
        return connection


class SimClock:
    """The port `Clock` in the world's time; the wall may be wrong by `offset` seconds, and jump."""

    def __init__(self, world: World, offset: float = 0.0) -> None:
        """Tells the world's time."""
        self._world = world
        self.offset = offset

    def now(self) -> datetime:
        """See `Clock`."""
        return _BEGINNING + timedelta(seconds=self._world.time + self.offset)

    def milliseconds(self) -> int:
        """See `Clock`."""
        return int((_BEGINNING.timestamp() + self._world.time + self.offset) * 1000)

    def monotonic(self) -> float:
        """See `Clock`."""
        return self._world.time

    async def sleep(self, seconds: float) -> None:
        """See `Clock`."""
        await asyncio.sleep(seconds)


class SimEntropy:
    """The port `Entropy`: unlike in each process, alike in each run."""

    def __init__(self, seed: str) -> None:
        """Draws by `seed`."""
        self._random = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret

    def bytes(self, count: int) -> bytes:
        """See `Entropy`."""
        return self._random.randbytes(count)


class SimScheduler:
    """The port `Scheduler`: work beside the loop is one step, a drawn moment later; slow disks make that longer."""

    def __init__(self, world: World, process: Process, failed: Callable[[str, BaseException], None]) -> None:
        """Calls `failed` with a task's name and the exception that left it."""
        self._world = world
        self._process = process
        self._failed = failed
        self._draws = world.stream("threads")

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        """See `Scheduler`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        return task

    def lane(self, name: str) -> Lane:
        """See `Scheduler`."""
        return _SimLane(self._world, self._process, self._draws.below)

    def blocking(self, work: Callable[[], T]) -> Awaitable[T]:
        """See `Scheduler`."""
        return _SimLane(self._world, self._process, self._draws.below).run(work)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is not None and not isinstance(fault, Killed):
            self._failed(task.get_name(), fault)


class _SimLane:
    """Calls one after another, each a drawn moment after the one before it."""

    def __init__(self, world: World, process: Process, below: Callable[[int], int]) -> None:
        self._world, self._process, self._below = world, process, below
        self._calls: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self._busy = False

    def run(self, work: Callable[[], T]) -> Awaitable[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.append((work, future))
        if not self._busy:
            self._busy = True
            self._begin(loop)
        return future

    def close(self) -> None:
        pass

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(0.0001 * self._below(20), self._turn)

    def _turn(self) -> None:
        work, future = self._calls.popleft()
        self._process.slowness = 0.0
        result: Any = None
        fault: BaseException | None = None
        try:
            result = work()
        except Killed:
            raise
        except BaseException as raised:  # noqa: BLE001  # whatever it is, it belongs to whoever waits
            fault = raised
        if self._process.dead:
            # It went through SQLite, which makes an error of its own out of the end.
            raise Killed
        loop = future.get_loop()
        assert isinstance(loop, SimLoop)
        loop.call_later(self._process.slowness + 0.0001 * self._below(20), self._deliver, future, result, fault)

    def _deliver(self, future: "asyncio.Future[Any]", result: Any, fault: BaseException | None) -> None:
        if not future.done():
            if fault is None:
                future.set_result(result)
            else:
                future.set_exception(fault)
        if self._calls:
            self._begin(future.get_loop())
        else:
            self._busy = False
