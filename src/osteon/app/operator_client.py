"""Asking a running server at its management socket: the other end of `operator_socket`."""

import contextlib
import json
import socket
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from osteon.app.operator_socket import reachable
from osteon.model import OsteonError, record_json

__all__ = ["NotRunning", "NotTold", "RefusedByServer", "ask", "result"]

_PATIENCE = 60.0


class NotRunning(OsteonError):
    """Raised when no server runs that could be asked."""

    def __init__(self, data: Path) -> None:
        """Names the data folder."""
        super().__init__(
            f"No server runs on '{data}', or none that can be asked. Start one with 'osteon up', or name its folder with '--data'."
        )


class NotTold(OsteonError):
    """Raised when a server ended, or fell silent, before it had answered."""


class RefusedByServer(OsteonError):
    """Raised when the server refused what was asked; `key` is that of the problem."""

    def __init__(self, key: str, says: str) -> None:
        """Says why."""
        self.key = key
        super().__init__(says)


def ask(data: Path, request: Mapping[str, Any], patience: float = _PATIENCE) -> Generator[dict[str, Any]]:
    """The lines of the answer: progress, then the result.

    Args:
        data: The data folder of the server.
        request: What is asked; see `operator`.
        patience: The seconds that the server may be silent.

    Raises:
        NotRunning: There is no server.
        NotTold: It ended before it had answered.
        RefusedByServer: It refused.
    """
    with contextlib.closing(_connected(data, patience)) as connection:
        try:
            connection.sendall(record_json(request) + b"\n")
            for line in _lines(connection):
                answer = json.loads(line)
                if "refused" in answer:
                    raise RefusedByServer(answer["refused"]["key"], answer["says"])
                yield answer
                if "result" in answer:
                    return
        except OSError as fault:
            raise _not_told(str(fault)) from fault
    raise _not_told("it ended")


def result(data: Path, request: Mapping[str, Any]) -> Any:
    """The result of what takes no time; errors as for `ask`."""
    return next(answer["result"] for answer in ask(data, request) if "result" in answer)


def _connected(data: Path, patience: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(patience)
    try:
        with reachable(data) as path:
            connection.connect(path)
    except PermissionError as fault:
        connection.close()
        raise OsteonError(
            f"The server on '{data}' may be asked by the account that runs it, and by root, alone: {fault}."
        ) from fault
    except OSError as fault:
        connection.close()
        raise NotRunning(data) from fault
    except BaseException:
        connection.close()
        raise
    return connection


def _lines(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb") as said:
        for line in said:
            # A line without an end was cut off with the server.
            if line.endswith(b"\n"):
                yield line


def _not_told(reason: str) -> NotTold:
    return NotTold(
        f"The server did not answer to the end: {reason}. Whether it was recorded, 'osteon journal show' tells; what was only "
        "being done can be asked again."
    )
