"""Runs wrk against a server and reads what it saw."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.errors import Faulty, Unfit
from benchmarks.wire import KEY, NOTE, Ask

SCRIPT = Path(__file__).with_name("load.lua")


class Known(msgspec.Struct, frozen=True):
    """A note that exists, and which of the callers may reach it."""

    caller: int
    note: str


@dataclass(frozen=True)
class Load:
    """What to send: the asks of the callers in turn, or those of the known notes."""

    asks: Sequence[Ask]
    notes: Sequence[Known] = ()
    writes: bool = False


@dataclass(frozen=True)
class Run:
    """What a run of the load generator saw.

    Attributes:
        succeeded: Answers of 2xx (for reads: below 400, which wrk counts itself).
        seconds: How long it took.
        p50: Half of the answers came within this many seconds.
        p99: All but a hundredth came within this many seconds.
        bodies: Of writes, the body of each 2xx.
        troubles: Everything that went wrong, with its count.
    """

    succeeded: int
    seconds: float
    p50: float
    p99: float
    bodies: tuple[bytes, ...]
    troubles: dict[str, int]

    @property
    def rate(self) -> float:
        """Successes a second."""
        return self.succeeded / self.seconds


class _Result(msgspec.Struct):
    requests: int
    micros: int
    statuses: dict[str, int]
    refused: int
    connect: int
    read: int
    write: int
    late: int
    p50: int
    p99: int


def run(port: int, load: Load, *, connections: int, seconds: int) -> Run:
    """Send a load for some seconds.

    Args:
        port: Where the server listens.
        load: What to send.
        connections: How many requests are under way at a time.
        seconds: For how long.

    Raises:
        Unfit: wrk is missing.
        Faulty: wrk itself failed.
    """
    with tempfile.TemporaryDirectory(prefix="osteon-load-", dir=_memory()) as name:
        plan, kept = Path(name, "plan.lua"), Path(name, "kept")
        plan.write_text(_plan(load, kept if load.writes else None), encoding="latin-1")
        arguments = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
        finished = subprocess.run(
            [program(), *arguments, f"http://127.0.0.1:{port}", "--", str(plan)],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 30,
        )
        return _read(finished, kept if load.writes else None)


def program() -> str:
    """Find wrk.

    Raises:
        Unfit: It is missing.
    """
    found = shutil.which("wrk")
    if found is None:
        reason = "The load generator 'wrk' is missing; install the package 'wrk' (apt-get install wrk)."
        raise Unfit(reason)
    return found


def _read(finished: subprocess.CompletedProcess[str], kept: Path | None) -> Run:
    lines = [line for line in finished.stdout.splitlines() if line.startswith("RESULT ")]
    if finished.returncode != 0 or not lines:
        reason = f"wrk ended with {finished.returncode}: {finished.stdout[-500:]}{finished.stderr[-500:]}"
        raise Faulty(reason)
    result = msgspec.json.decode(lines[0].removeprefix("RESULT "), type=_Result)
    bodies = tuple(kept.read_bytes().splitlines()) if kept else ()
    return Run(
        succeeded=len(bodies) if kept else result.requests - result.refused,
        seconds=result.micros / 1e6,
        p50=result.p50 / 1e6,
        p99=result.p99 / 1e6,
        bodies=bodies,
        troubles=_troubles(result),
    )


def _troubles(result: _Result) -> dict[str, int]:
    """Name what went wrong: by status where answers were read, else as wrk counted them."""
    seen = {f"status {status}": count for status, count in result.statuses.items() if not status.startswith("2")}
    if not seen and result.refused:
        seen["status of 400 or more"] = result.refused
    seen |= {"connect": result.connect, "read": result.read, "write": result.write, "time-out": result.late}
    return {name: count for name, count in seen.items() if count}


def _plan(load: Load, kept: Path | None) -> str:
    asks = ",\n".join("{" + ", ".join(_quoted(part) for part in _parts(ask.raw())) + "}" for ask in load.asks)
    notes = ",\n".join(f"{{{known.caller + 1}, {_quoted(known.note)}}}" for known in load.notes)
    keep = f"keep = {_quoted(str(kept))},\n" if kept else ""
    return f"return {{\n{keep}asks = {{\n{asks}\n}},\nnotes = {{\n{notes}\n}}\n}}\n"


def _parts(raw: str) -> list[str]:
    """Cut a request at its blanks."""
    parts = [""]
    for character in raw:
        if character in (KEY, NOTE):
            parts += [character, ""]
        else:
            parts[-1] += character
    return [part for part in parts if part]


def _quoted(text: str) -> str:
    """Write a string of Lua, byte by byte where it is not plain."""
    plain = (chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in text.encode())
    return '"' + "".join(plain) + '"'


def _memory() -> str | None:
    """Give a folder in memory, so that what the load generator keeps adds nothing to the disk under test."""
    folder = Path("/dev/shm")  # noqa: S108 (it must be memory, not a disk)
    return str(folder) if folder.is_dir() else None
