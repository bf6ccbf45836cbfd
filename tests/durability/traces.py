"""Reading what strace wrote: begin and end of each system call, in the order in which the kernel let them happen.

A call that another thread came between stands on two lines, `… <unfinished ...>` and `<... … resumed> …`. What a process does because
of an earlier event of another thread always stands behind that event, so an order of lines that is wrong was wrong in truth.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["CALLS", "Call", "read_trace"]

CALLS = ("pwrite64", "fdatasync", "fsync", "write", "writev", "sendto", "sendmsg")
"""The calls that the tests want traced."""

LINE = re.compile(r"(?P<thread>\d+) +(?P<rest>.*)")
BEGUN = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)", re.DOTALL)
RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)", re.DOTALL)
UNFINISHED = re.compile(r" *<unfinished \.\.\.>$")
RESULT = re.compile(r"\) += (?P<result>-?\d+).*$")
FILE = re.compile(r"\d+<(?P<file>[^>]*)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


class Call(NamedTuple):
    """A system call: between which lines of the trace it happened, on what file, with which bytes."""

    begun: int
    ended: int
    """After every line where it never ended."""
    name: str
    file: str
    """A path, or `socket:[…]`."""
    data: bytes
    result: int
    """-1 where it failed or never ended."""


def read_trace(path: Path) -> list[Call]:
    """The calls of a trace that was written with `-f -y -xx`, in the order in which they began."""
    with path.open(errors="replace") as lines:
        return sorted(calls(lines))


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """Puts together what stands on two lines."""
    open_calls: dict[str, tuple[int, str]] = {}
    number = 0
    for number, line in enumerate(lines):
        match = LINE.match(line.rstrip("\n"))
        if match is None:
            continue
        thread, rest = match["thread"], match["rest"]
        resumed = RESUMED.match(rest)
        if resumed is not None and thread in open_calls:
            begun, text = open_calls.pop(thread)
            yield from call(begun, number, text + resumed["rest"])
        elif UNFINISHED.search(rest):
            open_calls[thread] = (number, UNFINISHED.sub("", rest))
        else:
            yield from call(number, number, rest)
    for begun, text in open_calls.values():
        yield from call(begun, number + 1, text)


def call(begun: int, ended: int, text: str) -> Iterator[Call]:
    """The call that a text describes; none for signals, exits and other calls."""
    match = BEGUN.match(text)
    if match is None or match["name"] not in CALLS:
        return
    result = RESULT.search(match["arguments"])
    file = FILE.match(match["arguments"])
    data = b"".join(bytes.fromhex(piece.replace(r"\x", "")) for piece in TEXT.findall(match["arguments"]))
    outcome = -1 if result is None else int(result["result"])
    yield Call(begun, ended, match["name"], "" if file is None else plain(file["file"]), data, outcome)


def plain(file: str) -> str:
    """A path as it is called: strace writes it in hexadecimal too."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), file)
