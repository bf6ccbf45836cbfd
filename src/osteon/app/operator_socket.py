"""The management socket: where an operator at the machine asks a running server, and nobody else can.

It is the file `operator.sock` in the data folder. The file's mode, and whom the kernel names as the other end, let in whoever runs
the server, and root.
"""

import asyncio
import contextlib
import os
import pwd
import socket
import stat
import struct
import sys
from collections.abc import AsyncGenerator, Generator
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from osteon.app.operator import Operator, refusal
from osteon.model import OsteonError, Problem, record_json
from osteon.ports.scheduler import Scheduler

__all__ = ["NAME", "OperatorSocket", "Unreachable", "is_let_in", "reachable"]

NAME = "operator.sock"
MAX_REQUEST = 64 << 10
MAX_CONNECTIONS = 16
_LONGEST_PATH = 103
_PATIENCE = 5.0


class Unreachable(OsteonError):
    """Raised when the path of the socket is longer than the system takes, and there is no way around."""


class OperatorSocket:
    """Serves operators from its opening until it is closed."""

    def __init__(self, folder: Path, operator: Operator, scheduler: Scheduler, *, patience: float = _PATIENCE) -> None:
        """Opens nothing yet.

        Args:
            folder: The data folder; its lock must be held, so that a socket that is there already belongs to nobody.
            operator: Answers.
            scheduler: Runs what may wait, such as asking for a person's name.
            patience: The seconds within which somebody must ask, and take an answer.
        """
        self._folder = folder
        self._operator = operator
        self._scheduler = scheduler
        self._patience = patience
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[Any]] = set()
        self._log = structlog.get_logger("osteon.operator")

    async def open(self) -> None:
        """Begins to serve.

        Raises:
            Unreachable: The path is too long.
            OSError: The folder takes no socket.
        """
        listener = _bound(self._folder)
        self._server = await asyncio.start_unix_server(self._connected, sock=listener, limit=MAX_REQUEST)

    async def close(self) -> None:
        """Ends it, and whatever is still being answered; what was recorded stands."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._folder / NAME)
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            async with contextlib.aclosing(self._answers(reader, writer)) as answers:
                async for answer in answers:
                    writer.write(record_json(answer) + b"\n")
                    async with asyncio.timeout(self._patience):
                        await writer.drain()
        except (OSError, TimeoutError, asyncio.CancelledError):
            # Whoever asked has gone or takes no answer, or the server ends: what was recorded stands.
            pass
        except Exception:  # noqa: BLE001 - nothing that is asked here may harm the server
            self._log.exception("an operator was not answered")
        finally:
            self._serving.discard(task)
            writer.close()

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> AsyncGenerator[dict[str, Any]]:
        user = _peer(writer.get_extra_info("socket"))
        if not is_let_in(user, os.geteuid()):
            self._log.warning("somebody else asked at the operator's socket", user=user)
            return
        try:
            async with asyncio.timeout(self._patience):
                line = await reader.readline()
        except TimeoutError:
            yield refusal(Problem(key="too-slow", params={"seconds": self._patience}))
            return
        except ValueError:
            yield refusal(Problem(key="too-large", params={"limit": MAX_REQUEST}))
            return
        if len(self._serving) > MAX_CONNECTIONS:
            yield refusal(Problem(key="busy", retryable=True))
            return
        person = await self._scheduler.blocking(lambda: _name(user))
        async with contextlib.aclosing(self._operator.answer(line, person)) as answers:
            async for answer in answers:
                yield answer


@contextlib.contextmanager
def reachable(folder: Path) -> Generator[str]:
    """A path of the socket that is short enough for the system, which takes about a hundred bytes.

    Raises:
        Unreachable: There is none.
        OSError: The folder cannot be opened.
    """
    path = str(folder / NAME)
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    if sys.platform != "linux":
        raise Unreachable(
            f"The path '{path}' is longer than the {_LONGEST_PATH} bytes that this system takes for a socket. Serve the data "
            "folder from a shorter path, or by a relative one."
        )
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{number}/{NAME}"
    finally:
        os.close(number)


def is_let_in(user: int, own: int) -> bool:
    """Whether a user may ask a server that `own` runs."""
    return user in (own, 0)


def _bound(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(folder) as path:
            _remove_stale(path)
            if sys.platform == "linux":
                # The mode is the file's from the first moment on; a mask would be that of all threads.
                os.fchmod(listener.fileno(), 0o600)
            listener.bind(path)
            os.chmod(path, 0o600)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Takes away what a killed server has left."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)


def _peer(connection: socket.socket) -> int:
    """The user at the other end, as the kernel tells it."""
    if sys.platform == "linux":
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, user, _ = struct.unpack("3i", told)
    else:  # pragma: no cover
        # LOCAL_PEERCRED of macOS: a version, the user, the user's groups.
        _, user = struct.unpack_from("2I", connection.getsockopt(0, 1, 76))
    found: int = user
    return found


@cache
def _name(user: int) -> str:
    """The name under which the machine knows a user."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
