"""The drain as a process of its own: reads the commit log behind the server and files what it finds.

It is told what to do in lines of JSON on its standard input, the keys among them (never by argument or environment), answers in
lines on its standard output, and ends when its input does.

    in   {"product", "data", "installation"}        once
    out  {"renewed": n}                             views that changed are made again, for n tenants so far; said at each step,
                                                    and only before anything is drained
    in   {"durable": [segment, offset, batch]}      drain up to there
    out  {"drained": batch, "segment": n, "done"}   filed up to there; segments before n are not needed any more once settled
    in   {"settle": true}                           bring what is filed to stable storage
    out  {"settled": n}                             segments before n may go; 0 when it did not work out this time
    out  {"failed": reason}                         it ends
"""

import base64
import contextlib
import gc
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec
import structlog

from osteon.adapters.commitlog import KnownPlace
from osteon.adapters.commitlog.journal import LogTail
from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.sqlite import Connections, Settings, SqliteFiling
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.logs import configure_logs
from osteon.app.products import load_product
from osteon.engine import DeclaredViews, FoldFailed, Projection, Renewed, tables
from osteon.model import OsteonError
from osteon.ports.disk import Disk
from osteon.ports.filing import Filing, ViewChanged

__all__ = ["main"]

_CHUNK = 2000
_LOG_EVERY = 20_000


def main() -> int:
    """Runs a drain until its input ends; the exit status."""
    # The terminal sends its signals to the whole group; the drain ends by its pipe, behind the server.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    configure_logs()
    with open(0, "rb", closefd=False) as told, open(1, "wb", 0, closefd=False) as said:
        server = _Server(told, said)
        try:
            _run(server)
        except BrokenPipeError:
            # A server that died takes no more answers, and the next one starts a drain of its own.
            return 0
        except Exception as fault:  # noqa: BLE001  # whatever it is, the server is to know
            return _failed(server, fault)
    return 0


class _Server:
    """Whoever tells the drain what to do, and hears of it."""

    def __init__(self, told: BinaryIO, said: BinaryIO) -> None:
        self.lines: Iterator[dict[str, Any]] = map(msgspec.json.decode, told)
        self._said = said

    def hear(self, what: dict[str, Any]) -> None:
        self._said.write(msgspec.json.encode(what) + b"\n")


def _failed(server: _Server, fault: Exception) -> int:
    if isinstance(fault, FoldFailed) or not isinstance(fault, OsteonError):
        structlog.get_logger("osteon.drain").error("the drain failed", exc_info=fault)
    with contextlib.suppress(BrokenPipeError):
        server.hear({"failed": str(fault) if isinstance(fault, OsteonError) else f"{type(fault).__name__}: {fault}"})
    return 1


def _run(server: _Server) -> None:
    first = next(server.lines, None)
    if first is None:
        # The server ended before there was anything to do.
        return
    product = load_product(first["product"])
    disk = SystemDisk(first["data"])
    keyring = KeyfileKeyring(disk, SystemEntropy(), base64.b64decode(first["installation"]))
    views = tables(product)
    filing = SqliteFiling(Connections(disk, first["data"], keyring, Settings(writable=True)), views)
    projection = Projection(product, filing, keyring)
    declared = DeclaredViews(disk, views)
    try:
        _renew(server, declared, filing, projection)
        _spare_the_collector()
        _follow(server, disk, filing, projection)
    except ViewChanged:
        # A file that was brought back from elsewhere, say: the next drain looks into each.
        declared.forget()
        raise
    filing.close()


def _spare_the_collector() -> None:
    """Tells the garbage collector to leave alone what stays, and to look less often at batches, which hold no cycles."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _renew(server: _Server, declared: DeclaredViews, filing: Filing, projection: Projection) -> None:
    if declared.are_remembered():
        return
    declared.forget()
    projection.renew(lambda renewed: _tell(server, renewed))
    # A reader may hold it up; then the next start looks again, and finds nothing to do.
    if filing.settle():
        declared.remember()


def _tell(server: _Server, renewed: Renewed) -> None:
    done = renewed.done
    if done or renewed.entries % _LOG_EVERY == 0:
        said = "views are made again" if done else "views are being made again"
        structlog.get_logger("osteon.drain").info(said, **renewed._asdict())
    # It fails when the server is gone, and what is not done is given up.
    server.hear({"renewed": renewed.number if done else renewed.number - 1})


def _follow(server: _Server, disk: Disk, filing: Filing, projection: Projection) -> None:
    tail = LogTail(disk, "log")
    known = KnownPlace(disk, "log")
    for line in server.lines:
        if "settle" in line:
            server.hear({"settled": tail.segment if filing.settle() else 0})
        else:
            _drain(server, tail, projection, line["durable"])
            known.move(tail.place)
    known.close()


def _drain(server: _Server, tail: LogTail, projection: Projection, durable: tuple[int, int, int]) -> None:
    tail.durable(durable)
    last = 0
    for chunk in _chunks(tail.read()):
        last = projection.apply(chunk)
        server.hear({"drained": last, "done": False})
    server.hear({"drained": max(last, durable[2]), "done": True})


def _chunks(batches: Iterable[tuple[int, Sequence[bytes]]]) -> Iterator[list[tuple[int, Sequence[bytes]]]]:
    """Batches together, as many as make a transaction of good size."""
    chunk: list[tuple[int, Sequence[bytes]]] = []
    held = 0
    for batch in batches:
        chunk.append(batch)
        held += len(batch[1])
        if held >= _CHUNK:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


if __name__ == "__main__":
    sys.exit(main())
