"""Guards: nothing in a schedule may read the machine's time, draw its randomness, start a thread or open a file.

What does so is found by the interpreter's profiler, which sees every call of a function written in C, wherever its name was
imported to, with the line that makes it.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["FORBIDDEN", "watched"]

FORBIDDEN = {
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "monotonic"),
    ("time", "monotonic_ns"),
    ("time", "perf_counter"),
    ("time", "perf_counter_ns"),
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("posix", "urandom"),
    ("posix", "open"),
    ("posix", "fork"),
    ("posix", "pipe"),
    ("io", "open"),
    ("_io", "open"),
    ("_thread", "start_new_thread"),
    ("_socket", "socket"),
    ("random", "seed"),
}
"""Functions in C, by module or class and name."""


@contextmanager
def watched(found: dict[str, int]) -> Generator[None]:
    """Counts calls of what is forbidden, by the place that makes them, until the end of the block."""

    def see(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and (_owner(argument), argument.__name__) in FORBIDDEN:
            # Whoever tests properties elsewhere in this process times the garbage collector.
            if "hypothesis" in frame.f_code.co_filename:
                return
            place = f"{frame.f_code.co_filename}:{frame.f_lineno} calls {_owner(argument)}.{argument.__name__}"
            found[place] = found.get(place, 0) + 1

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(before)


def _owner(function: Any) -> str:
    """The module of a function, or the class of a method."""
    owner = getattr(function, "__self__", None)
    if owner is None or isinstance(owner, type(sys)):
        return str(getattr(function, "__module__", "") or getattr(owner, "__name__", ""))
    return owner.__name__ if isinstance(owner, type) else type(owner).__name__
