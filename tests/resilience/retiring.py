"""The server with small segments that it soon gives up: run as `python -m tests.resilience.retiring` in place of the CLI."""

import sys
from typing import Any

from osteon.adapters.commitlog import CommitLog
from osteon.app import drain_process
from osteon.cli import main
from tests.resilience.small_log import SEGMENT_SIZE

__all__: list[str] = []

if __name__ == "__main__":
    recover: Any = CommitLog.recover
    recover.__func__.__kwdefaults__["segment_size"] = SEGMENT_SIZE
    setattr(drain_process, "_SETTLE_EVERY", 0.3)  # noqa: B010 - it is private to that file
    sys.exit(main())
