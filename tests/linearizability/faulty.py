"""The server with a fault that a history must show; run in place of the CLI, as `python -m tests.linearizability.faulty FAULT up …`."""

import sys
from itertools import count
from typing import Any

from osteon.cli import main
from osteon.engine import reader
from osteon.engine.inbox import FairInbox
from osteon.model import replace
from osteon.ports.inbox import Delivery

__all__ = ["program"]


def program(fault: str) -> tuple[str, ...]:
    """What Python runs to serve with one of the faults below."""
    return ("-m", "tests.linearizability.faulty", fault, "up")


def forget() -> None:
    """No command is known again: each arrival has a key of its own."""
    put, numbers = FairInbox.put, count()

    def forgetful(self: FairInbox, delivery: Delivery) -> None:
        put(self, replace(delivery, key=f"{delivery.key}-{next(numbers)}"))

    FairInbox.put = forgetful  # type: ignore[method-assign]


def hurry() -> None:
    """A query waits for no position."""

    async def at_once(*_: Any) -> None:
        pass

    reader.Reader._wait = at_once  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    {"forget": forget, "hurry": hurry}[sys.argv.pop(1)]()
    sys.exit(main())
