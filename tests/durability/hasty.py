"""The server with a planted fault: it answers before what it answers is synced. `test_strace` must find it out.

Run as `python -m tests.durability.hasty` in place of the CLI.
"""

import contextlib
import sys
from threading import Timer

from osteon.adapters.commitlog import log
from osteon.cli import main
from osteon.ports.disk import File

__all__: list[str] = []

LATER = 0.02


def sync_later(file: File) -> None:
    """Lets the caller go on, and syncs in a moment."""
    timer = Timer(LATER, sync_unless_closed, [file])
    timer.daemon = True
    timer.start()


def sync_unless_closed(file: File) -> None:
    """Syncs a file that may have been closed by now."""
    with contextlib.suppress(OSError):
        file.sync()


if __name__ == "__main__":
    assert "sync" in log.__dict__
    log.__dict__["sync"] = sync_later
    sys.exit(main())
