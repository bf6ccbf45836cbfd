"""Starts servers on a core of their own and stops everything it started, whatever happens in between."""

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks import machine
from benchmarks.errors import Faulty

T = TypeVar("T")

STOP_WITHIN = 15.0
"""Seconds that a server has to end after its signal."""


@contextmanager
def running(
    command: Sequence[str],
    *,
    core: int,
    output: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user: str | None = None,
    ending: signal.Signals = signal.SIGTERM,
) -> Generator[subprocess.Popen[bytes]]:
    """Run a command pinned to a core, for the length of a block.

    Its output goes to files, `<output>.out` and `<output>.err`, written anew: a full pipe would hold a server up.

    Args:
        command: What to run.
        core: The core that it and its children are pinned to.
        output: Where its output goes, without the suffix.
        environment: What to add to this process's environment.
        folder: Where it runs.
        user: Under whose name it runs, if not ours.
        ending: The signal that asks it to end in good order.

    Raises:
        Faulty: It, or a child of it, did not end in time and was killed.
    """
    with output.with_suffix(".out").open("wb") as out, output.with_suffix(".err").open("wb") as err:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            user=user,
            extra_groups=None if user is None else [],
            group=user,
            start_new_session=True,
        )
    try:
        yield process
    except BaseException:
        _stop(process, ending)
        raise
    if late := _stop(process, ending):
        reason = (
            f"{len(late)} process(es) of '{command[0]}' had not ended {STOP_WITHIN:.0f} s after the signal; killed."
        )
        raise Faulty(reason)


def until(probe: Callable[[], T | None], process: subprocess.Popen[bytes], *, output: Path, seconds: float) -> T:
    """Ask a starting server every few milliseconds until there is an answer.

    Raises:
        Faulty: The process ended, or the time is over; the text holds the end of what it wrote.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = probe()
        if answer is not None:
            return answer
        if process.poll() is not None:
            reason = f"The server ended with {process.returncode} before it served.{_last_words(output)}"
            raise Faulty(reason)
        time.sleep(0.002)
    reason = f"The server did not serve within {seconds:.0f} s.{_last_words(output)}"
    raise Faulty(reason)


def kill(root: int) -> None:
    """Kill a process as a crash would end it, and wait until its descendants have ended by themselves.

    Raises:
        Faulty: They had not ended in time, and were killed too.
    """
    kin = {pid: birth for pid in machine.family(root) if (birth := machine.born(pid)) is not None}
    os.kill(root, signal.SIGKILL)
    end = time.monotonic() + STOP_WITHIN
    while late := _alive(kin):
        if time.monotonic() > end:
            for pid in late:
                os.kill(pid, signal.SIGKILL)
            reason = f"{len(late)} process(es) outlived the server that was killed by {STOP_WITHIN:.0f} s."
            raise Faulty(reason)
        time.sleep(0.005)


def free_port() -> int:
    """Give a port on the loopback address that nobody listens on.

    It lies below those that the kernel gives to clients, so that it is still free when its server starts again.
    """
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split()[0])
    while True:
        port = random.randrange(10_000, max(first_of_clients, 20_000))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def _stop(process: subprocess.Popen[bytes], ending: signal.Signals) -> list[int]:
    """End a process and its descendants, and give those that had to be killed."""
    kin = {pid: birth for pid in machine.family(process.pid) if (birth := machine.born(pid)) is not None}
    end = time.monotonic() + STOP_WITHIN
    try:
        process.send_signal(ending)
        while _alive(kin) and time.monotonic() < end:
            time.sleep(0.005)
    finally:
        # Reached by a second Ctrl-C too: nothing that was started stays behind.
        late = _alive(kin)
        for pid in late:
            os.kill(pid, signal.SIGKILL)
        process.wait()
    return late


def _alive(kin: Mapping[int, str]) -> list[int]:
    return [pid for pid, birth in kin.items() if machine.born(pid) == birth]


def _last_words(output: Path) -> str:
    text = "".join(
        output.with_suffix(suffix).read_text(encoding="utf-8", errors="replace") for suffix in (".out", ".err")
    )
    return f" It wrote, at the end:\n{text[-2000:]}" if text else ""
