"""The drain as a simulated process: its own loop, told and heard through simulated pipes by the real `DrainProcess`."""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from osteon.adapters.sqlite import Connections, SqliteFiling, SqliteSnapshots
from osteon.app import drain, drain_process
from osteon.app.drain import DrainWork
from osteon.domain import Product
from osteon.engine import projection, snapshots
from osteon.engine import tables as tables_of
from osteon.ports.disk import Disk
from osteon.ports.filing import Table
from osteon.ports.keyring import Keyring
from tests.simulation.loop import SimLoop
from tests.simulation.patching import Patch, patched
from tests.simulation.world import Process, Stream, World

__all__ = ["DrainParts", "SimDrain", "simulated_drains"]

T = TypeVar("T")

_Kind: Any = vars(snapshots)["_Kind"]
_SETTLE_EVERY = 0.7
_PART = 3


class DrainParts(msgspec.Struct):
    """What a drain is made of."""

    product: Product
    tables: Sequence[Table]
    disk: Disk
    keyring: Callable[[], Keyring]
    connections: Connections


class SimDrain:
    """A drain that runs, as its server holds it: the part of `DrainProcess` that knows the machine."""

    def __init__(
        self, world: World, loop: SimLoop, parts: DrainParts, server: Process, failed: Callable[[Exception], None]
    ) -> None:
        """Starts it; `failed` hears why it ended."""
        self._world = world
        self._loop = loop
        self.process = loop.process
        self._parts = parts
        self._server = server
        self._server_loop = asyncio.get_running_loop()
        self._failed = failed
        self._draws = world.stream("drain")
        self._told = _Pipe[dict[str, Any] | None](loop, self._draws)
        self._said = _Pipe[bytes](self._server_loop, self._draws)
        self.process.at_end.append(self._end_of_output)
        server.at_end.append(self.hang_up)
        loop.call_soon(lambda: loop.create_task(self._run(), name="drain"))

    # The server's side.

    def tell(self, what: dict[str, Any]) -> None:
        """Tells it something."""
        self._told.put(msgspec.json.decode(msgspec.json.encode(what)))

    async def line(self) -> bytes:
        """What it says next; empty when it has ended."""
        return await self._said.get()

    def kill(self) -> None:
        """Ends it at once."""
        self._world.kill(self.process)

    async def end(self) -> int:
        """Lets it end."""
        self.hang_up()
        return 1

    def hang_up(self) -> None:
        """Its pipe is closed: it ends behind its turn."""
        self._told.put(None)

    # The drain's side.

    def _say(self, what: dict[str, Any]) -> None:
        self._said.put(msgspec.json.encode(what) + b"\n")

    def _end_of_output(self) -> None:
        if not self._world.over:
            self._said.put(b"")

    async def _run(self) -> None:
        try:
            await self._work()
        except Exception as fault:  # noqa: BLE001  # whatever it is, the server is to know
            if self.process.dead:
                return
            self._world.say(self.process.name, "fails: {}: {}", type(fault).__name__, fault)
            self._say({"failed": f"{type(fault).__name__}: {fault}"})
            self._failed(fault)
        self._world.kill(self.process)

    async def _work(self) -> None:
        parts = self._parts
        if await self._told.get() is None:
            return
        filing = SqliteFiling(parts.connections, parts.tables)
        monotonic = lambda: self._world.time  # noqa: E731  # the world's time, whichever it is then
        snapshots = SqliteSnapshots(parts.connections)
        work = DrainWork(parts.product, parts.disk, filing, snapshots, parts.keyring(), self._say, monotonic)
        work.begin()
        while (line := await self._told.get()) is not None:
            work.hear(line)
            if "states" in line:
                self._world.hit("snapshot asked for")
            if "durable" in line:
                self._world.say(self.process.name, "has drained up to {}", line["durable"])
        work.close()


class _Pipe(Generic[T]):
    """What one process writes and another one reads, in its order, a moment later."""

    def __init__(self, loop: asyncio.AbstractEventLoop, draws: Stream) -> None:
        """Is read on `loop`."""
        self._loop = loop
        self._draws = draws
        self._under_way: deque[T] = deque()
        self._there: deque[T] = deque()
        self._waiting: asyncio.Future[None] | None = None

    def put(self, what: T) -> None:
        self._under_way.append(what)
        self._loop.call_later(0.0001 * (1 + self._draws.below(10)), self._arrive)

    async def get(self) -> T:
        while not self._there:
            self._waiting = self._loop.create_future()
            await self._waiting
        return self._there.popleft()

    def _arrive(self) -> None:
        self._there.append(self._under_way.popleft())
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class _Held:
    """Takes the place of what holds a child process: a simulated drain is held by itself."""

    @classmethod
    async def held(cls, child: SimDrain) -> SimDrain:
        """The drain."""
        return child


@contextmanager
def simulated_drains(begin: Callable[[], SimDrain], chunk: int) -> Generator[None]:
    """Lets the real `DrainProcess` begin its drains by `begin`, settle more often, and file so many records together.

    A view that is behind is brought further by few entries at a time.
    """
    simulated = [
        Patch(drain_process, "run_drain", begin),
        Patch(drain_process, "_Process", _Held),
        Patch(drain_process, "_SETTLE_EVERY", _SETTLE_EVERY),
        Patch(drain, "_CHUNK", chunk),
        Patch(projection, "PART", _PART),
        # What is the same for each start of a product takes half of the time.
        Patch(snapshots, "_Kind", _kind),
        Patch(drain, "tables", _tables),
    ]
    with patched(simulated):
        yield


_kind, _tables = cache(_Kind), cache(tables_of)
