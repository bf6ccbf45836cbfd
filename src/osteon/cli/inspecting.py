"""What the commands that read an installation's files share: their options, and how they open it and end."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from osteon.app.inspection import Inspection
from osteon.cli.terminal import coloured

__all__ = ["add_options", "complain", "inspecting", "writing"]

Work = Callable[[Inspection, argparse.Namespace], Awaitable[int]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--data` and `--json`."""
    parser.add_argument("--data", type=Path, default=Path(".osteon"), help="the data folder (default: .osteon)")
    parser.add_argument("--json", action="store_true", help="JSON, for programs")


def complain(text: str) -> None:
    """Says on standard error what is not as it should be."""
    print(f"{coloured('osteon:', 'red', sys.stderr)} {text}", file=sys.stderr)


def inspecting(work: Work) -> Callable[[argparse.Namespace], int]:
    """A command that opens the installation, does the work and returns the exit status."""

    def run(options: argparse.Namespace) -> int:
        try:
            return asyncio.run(_inspect(options, work))
        except BrokenPipeError:
            # Whoever read has had enough, as 'head' does; the interpreter must not complain when it flushes.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    return run


def writing(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """A command that writes files: it says what the disk has against that, such as that it is full."""

    def told(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except OSError as fault:
            complain(f"{fault}. What was begun is not finished; run it again once that is mended.")
            return 1

    return told


async def _inspect(options: argparse.Namespace, work: Work) -> int:
    inspection = await Inspection.open(options.data)
    try:
        status = await work(inspection, options)
        sys.stdout.flush()
    finally:
        inspection.close()
    if inspection.faults and not status:
        for fault in inspection.faults:
            complain(str(fault))
        return 1
    return status
