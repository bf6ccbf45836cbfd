"""Beginning a drain: forked at the start of the server, or run as a program of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import IO, NamedTuple

from osteon.app import drain

__all__ = ["Child", "fork_drain", "run_drain"]


class Child(NamedTuple):
    """A drain that runs and has been told nothing yet.

    Attributes:
        process: Its process.
        told: What is written here, it is told.
        said: What it says is read from here.
        wait: Waits until it has ended and gives its exit status; to be called once.
    """

    process: int
    told: IO[bytes]
    said: IO[bytes]
    wait: Callable[[], int]

    def abandon(self) -> None:
        """Ends it before anybody has taken hold of it: it has been told nothing, so nothing is lost."""
        os.kill(self.process, signal.SIGKILL)
        self.told.close()
        self.said.close()
        self.wait()


def fork_drain() -> Child | None:
    """Forks a drain that has everything imported already, which halves what a start costs.

    To be called before there are threads, a loop, or files that it must not share. None on macOS, whose frameworks do not
    survive a fork.
    """
    if sys.platform == "darwin":
        return None
    its_input, told = os.pipe()
    said, its_output = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(told)
        os.close(said)
        os._exit(_drained(its_input, its_output))
    os.close(its_input)
    os.close(its_output)
    return Child(process, open(told, "wb", 0), open(said, "rb", 0), lambda: _status(process))


def run_drain() -> Child:
    """Runs a drain in an interpreter of its own: what a process with threads can do at any time."""
    command = [sys.executable, "-m", "osteon.app.drain"]
    process = subprocess.Popen(  # noqa: S603  # our own interpreter, and nothing from outside
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None
    assert process.stdout is not None
    return Child(process.pid, process.stdin, process.stdout, process.wait)


def _drained(its_input: int, its_output: int) -> int:
    """What a forked drain does, whatever happens: above it stands the server's own code."""
    try:
        os.dup2(its_input, 0)
        os.dup2(its_output, 1)
        os.close(its_input)
        os.close(its_output)
        return drain.main()
    except BaseException:  # noqa: BLE001  # its exit status says so
        return 1


def _status(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
