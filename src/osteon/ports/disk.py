"""The disk: files and their names, with the promises of a page cache and no more.

Everything that is kept goes through this port, so that a simulation can put its own disk below the real log. Calls
block. Paths are relative to the disk, with `/` between the names. Two promises are apart, as on a real machine: what
was written can be read at once by everyone, and what was synced is still there after a power cut. A name is synced
with its folder, not with its file.
"""

import contextlib
from typing import Protocol

from osteon.model.problems import OsteonError

__all__ = ["Disk", "File", "Lock", "Locked", "put_file"]


class Locked(OsteonError):
    """Raised when a lock is held by somebody else; whoever it is may end, so trying again later can help."""

    retryable = True

    def __init__(self, path: str, holder: str) -> None:
        """Tells which lock it is, and who holds it."""
        self.path, self.holder = path, holder
        super().__init__(f"'{path}' is locked by {holder}. End it first, or use another folder.")


class File(Protocol):
    """An open file, which stays the same when its name is given to another. Any thread may read, one may write."""

    def read(self, offset: int, length: int) -> bytes:
        """The bytes at `offset`: fewer than `length` at the end of the file only."""
        ...

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Writes all of `data`.

        Raises:
            OSError: Any part of it, or nothing, may have been written.
        """
        ...

    def sync(self) -> None:
        """Returns once the content and the size are on the platter.

        Raises:
            OSError: What was written since the last sync may be lost although it can be read, and syncing again would
                succeed without mending it: whoever depends on the writes must end.
        """
        ...

    def size(self) -> int:
        """The length in bytes."""
        ...

    def resize(self, size: int) -> None:
        """Cuts the file, or makes it longer with zeros that are really written: later writes inside need no new room.

        Raises:
            OSError: The file may have any size between the old and the new one.
        """
        ...

    def close(self) -> None:
        """Ends the use of the file; syncs nothing. Closing twice is fine."""
        ...


class Lock(Protocol):
    """A lock that is held until it is released or its process ends, in whatever way."""

    def release(self) -> None:
        """Lets others have it. Releasing twice is fine."""
        ...


class Disk(Protocol):
    """Files, folders and locks. What is created is for its owner's eyes only (0600, 0700).

    Raises:
        OSError: With the `errno` that POSIX gives, such as `FileNotFoundError`, or ENOSPC where the disk is full.
    """

    def create(self, path: str) -> File:
        """A new empty file, to read and write; `FileExistsError` where the name is taken."""
        ...

    def open(self, path: str, *, writable: bool = False) -> File:
        """The file of that name, to read and, if asked, to write."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names in the folder, sorted."""
        ...

    def make_folder(self, path: str) -> None:
        """Makes the folder, and those above it, where they are missing; their names are synced."""
        ...

    def rename(self, path: str, other: str) -> None:
        """Gives a file another name, in one step, in the place of whatever file had that name."""
        ...

    def remove(self, path: str) -> None:
        """Removes the name; whoever has the file open keeps it."""
        ...

    def sync_folder(self, folder: str) -> None:
        """Returns once the names in the folder are on the platter; for errors see `File.sync`."""
        ...

    def lock(self, path: str) -> Lock:
        """An exclusive lock on the file of that name, which is made where it is missing. Does not wait.

        Raises:
            Locked: Somebody, in this process or another, holds it.
        """
        ...


def put_file(disk: Disk, path: str, body: bytes) -> None:
    """Writes a whole file in the place of whatever had its name: durably, and in one step."""
    unfinished = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        disk.remove(unfinished)
    with contextlib.closing(disk.create(unfinished)) as file:
        file.write(0, body)
        file.sync()
    disk.rename(unfinished, path)
    disk.sync_folder(path.rpartition("/")[0])
