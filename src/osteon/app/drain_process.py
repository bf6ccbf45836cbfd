"""The server's hold on the drain process: starts it, tells it what is durable, hears how far it is, starts it again when it dies."""

import asyncio
import base64
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from osteon.adapters.commitlog import UpkeepFailed
from osteon.ports.clock import Clock
from osteon.ports.scheduler import Scheduler

__all__ = ["DrainProcess"]

_LEISURE = 0.5
_SETTLE_EVERY = 20.0


class DrainProcess:
    """The port `Drain` over a child process.

    The two take turns: the server names a durable place, the drain answers when it is there. At leisure that happens twice a second,
    at once when somebody waits.
    """

    def __init__(
        self,
        product: str,
        data: str,
        installation: bytes,
        clock: Clock,
        scheduler: Scheduler,
        durable: Callable[[], tuple[int, int, int]],
        retire: Callable[[int], Awaitable[None]],
    ) -> None:
        """Starts nothing yet.

        Args:
            product: The product's name, as `package.module:attribute`.
            data: The data folder.
            installation: The installation key, handed on through the pipe.
            clock: Tells the time.
            scheduler: Runs what goes on beside.
            durable: Tells the durable place of the log.
            retire: Gives up log segments.
        """
        self._first = {"product": product, "data": data, "installation": base64.b64encode(installation).decode()}
        self._clock = clock
        self._scheduler = scheduler
        self._durable = durable
        self._retire = retire
        self._hurry = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("osteon.drain")
        self.drained = 0
        self.restarts = 0

    def start(self) -> None:
        """Starts the drain and keeps it running."""
        self._task = self._scheduler.spawn(self._run(), "drain")

    def advance(self, batch: int) -> None:
        """See `Drain.advance`; the turn comes by itself."""

    async def reached(self, batch: int, within: float) -> bool:
        """See `Drain.reached`."""
        if self.drained >= batch:
            return True
        moved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiter = (batch, moved)
        self._waiters.append(waiter)
        timer = asyncio.get_running_loop().call_later(within, _settle, moved, False)
        self._hurry.set()
        reached = await moved
        timer.cancel()
        if not reached:
            self._waiters.remove(waiter)
        return reached

    async def close(self) -> None:
        """Lets the drain finish its turn and ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await process.wait()

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except (OSError, EOFError) as fault:
                self.restarts += 1
                self._log.error("the drain ended and is started again", reason=repr(fault))
                await self._clock.sleep(min(5.0, 0.1 * 2 ** min(self.restarts, 6)))

    async def _serve(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "osteon.app.drain",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._process = process
        await self._tell(process, self._first)
        settled = self._clock.monotonic()
        told = -1
        while True:
            place = self._durable()
            if place[2] != told:
                told = place[2]
                await self._turn(process, place)
            if self._clock.monotonic() - settled > _SETTLE_EVERY:
                settled = self._clock.monotonic()
                await self._settle(process)
            await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEISURE):
                await self._hurry.wait()
        self._hurry.clear()

    async def _turn(self, process: asyncio.subprocess.Process, place: tuple[int, int, int]) -> None:
        await self._tell(process, {"durable": place})
        done = False
        while not done:
            heard = await self._hear(process)
            done = heard["done"]
            self.drained = max(self.drained, heard["drained"])
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiters = self._waiters, []
        for batch, moved in waiting:
            if batch > self.drained:
                self._waiters.append((batch, moved))
            else:
                _settle(moved, True)

    async def _settle(self, process: asyncio.subprocess.Process) -> None:
        await self._tell(process, {"settle": True})
        segment = (await self._hear(process))["settled"]
        if segment:
            try:
                await self._retire(segment)
            except UpkeepFailed as failure:
                # They stay where they are until the next time.
                self._log.warning("segments could not be given up", reason=str(failure))

    async def _tell(self, process: asyncio.subprocess.Process, what: dict[str, Any]) -> None:
        assert process.stdin is not None
        if process.stdin.is_closing():
            raise EOFError("the drain has closed its input")
        process.stdin.write(msgspec.json.encode(what) + b"\n")
        await process.stdin.drain()

    async def _hear(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"the drain ended with {await process.wait()}")
        heard: dict[str, Any] = msgspec.json.decode(line)
        return heard


def _settle(moved: "asyncio.Future[bool]", reached: bool) -> None:
    if not moved.done():
        moved.set_result(reached)
