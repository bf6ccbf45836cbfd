"""The server's hold on the drain process: starts it, tells it what is durable, hears how far it is, starts it again when it dies."""

import asyncio
import base64
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

import msgspec
import structlog

from osteon.adapters.commitlog import UpkeepFailed
from osteon.app.drain_child import Child, run_drain
from osteon.model import OsteonError, TenantId
from osteon.ports.clock import Clock
from osteon.ports.scheduler import Scheduler
from osteon.ports.views import Standing

__all__ = ["DrainProcess", "NotDrained"]

T = TypeVar("T")

_LEISURE = 0.5
_SETTLE_EVERY = 20.0
_LONGEST_PAUSE = 5.0
_ATTEMPTS = 3
_SILENCE = 600.0
_PATIENCE = 5.0
_WANTED = 1_000


class NotDrained(OsteonError):
    """Raised when the drain did not get through the log at start; the server must not serve stale views."""

    def __init__(self, reason: str) -> None:
        """Tells why it did not."""
        super().__init__(f"History and views cannot be brought up to date. {reason}")


class _Ended(Exception):
    """Raised when the drain ended."""


class DrainProcess:
    """The port `Drain` over a child process.

    The two take turns: the server names a durable place, the drain answers when it is there. At leisure that happens twice a second,
    at once when somebody waits. While a view is behind, it takes a step in between.
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
        forked: Child | None = None,
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
            forked: The first drain; without one, and after it has ended, they are run anew.
        """
        self._first = {"product": product, "data": data, "installation": base64.b64encode(installation).decode()}
        self._clock = clock
        self._scheduler = scheduler
        self._durable = durable
        self._retire = retire
        self._forked = forked
        self._hurry = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[bool]]] = []
        self._process: _Process | None = None
        self._starting = False
        self._failures = 0
        self._reason = ""
        self._standings: dict[tuple[TenantId, str], Standing] = {}
        self._mentioned: set[tuple[TenantId, str]] = set()
        self._more = False
        self._asked: list[tuple[dict[str, Any], asyncio.Future[int]]] = []
        self._wanted: dict[tuple[TenantId, str, str], None] = {}
        self._heard = 0.0
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("osteon.drain")
        self.drained = 0
        self.restarts = 0

    def start(self) -> None:
        """Starts the drain and keeps it running."""
        self._task = self._scheduler.spawn(self._run(), "drain")

    def advance(self, batch: int) -> None:
        """See `Drain.advance`; the turn comes by itself."""

    def keep_state(self, tenant: TenantId, entity_type: str, entity: str) -> None:
        """See `Drain.keep_state`."""
        if len(self._wanted) < _WANTED:
            self._wanted[tenant, entity_type, entity] = None

    async def reached(self, batch: int, within: float) -> bool:
        """See `Drain.reached`."""
        if self.drained >= batch:
            return True
        moved = self._arrival(batch)
        timer = asyncio.get_running_loop().call_later(within, _settle, moved, False)
        reached = await moved
        timer.cancel()
        if not reached:
            self._waiters.remove((batch, moved))
        return reached

    def standing(self, tenant: TenantId, view: str) -> Standing | None:
        """See `Drain.standing`."""
        return self._standings.get((tenant, view)) if self._standings else None

    @property
    def process(self) -> int | None:
        """The drain's process; None while there is none."""
        return self._process.number if self._process is not None else None

    @property
    def standings(self) -> Collection[Standing]:
        """Where all views stand that do not simply follow."""
        return list(self._standings.values())

    async def start_view(self, view: str, tenant: TenantId | None = None) -> int:
        """Has a stopped view go on where it stopped, in one tenant or in all; in how many that is."""
        return await self._ask({"start": view, "tenant": tenant})

    async def rebuild_view(self, view: str, tenant: TenantId | None = None) -> int:
        """Makes the rows of a view again beside those that are there, in one tenant or in all; in how many.

        None are those of a view by which something is decided: its rows are in memory, too.
        """
        return await self._ask({"rebuild": view, "tenant": tenant})

    async def come_through(self, batch: int) -> None:
        """Waits until `batch` is drained, however long that takes as long as it goes on.

        Raises:
            NotDrained: The drain failed several times without getting any further, or has been silent for long.
        """
        assert self._task is not None
        self._starting = True
        self._heard = self._clock.monotonic()
        arriving = self._arrival(batch)
        either: tuple[asyncio.Future[Any], ...] = (arriving, self._task)
        try:
            while not arriving.done() and not self._task.done():
                await asyncio.wait(either, timeout=_SILENCE, return_when=asyncio.FIRST_COMPLETED)
                if self._clock.monotonic() - self._heard >= _SILENCE:
                    raise NotDrained("The drain says nothing any more.")
            if not arriving.done():
                raise NotDrained(self._reason)
        finally:
            arriving.cancel()
            self._starting = False

    async def close(self, *, at_once: bool = False) -> None:
        """Lets the drain finish its turn and ends it; at once, it is killed, which harms nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._process is not None:
            if at_once:
                self._process.kill()
            await self._process.end()

    async def _ask(self, what: dict[str, Any]) -> int:
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked.append((what, answered))
        self._hurry.set()
        return await answered

    def _arrival(self, batch: int) -> "asyncio.Future[bool]":
        """What is true once `batch` is drained; hurries the drain."""
        moved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.drained >= batch:
            moved.set_result(True)
        else:
            self._waiters.append((batch, moved))
            self._hurry.set()
        return moved

    async def _run(self) -> None:
        while True:
            try:
                await self._serve()
            except (OSError, _Ended) as fault:
                self.restarts += 1
                self._failures += 1
                self._reason = str(fault)
            if self._starting and self._failures >= _ATTEMPTS:
                return
            self._log.error("the drain ended and is started again", reason=self._reason)
            await self._clock.sleep(min(_LONGEST_PAUSE, 0.1 * 2 ** min(self._failures, 6)))

    async def _serve(self) -> None:
        child, self._forked = self._forked or run_drain(), None
        try:
            process = self._process = await _Process.held(child)
        except asyncio.CancelledError:
            child.abandon()
            raise
        self._mentioned.clear()
        process.tell(self._first)
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
            while self._asked:
                process.tell(self._asked[0][0])
                taken = (await self._hear(process))["taken"]
                self._more |= taken > 0
                _settle(self._asked.pop(0)[1], taken)
            if self._wanted:
                wanted, self._wanted = list(self._wanted), {}
                process.tell({"states": wanted})
                self._more |= (await self._hear(process))["taken"] > 0
            if self._more:
                process.tell({"step": True})
                self._more = (await self._hear(process))["stepped"]
            else:
                await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEISURE):
                await self._hurry.wait()
        self._hurry.clear()

    async def _turn(self, process: "_Process", place: tuple[int, int, int]) -> None:
        process.tell({"durable": place})
        done = False
        while not done:
            heard = await self._hear(process)
            done = heard["done"]
            if done or heard["drained"] > self.drained:
                self._failures = 0
            self.drained = max(self.drained, heard["drained"])
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiters = self._waiters, []
        for batch, moved in waiting:
            if batch > self.drained:
                self._waiters.append((batch, moved))
            else:
                _settle(moved, True)

    async def _settle(self, process: "_Process") -> None:
        process.tell({"settle": True})
        segment = (await self._hear(process))["settled"]
        if segment:
            try:
                await self._retire(segment)
            except UpkeepFailed as failure:
                # They stay where they are until the next time.
                self._log.warning("segments could not be given up", reason=str(failure))

    async def _hear(self, process: "_Process") -> dict[str, Any]:
        """The answer to what it was told; what it says unasked comes before."""
        while True:
            match await self._hear_line(process):
                case {"standing": standing}:
                    self._stand(msgspec.convert(standing, Standing))
                case {"revised": _}:
                    for place in self._standings.keys() - self._mentioned:
                        del self._standings[place]
                    # What stopped is tried again, too: its code may be mended.
                    self._more = bool(self._standings)
                case heard:
                    return heard

    def _stand(self, standing: Standing) -> None:
        place = (standing.tenant, standing.view)
        before = self._standings.get(place)
        if before is None or standing.reached > before.reached:
            self._failures = 0
        self._mentioned.add(place)
        if standing.state == "following":
            self._standings.pop(place, None)
        else:
            self._standings[place] = standing
            self._more |= standing.state != "stopped"

    async def _hear_line(self, process: "_Process") -> dict[str, Any]:
        line = await process.line()
        if not line.endswith(b"\n"):
            raise _Ended(f"The drain ended with {await process.end()}.")
        heard: dict[str, Any] = msgspec.json.decode(line)
        if "failed" in heard:
            await process.end()
            raise _Ended(heard["failed"])
        self._heard = self._clock.monotonic()
        return heard


class _Process:
    """A drain that runs, with its two pipes on the loop."""

    def __init__(
        self, child: Child, told: asyncio.WriteTransport, hearing: asyncio.ReadTransport, said: asyncio.StreamReader
    ) -> None:
        self._child = child
        self._told = told
        self._hearing = hearing
        self._said = said
        self._ended: asyncio.Future[int] | None = None

    @classmethod
    async def held(cls, child: Child) -> "_Process":
        """Takes hold of a drain that was begun."""
        loop = asyncio.get_running_loop()
        said = asyncio.StreamReader()
        hearing, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(said), child.said)
        try:
            told, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, child.told)
        except asyncio.CancelledError:
            hearing.close()
            raise
        return cls(child, told, hearing, said)

    @property
    def number(self) -> int:
        """Its number in the operating system."""
        return self._child.process

    def tell(self, what: dict[str, Any]) -> None:
        """Tells it something; where that does not reach it any more, its last words are still to be heard."""
        if not self._told.is_closing():
            self._told.write(msgspec.json.encode(what) + b"\n")

    async def line(self) -> bytes:
        """What it says next; empty when it has ended."""
        return await self._said.readline()

    def kill(self) -> None:
        """Ends it at once."""
        if self._ended is None:
            os.kill(self._child.process, signal.SIGKILL)

    async def end(self) -> int:
        """Lets it finish its turn and end; its exit status."""
        self._told.close()
        if self._ended is None:
            self._ended = asyncio.ensure_future(asyncio.to_thread(self._child.wait))
        try:
            async with asyncio.timeout(_PATIENCE):
                status = await asyncio.shield(self._ended)
        except TimeoutError:
            # A fold that does not end must not keep the server from ending; what is not kept is done again.
            os.kill(self._child.process, signal.SIGKILL)
            status = await asyncio.shield(self._ended)
        self._hearing.close()
        return status


def _settle(moved: "asyncio.Future[T]", result: T) -> None:
    if not moved.done():
        moved.set_result(result)
