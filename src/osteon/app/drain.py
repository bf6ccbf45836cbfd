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
import os
import signal
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

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

_CHUNK = 200
_LOG_EVERY = 20_000


def main() -> int:
    """Runs a drain until its input ends; the exit status."""
    # The terminal sends its signals to the whole group; the drain ends by its pipe, behind the server.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    configure_logs()
    try:
        _run(_lines())
    except BrokenPipeError:
        raise
    except Exception as fault:  # noqa: BLE001  # whatever it is, the server is to know
        if isinstance(fault, FoldFailed) or not isinstance(fault, OsteonError):
            structlog.get_logger("osteon.drain").error("the drain failed", exc_info=fault)
        _say({"failed": str(fault) if isinstance(fault, OsteonError) else f"{type(fault).__name__}: {fault}"})
        return 1
    return 0


def _run(lines: Iterator[dict[str, Any]]) -> None:
    first = next(lines)
    product = load_product(first["product"])
    disk = SystemDisk(first["data"])
    keyring = KeyfileKeyring(disk, SystemEntropy(), base64.b64decode(first["installation"]))
    views = tables(product)
    filing = SqliteFiling(Connections(disk, first["data"], keyring, Settings(writable=True)), views)
    projection = Projection(product, filing, keyring)
    declared = DeclaredViews(disk, views)
    try:
        _renew(declared, filing, projection)
        _follow(lines, disk, filing, projection)
    except ViewChanged:
        # A file that was brought back from elsewhere, say: the next drain looks into each.
        declared.forget()
        raise
    filing.close()


def _renew(declared: DeclaredViews, filing: Filing, projection: Projection) -> None:
    if declared.are_remembered():
        return
    declared.forget()
    projection.renew(_tell)
    # A reader may hold it up; then the next start looks again, and finds nothing to do.
    if filing.settle():
        declared.remember()


def _tell(renewed: Renewed) -> None:
    done = renewed.done
    if done or renewed.entries % _LOG_EVERY == 0:
        said = "views are made again" if done else "views are being made again"
        structlog.get_logger("osteon.drain").info(said, **renewed._asdict())
    # It fails when the server is gone, and what is not done is given up.
    _say({"renewed": renewed.number if done else renewed.number - 1})


def _follow(lines: Iterator[dict[str, Any]], disk: Disk, filing: Filing, projection: Projection) -> None:
    tail = LogTail(disk, "log")
    known = KnownPlace(disk, "log")
    for line in lines:
        if "settle" in line:
            _say({"settled": tail.segment if filing.settle() else 0})
        else:
            _drain(tail, projection, line["durable"])
            known.move(tail.place)
    known.close()


def _drain(tail: LogTail, projection: Projection, durable: tuple[int, int, int]) -> None:
    tail.durable(durable)
    batches = tail.read()
    last = 0
    while chunk := list(islice(batches, _CHUNK)):
        last = projection.apply(chunk)
        _say({"drained": last, "done": False})
    _say({"drained": max(last, durable[2]), "done": True})


def _lines() -> Iterator[dict[str, Any]]:
    for line in sys.stdin.buffer:
        yield msgspec.json.decode(line)


def _say(what: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # A server that died takes no more answers, and the next one starts a drain of its own; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
