"""The commit log: one for all tenants of a process, in segment files of zeros, each batch a frame with a checksum.

`CommitLog` appends; `Tail` reads behind it, from any process, and `LogCopy` keeps a copy of what it reads. Records are opaque
here: sealing and chaining them is done above.
"""

from osteon.adapters.commitlog.copying import LogCopy
from osteon.adapters.commitlog.errors import (
    AppendFailed,
    Damaged,
    LogBroken,
    LogClosed,
    LogError,
    Retired,
    TooLarge,
    UpkeepFailed,
)
from osteon.adapters.commitlog.frames import ORIGIN, Place
from osteon.adapters.commitlog.known import KnownPlace, known_place
from osteon.adapters.commitlog.log import SEGMENT_SIZE, CommitLog
from osteon.adapters.commitlog.recovery import Recovery, Torn
from osteon.adapters.commitlog.tail import Tail, oldest_place

__all__ = [
    "ORIGIN",
    "SEGMENT_SIZE",
    "AppendFailed",
    "CommitLog",
    "Damaged",
    "KnownPlace",
    "LogBroken",
    "LogClosed",
    "LogCopy",
    "LogError",
    "Place",
    "Recovery",
    "Retired",
    "Tail",
    "TooLarge",
    "Torn",
    "UpkeepFailed",
    "known_place",
    "oldest_place",
]
