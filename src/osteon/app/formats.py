"""The format of a data folder: one number for all that is in it, in the file `format`.

It goes up with every change after which an older program would misread the folder, or a newer one the older folder:
of frames, records, keys, tenants' files. The first format had no such file. `osteon upgrade` takes an older folder over.
"""

import contextlib
from pathlib import Path

from osteon.adapters.system.disk import SystemDisk
from osteon.model import OsteonError
from osteon.ports.disk import Disk

__all__ = [
    "FORMAT",
    "RESTORING",
    "Interrupted",
    "OtherFormat",
    "begin_format",
    "expect_format",
    "format_of",
    "keep_format",
]

FORMAT = 1
"""What this program writes and reads."""
RESTORING = "restoring"
"""The folder of a restore of one tenant; while `ready` is in it, the restore is to be finished before anything else."""

_NAME, _LOG, _FIRST = "format", "log", 1


class OtherFormat(OsteonError):
    """Raised when a data folder was written in an older format, or in one that this program does not know."""

    def __init__(self, data: Path, actual: int) -> None:
        """Tells what to do about it."""
        self.expected, self.actual = FORMAT, actual
        what = f"'{data}' has format {actual}, and this program reads format {FORMAT}."
        if actual < FORMAT:
            super().__init__(f"{what} Make a backup with the program that wrote it, then run 'osteon upgrade'.")
        else:
            super().__init__(f"{what} A newer program wrote it: use that one, or restore a backup made before.")


class Interrupted(OsteonError):
    """Raised when a restore into a data folder was broken off after it began to change it."""

    def __init__(self, data: Path) -> None:
        """Tells what to do about it."""
        super().__init__(
            f"A restore of a tenant into '{data}' was broken off. Finish it: 'osteon restore --finish --data {data}'."
        )


def format_of(data: Path) -> int | None:
    """The format of a data folder; None where there is nothing yet."""
    try:
        text = (data / _NAME).read_text().strip()
    except FileNotFoundError:
        return _FIRST if (data / _LOG).exists() else None
    if not text.isdecimal():
        raise OsteonError(
            f"'{data / _NAME}' holds '{text[:20]}', not the number of a format. Restore it from a backup."
        )
    return int(text)


def expect_format(data: Path) -> None:
    """Makes sure that the folder, if there is anything in it, can be read.

    Raises:
        OtherFormat: It has another format.
        Interrupted: A restore is to be finished first.
    """
    found = format_of(data)
    if found not in (None, FORMAT):
        raise OtherFormat(data, found)
    if (data / RESTORING / "ready").exists():
        raise Interrupted(data)


def keep_format(disk: Disk, number: int = FORMAT) -> None:
    """Writes the number down, durably."""
    unfinished = f"{_NAME}.new"
    with contextlib.suppress(FileNotFoundError):
        disk.remove(unfinished)
    with contextlib.closing(disk.create(unfinished)) as file:
        file.write(0, f"{number}\n".encode())
        file.sync()
    disk.rename(unfinished, _NAME)
    disk.sync_folder("")


def begin_format(data: Path) -> None:
    """What a server does first: checks the folder's format, and gives a new folder this program's.

    Raises:
        OtherFormat: It has another format.
        Interrupted: A restore is to be finished first.
    """
    expect_format(data)
    if format_of(data) is None:
        keep_format(SystemDisk(data))
