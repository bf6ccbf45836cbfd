"""What is said to a person at a terminal: tables, colours, progress. Whatever is no terminal gets plain text."""

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Self, TextIO

__all__ = ["Line", "Progress", "Stages", "coloured", "size", "table", "time"]

COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "faint": "2"}


class Line:
    """A line on standard error that is written over and over, and goes in the end; none where that is no terminal."""

    def __init__(self) -> None:
        """Nothing stands there yet."""
        self._shown = False

    def __call__(self, text: str) -> None:
        """This stands there now."""
        if sys.stderr.isatty():
            self._shown = True
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._shown = False
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Progress:
    """A line that counts."""

    def __init__(self, what: str) -> None:
        """Counts `what`, such as `records`."""
        self._what = what
        self._line = Line()

    def __call__(self, count: int) -> None:
        """So many were seen."""
        self._line(f"{count:,} {self._what}")

    def end(self) -> None:
        """Takes the line away."""
        self._line.__exit__()


class Stages:
    """Progress of work that has several stages: the last one stands in the line, which goes when the work is done."""

    def __init__(self) -> None:
        """Nothing is done yet."""
        self._progress: dict[str, Progress] = {}

    def __call__(self, what: str, count: int) -> None:
        """So many of these are done."""
        self._progress.setdefault(what, Progress(what))(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for progress in self._progress.values():
            progress.end()


def coloured(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour, where the stream (standard output unless given) is a terminal that wants it."""
    terminal = (stream or sys.stdout).isatty() and "NO_COLOR" not in os.environ
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if terminal else text


def table(headings: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Columns as wide as they need to be; numbers to the right."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    numeric = [all(isinstance(row[at], int) for row in rows) and bool(rows) for at in range(len(headings))]
    widths = [max(len(row[at]) for row in [headings, *texts]) for at in range(len(headings))]
    heading = coloured(_line(headings, widths, numeric), "faint")
    return "\n".join([heading, *(_line(row, widths, numeric) for row in texts)])


def time(at: datetime | None) -> str:
    """A time as a person reads it; UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else "never"


def size(count: int) -> str:
    """So many bytes as a person reads it."""
    number = float(count)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if number else cell.ljust(width)
        for cell, width, number in zip(cells, widths, numeric, strict=True)
    ]
    return "  ".join(padded).rstrip()
