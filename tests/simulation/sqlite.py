"""SQLite on the simulated disk: a VFS of SQLite (https://www.sqlite.org/vfs.html) written in Python.

There is no shared memory, so a file belongs to one connection at a time. Pages are not encrypted here: the cipher draws
randomness of its own, and nothing could be repeated.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import apsw

from tests.simulation.disk import Inode, Platter, folder_of
from tests.simulation.world import Killed, World

__all__ = ["SimVfs", "repeatable_sqlite"]

T = TypeVar("T")

EXCLUSIVE, RESERVED, SHARED = apsw.SQLITE_LOCK_EXCLUSIVE, apsw.SQLITE_LOCK_RESERVED, apsw.SQLITE_LOCK_SHARED

JOURNALS = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class SimVfs(apsw.VFS):
    """Files of a platter, as SQLite opens them."""

    def __init__(self, name: str, world: World, platter: Platter) -> None:
        """Registers itself under `name`, until `unregister`."""
        super().__init__(name, base="")
        self._world = world
        self._platter = platter
        self._locks: dict[int, dict[int, int]] = {}
        self._opened = 0
        self.files: list[SimVfsFile] = []

    def change_disk(self, platter: Platter) -> None:
        """Files are opened on another platter from now on."""
        self._platter = platter

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802  # SQLite's name
        """See SQLite."""
        path = str(name.filename()) if isinstance(name, apsw.URIFilename) else str(name)
        creates = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        # As SQLite's own VFS for Unix does: it syncs the folder of a journal with the first sync, whoever made the file.
        fresh = creates and bool(flags[0] & JOURNALS)
        inode = _translated(lambda: self._found(path, creates), apsw.CantOpenError)
        flags[1] = flags[0]
        self._opened += 1
        file = SimVfsFile(self._platter, path, inode, fresh, self._locks.setdefault(inode.number, {}), self._opened)
        self.files.append(file)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """See SQLite."""
        _translated(lambda: self._platter.remove(filename), apsw.IOError)
        if syncdir:
            _translated(lambda: self._platter.sync_folder(folder_of(filename)), apsw.IOError)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        """See SQLite."""
        return pathname in self._platter.names

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        """See SQLite."""
        return name

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        """See SQLite."""
        return bytes(numbytes)

    def xSleep(self, microseconds: int) -> int:  # noqa: N802
        """See SQLite."""
        return microseconds

    def xCurrentTime(self) -> float:  # noqa: N802
        """See SQLite."""
        return 2_460_000.5 + self._world.time / 86_400

    def xCurrentTimeInt64(self) -> int:  # noqa: N802
        """See SQLite."""
        return int(self.xCurrentTime() * 86_400_000)

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802
        """See SQLite."""
        return 0, ""

    def _found(self, path: str, creates: bool) -> Inode:
        try:
            return self._platter.find(path)
        except FileNotFoundError:
            if not creates:
                raise
            return self._platter.create(path)


class SimVfsFile:
    """A file that SQLite has open. Abandoned, it neither reads nor writes nor locks any more: its process is gone."""

    def __init__(
        self, platter: Platter, path: str, inode: Inode, fresh: bool, locks: dict[int, int], number: int
    ) -> None:
        """A file; `locks` are those of all who have it open, by their number."""
        self._platter, self._path, self._inode, self._fresh = platter, path, inode, fresh
        self._locks, self._number = locks, number
        self._abandoned = False

    def abandon(self) -> None:
        """Its process is gone."""
        self._abandoned = True
        self._locks.pop(self._number, None)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        """See SQLite."""
        self._io(lambda: self._platter.allow("read", self._path))
        return bytes(self._inode.cache[offset : offset + amount])

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        """See SQLite."""
        self._io(lambda: self._platter.write(self._inode, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        """See SQLite."""
        self._io(lambda: self._platter.resize(self._inode, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        """See SQLite."""
        self._io(lambda: self._platter.sync(self._inode))
        if self._fresh:
            self._io(lambda: self._platter.sync_folder(folder_of(self._path)))
            self._fresh = False

    def xFileSize(self) -> int:  # noqa: N802
        """See SQLite."""
        return len(self._inode.cache)

    def xLock(self, level: int) -> None:  # noqa: N802
        """See SQLite."""
        self._io(lambda: None)
        others = max((held for number, held in self._locks.items() if number != self._number), default=0)
        if (level == SHARED and others > RESERVED) or (level == RESERVED and others >= RESERVED):
            raise apsw.BusyError("locked")
        if level > RESERVED and others:
            raise apsw.BusyError("locked")
        self._locks[self._number] = max(level, self._locks.get(self._number, 0))

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """See SQLite."""
        if self._number in self._locks:
            self._locks[self._number] = min(level, self._locks[self._number])

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        """See SQLite."""
        return any(held >= RESERVED for held in self._locks.values())

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        """See SQLite."""
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        """See SQLite."""
        return 512

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """See SQLite."""
        return 0

    def xClose(self) -> None:  # noqa: N802
        """See SQLite."""
        self._locks.pop(self._number, None)

    def _io(self, work: Callable[[], None]) -> None:
        if self._abandoned:
            raise apsw.IOError("abandoned")
        _translated(work, apsw.IOError)


@contextmanager
def repeatable_sqlite() -> Generator[None]:
    """Makes SQLite draw the same numbers in each run; they would stand in the heads of its logs."""
    seeding = _Seeding()
    try:
        apsw.randomness(0)
        # The generator takes its seed from the default VFS at first use.
        apsw.randomness(1)
    finally:
        seeding.unregister()
    try:
        yield
    finally:
        apsw.randomness(0)


class _Seeding(apsw.VFS):
    """The default VFS for a moment: gives SQLite's generator a seed that is always the same."""

    def __init__(self) -> None:
        super().__init__("simulated-seed", base="", makedefault=True)

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        """See SQLite."""
        return bytes(numbytes)


def _translated(work: Callable[[], T], error: type[apsw.Error]) -> T:
    """Raises what SQLite understands: any other exception would not come out as one of the disk."""
    try:
        return work()
    except Killed:
        raise error("the process is gone") from None
    except OSError as fault:
        raise (apsw.FullError if fault.errno == 28 else error)(str(fault)) from None
