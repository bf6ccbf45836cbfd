"""The server with small segments, so that a test can fill them: run as `python -m tests.resilience.small_log` in place of the CLI."""

import sys
from typing import Any

from osteon.adapters.commitlog import CommitLog
from osteon.cli import main

__all__ = ["SEGMENT_SIZE"]

SEGMENT_SIZE = 256 << 10

if __name__ == "__main__":
    recover: Any = CommitLog.recover
    recover.__func__.__kwdefaults__["segment_size"] = SEGMENT_SIZE
    sys.exit(main())
