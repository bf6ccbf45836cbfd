"""The server process: starts an installation, serves it over HTTP, and ends in order when it is told to."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import structlog
import uvloop

from osteon.app.drain_child import Child, fork_drain
from osteon.app.embedded import HEADS_EVERY, Embedded
from osteon.app.front import Front
from osteon.app.inspection import known_product
from osteon.app.letters import LetterWork
from osteon.app.maintenance import Maintenance
from osteon.app.management import Management
from osteon.app.operator import Operator, Work
from osteon.app.operator_socket import OperatorSocket
from osteon.app.products import load_product
from osteon.app.status import StatusReport
from osteon.app.world import PersonSeed, RoleSeed, TenantSeed, World, begin_world, is_new, populate
from osteon.messages import Command
from osteon.model import OsteonError

__all__ = ["Options", "Serving", "serve"]

_GRACE = 5


class Options(NamedTuple):
    """How an installation is served; port 0 is any free one."""

    product: str
    data: Path
    port: int = 8000
    management_port: int = 0
    domain: str = "localhost"
    heads_every: float = HEADS_EVERY


class Serving(NamedTuple):
    """An installation that serves: where, and whom."""

    address: str
    management: str
    embedded: Embedded
    world: World | None


def serve(options: Options, ready: Callable[[Serving], None]) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit status.

    Args:
        options: What and where.
        ready: Called once requests are answered.
    """
    # What both processes need is in memory once: loaded before the fork, and left alone by the collector of either.
    load_product(options.product)
    gc.freeze()
    return uvloop.run(_Server(options, ready, fork_drain()).run())


class _Server:
    def __init__(self, options: Options, ready: Callable[[Serving], None], drain: Child | None) -> None:
        self._options = options
        self._ready = ready
        self._drain = drain
        self._stop = asyncio.Event()
        self._status = 0
        self._log = structlog.get_logger("osteon.server")

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told, number)
        listener = _listen(self._options.port)
        port = listener.getsockname()[1]
        management = Management(self._options.management_port)
        starting = asyncio.create_task(self._start(port))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return self._status
        serving = await starting
        management.ready(serving.embedded)
        operators = await self._open_to_operators(serving.embedded, management)
        await self._serve(serving._replace(management=management.address), listener)
        management.ending()
        stopping.cancel()
        await operators.close()
        await serving.embedded.close()
        management.close()
        return self._status

    async def _start(self, port: int) -> Serving:
        options = self._options
        embedded = await Embedded.start(
            options.product, options.data, options.domain, self._failed, self._drain, options.heads_every
        )
        world = cast("World | None", embedded.engine.product.world)
        try:
            if is_new(embedded.engine):
                # A product without a world begins with an administrator whose password is drawn, and told this once.
                world = world or World((_house(),))
                await begin_world(embedded.engine, world.house)
            # Until it has served once, an earlier start may have been interrupted while it made the world.
            if world and known_product(options.data) is None:
                await populate(embedded.engine, embedded.gateway, world)
        except BaseException:
            await embedded.close()
            raise
        return Serving(f"http://{options.domain}:{port}", "", embedded, world)

    async def _open_to_operators(self, embedded: Embedded, management: Management) -> OperatorSocket:
        """Opens the socket for operators. Where that does not work, clients are served all the same."""
        status = StatusReport(embedded, management, self._options.data)
        works: dict[type[Command[Any]], Work] = {
            **dict.fromkeys(Maintenance.commands, embedded.maintenance),
            **dict.fromkeys(LetterWork.commands, LetterWork(embedded.engine)),
        }
        operator = Operator(embedded.engine, status, works)
        operators = OperatorSocket(self._options.data, operator, embedded.scheduler)
        try:
            await operators.open()
        except (OSError, OsteonError) as fault:
            self._log.error("operators cannot ask anything", reason=str(fault))
        return operators

    async def _serve(self, serving: Serving, listener: socket.socket) -> None:
        front = Front(serving.embedded.gateway)
        await front.serve(listener)
        _spare_the_collector()
        self._ready(serving)
        await self._stop.wait()
        await front.close(_GRACE)

    def _told(self, number: int) -> None:
        self._stop.set()

    def _failed(self, name: str, fault: BaseException) -> None:
        """What must not fail has failed: what is in memory cannot be trusted any more, so the process ends."""
        self._log.critical("the server ends", task=name, reason=repr(fault), exc_info=fault)
        os._exit(70)


def _spare_the_collector() -> None:
    """Tells the garbage collector to leave alone what stays, and to look less often at what comes and goes.

    With its own thresholds, full collections of what is in memory take a fifth of the time under load and make the slowest
    replies several times slower.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _house() -> TenantSeed:
    administrator = PersonSeed(
        "admin@house.example", "Administrator", os.urandom(12).hex(), (RoleSeed("administrator"),)
    )
    return TenantSeed("house", "internal", (administrator,))
