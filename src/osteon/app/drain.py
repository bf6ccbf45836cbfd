"""The drain as a process of its own: reads the commit log behind the server and files what it finds.

It is told what to do in lines of JSON on its standard input, the keys among them (never by argument or environment), answers in
lines on its standard output, and ends when its input does.

    in   {"product", "data", "installation"}        once
    in   {"durable": [segment, offset, batch]}      drain up to there
    out  {"drained": batch, "segment": n, "done"}   filed up to there; segments before n are not needed any more once settled
    in   {"settle": true}                           bring what is filed to stable storage
    out  {"settled": n}                             segments before n may go; 0 when it did not work out this time
"""

import base64
import contextlib
import signal
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from osteon.adapters.commitlog import KnownPlace
from osteon.adapters.commitlog.journal import LogTail
from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.sqlite import Connections, Settings, SqliteFiling
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.logs import configure_logs
from osteon.app.products import load_product
from osteon.engine import Projection, tables

__all__ = ["main"]

_CHUNK = 200


def main() -> int:
    """Runs a drain until its input ends."""
    # The terminal sends its signals to the whole group; the drain ends by its pipe, behind the server.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    configure_logs()
    lines = _lines()
    first = next(lines)
    product = load_product(first["product"])
    disk = SystemDisk(first["data"])
    keyring = KeyfileKeyring(disk, SystemEntropy(), base64.b64decode(first["installation"]))
    filing = SqliteFiling(Connections(disk, first["data"], keyring, Settings(writable=True)), tables(product))
    projection = Projection(product, filing, keyring)
    tail = LogTail(disk, "log")
    known = KnownPlace(disk, "log")
    for line in lines:
        if "settle" in line:
            _say({"settled": tail.segment if filing.settle() else 0})
        else:
            _drain(tail, projection, line["durable"])
            known.move(tail.place)
    known.close()
    filing.close()
    return 0


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
    # A server that died takes no more answers; the next one starts a drain of its own.
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
