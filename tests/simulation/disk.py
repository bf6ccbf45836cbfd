"""The disk of a simulated machine: what processes read, what is on the platter, and all that can come between.

A file has a cache, which every process reads and which outlives a kill, and a durable image, which outlives a power cut. What
was written since the last sync may survive a power cut in any part: nothing, all, a prefix, any of its sectors. Names
are apart from files: a name that its folder did not sync may be lost, and what comes after it with it. What a failed sync of
a folder did not write is written with the next change of that folder only, as both stand in the same block.
"""

import errno
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from osteon.ports.disk import File, Lock, Locked
from tests.simulation.world import Killed, Process, World

__all__ = ["SECTOR", "DiskFaults", "Inode", "Platter", "SimDisk"]

SECTOR = 512

_Write = tuple[int, bytes] | int
"""Bytes at an offset, or a new size."""


class DiskFaults(NamedTuple):
    """How often an operation fails, in permille.

    Attributes:
        crash: The process is killed before it.
        error: It fails with EIO; a write has done a part of its work.
        full: What needs room fails with ENOSPC; a write has done a part of its work.
        sync: A sync fails: a part is on the platter, the cache shows all of it, and the next sync succeeds.
        slow: It takes long.
        unreadable: A read fails with EIO.
        segment: A write into the log fails with EIO, half-way.
        forgetful: A failed sync loses what it did not write in the tenants' files too, as in all others. SQLite believes the page
            cache, and cannot live with that; so it is 0 but to show it.
    """

    crash: int = 0
    error: int = 0
    full: int = 0
    sync: int = 0
    slow: int = 0
    unreadable: int = 0
    segment: int = 0
    forgetful: int = 0


class Inode:
    """A file, whatever its name."""

    def __init__(self, number: int, name: str) -> None:
        """Begins empty."""
        self.number = number
        self.name = name
        """The last that it had."""
        self.cache = bytearray()
        self.durable = bytearray()
        self.dirty: list[_Write] = []
        self.version = 0
        """Another one after each change of the durable image."""

    def write(self, write: _Write) -> None:
        """Changes the cache."""
        apply(self.cache, write)
        self.dirty.append(write)

    def sync(self) -> None:
        """Brings everything to the platter."""
        for write in self.dirty:
            apply(self.durable, write)
        self.settle()

    def settle(self) -> None:
        """Nothing waits for a sync any more."""
        self.dirty.clear()
        self.version += 1


class _Change(NamedTuple):
    """A change of names that is not on the platter yet: the file that has the name now, and the name it had before."""

    folder: str
    path: str
    inode: Inode | None
    former: str | None = None


class Platter:
    """What all processes of the machine share."""

    def __init__(self, world: World) -> None:
        """An empty disk without faults."""
        self._world = world
        self._draws = world.stream("disk")
        self.faults = DiskFaults()
        self.names: dict[str, Inode] = {}
        self.durable_names: dict[str, Inode] = {}
        self.folders: dict[str, None] = {"": None}
        self._changes: list[_Change] = []
        self._forgotten: list[_Change] = []
        self.locks: dict[str, Process] = {}
        self.operations = 0
        self.stop_at = 0
        """The number of the operation before which the process is killed; 0 for none."""
        self.full = False

    def allow(self, what: str, path: str) -> None:
        """Comes before each operation: may kill the process or raise an error of the machine."""
        process, world = self._world.current, self._world
        if process.dead or world.over:
            raise Killed
        self.operations += 1
        if self.operations == self.stop_at or self._draws.chance(self.faults.crash):
            world.hit(f"crash at {what} of {_kind(path)}")
            world.say(process.name, "is killed before {} of {}", what, path)
            world.kill(process)
            raise Killed
        if self._draws.chance(self.faults.slow):
            world.hit(f"slow {what}")
            process.slowness += 0.05 * (1 + self._draws.below(20))
        if self._draws.chance(self._rate(what)):
            self._fail(what, path, errno.EIO)

    def fails(self, what: str, path: str) -> bool:
        """Whether a write or a sync is to fail half-way."""
        if what == "sync":
            return self._draws.chance(self.faults.sync)
        if path.startswith("log/segment"):
            # It has all its room already.
            return self._draws.chance(self.faults.segment)
        return (self.full and path.endswith(("-wal", ".db"))) or self._draws.chance(self.faults.full)

    def create(self, path: str) -> Inode:
        """A new file."""
        self.allow("create", path)
        if path in self.names:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        if self.full:
            self._fail("create", path, errno.ENOSPC)
        inode = Inode(self._world.number(), path)
        self.names[path] = inode
        self._change(_Change(folder_of(path), path, inode))
        return inode

    def find(self, path: str) -> Inode:
        """The file of that name."""
        if self._world.current.dead or self._world.over:
            raise Killed
        found = self.names.get(path)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return found

    def write(self, inode: Inode, offset: int, data: bytes) -> None:
        """Writes, or a part of it and fails."""
        self.allow("write", inode.name)
        if self.fails("write", inode.name):
            part = self._draws.below(len(data) + 1)
            if part:
                inode.write((offset, data[:part]))
            self._fail("write", inode.name, errno.EIO if inode.name.startswith("log/segment") else errno.ENOSPC)
        inode.write((offset, data))

    def resize(self, inode: Inode, size: int) -> None:
        """Cuts or lengthens."""
        self.allow("resize", inode.name)
        length = len(inode.cache)
        if size > length and (self.full or self.fails("resize", inode.name)):
            inode.write(length + self._draws.below(size - length))
            self._fail("resize", inode.name, errno.ENOSPC)
        inode.write(size)

    def sync(self, inode: Inode) -> None:
        """Brings the content to the platter, or a part of it and fails: the cache shows all of it nevertheless."""
        self.allow("sync", inode.name)
        if self.fails("sync", inode.name):
            if self._forgets(inode.name):
                land(inode.durable, inode.dirty, self._draws.below)
                inode.settle()
            self._fail("sync", inode.name, errno.EIO)
        inode.sync()

    def rename(self, path: str, other: str) -> None:
        """Gives a file another name."""
        self.allow("rename", other)
        inode = self.find(path)
        del self.names[path]
        self.names[other] = inode
        inode.name = other
        # One change: a power cut leaves the file one name or the other.
        self._change(_Change(folder_of(other), other, inode, path))

    def remove(self, path: str) -> None:
        """Removes a name."""
        self.allow("remove", path)
        self.find(path)
        del self.names[path]
        self._change(_Change(folder_of(path), path, None))

    def sync_folder(self, folder: str) -> None:
        """Brings the names of a folder to the platter."""
        self.allow("sync-folder", folder)
        if self.fails("sync", folder):
            if self._forgets(folder):
                changes = [each for each in self._changes if each.folder == folder]
                self._changes = [each for each in self._changes if each.folder != folder]
                self._forgotten += changes[self._land_names(changes) :]
            self._fail("sync-folder", folder, errno.EIO)
        for change in self._changes:
            if change.folder == folder:
                self._apply(change)
        self._changes = [each for each in self._changes if each.folder != folder]

    def make_folder(self, path: str) -> None:
        """Makes a folder; its name is synced, as the port promises."""
        if path and path not in self.folders:
            self.make_folder(folder_of(path))
            self.allow("make-folder", path)
            self.folders[path] = None

    def lock(self, path: str) -> None:
        """Locks for the process whose turn it is, until it is dead."""
        self.allow("lock", path)
        process, holder = self._world.current, self.locks.get(path)
        if holder is not None and not holder.dead:
            self._world.hit("start fenced")
            raise Locked(path, holder.name)
        self.locks[path] = process
        if path not in self.names:
            inode = self.names[path] = Inode(self._world.number(), path)
            self._change(_Change(folder_of(path), path, inode))

    def power_cut(self, lose: Callable[[int], int] | None = None) -> None:
        """Loses, of what was not synced, what the draw says; by default each part has its chance."""
        self._world.hit("power cut")
        lose = lose or self._draws.below
        self._land_names(self._changes, lose)
        self._changes, self._forgotten = [], []
        inodes = {inode.number: inode for inode in (*self.names.values(), *self.durable_names.values())}
        self.names = dict(self.durable_names)
        for inode in inodes.values():
            if inode.dirty:
                land(inode.durable, inode.dirty, lose)
                inode.settle()
                self._world.hit("write unsynced at a power cut")
            inode.cache = bytearray(inode.durable)

    def _change(self, change: _Change) -> None:
        again = [each for each in self._forgotten if each.folder == change.folder]
        self._forgotten = [each for each in self._forgotten if each.folder != change.folder]
        self._changes += [*again, change]

    def _land_names(self, changes: list[_Change], lose: Callable[[int], int] | None = None) -> int:
        """Brings the first ones to the platter; how many."""
        kept = (lose or self._draws.below)(len(changes) + 1)
        for change in changes[:kept]:
            self._apply(change)
        return kept

    def _apply(self, change: _Change) -> None:
        if change.inode is None:
            self.durable_names.pop(change.path, None)
        else:
            self.durable_names[change.path] = change.inode
        if change.former is not None:
            self.durable_names.pop(change.former, None)

    def _forgets(self, path: str) -> bool:
        """Whether what a failed sync did not write will never be written."""
        return self.faults.forgetful > 0 or not path.startswith("tenants/")

    def _rate(self, what: str) -> int:
        """How often an operation fails as a whole."""
        if what in ("sync", "sync-folder"):
            return 0
        return self.faults.unreadable if what in ("read", "list") else self.faults.error

    def _fail(self, what: str, path: str, number: int) -> None:
        name = errno.errorcode[number]
        self._world.hit(f"{name} at {what} of {_kind(path)}")
        self._world.say("disk", "{} fails with {} at {}", what, name, path)
        raise OSError(number, os.strerror(number), path)


class SimDisk:
    """The port `Disk` for the process whose turn it is."""

    def __init__(self, platter: Platter) -> None:
        """Works on `platter`."""
        self._platter = platter

    def create(self, path: str) -> File:
        """See `Disk`."""
        return _SimFile(self._platter, self._platter.create(path))

    def open(self, path: str, *, writable: bool = False) -> File:
        """See `Disk`."""
        return _SimFile(self._platter, self._platter.find(path))

    def names(self, folder: str) -> list[str]:
        """See `Disk`."""
        self._platter.allow("list", folder)
        if folder not in self._platter.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
        names = (*self._platter.names, *self._platter.folders)
        return sorted({os.path.basename(name) for name in names if name and folder_of(name) == folder})

    def make_folder(self, path: str) -> None:
        """See `Disk`."""
        self._platter.make_folder(path)

    def rename(self, path: str, other: str) -> None:
        """See `Disk`."""
        self._platter.rename(path, other)

    def remove(self, path: str) -> None:
        """See `Disk`."""
        self._platter.remove(path)

    def sync_folder(self, folder: str) -> None:
        """See `Disk`."""
        self._platter.sync_folder(folder)

    def lock(self, path: str) -> Lock:
        """See `Disk`."""
        self._platter.lock(path)
        return _SimLock(self._platter, path)


class _SimFile:
    """An open file."""

    def __init__(self, platter: Platter, inode: Inode) -> None:
        self._platter, self._inode = platter, inode

    def read(self, offset: int, length: int) -> bytes:
        self._platter.allow("read", self._inode.name)
        return bytes(self._inode.cache[offset : offset + length])

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        self._platter.write(self._inode, offset, bytes(data))

    def sync(self) -> None:
        self._platter.sync(self._inode)

    def size(self) -> int:
        return len(self._inode.cache)

    def resize(self, size: int) -> None:
        self._platter.resize(self._inode, size)

    def close(self) -> None:
        pass


class _SimLock:
    """A lock that ends with its process."""

    def __init__(self, platter: Platter, path: str) -> None:
        self._platter, self._path = platter, path
        self._holder = platter.locks[path]

    def release(self) -> None:
        if self._platter.locks.get(self._path) is self._holder:
            del self._platter.locks[self._path]


def folder_of(path: str) -> str:
    """The folder of a path."""
    return os.path.dirname(path)


def apply(image: bytearray, write: _Write) -> None:
    """Makes one write in an image."""
    if isinstance(write, int):
        if write < len(image):
            del image[write:]
        else:
            image.extend(bytes(write - len(image)))
        return
    offset, data = write
    if offset > len(image):
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(data)] = data


def land(image: bytearray, writes: list[_Write], lose: Callable[[int], int]) -> None:
    """Makes some of the writes, as the draw says: none, all, a prefix torn at a sector, or any of the sectors."""
    kind = lose(4)
    if kind == 1:
        for write in writes:
            apply(image, write)
    elif kind == 2:
        kept = lose(len(writes) + 1)
        for write in writes[:kept]:
            apply(image, write)
        torn = writes[kept] if kept < len(writes) else 0
        if not isinstance(torn, int):
            offset, data = torn
            apply(image, (offset, data[: SECTOR * lose(len(data) // SECTOR + 1)]))
    elif kind == 3:
        for piece in (piece for write in writes for piece in _sectors(write)):
            if isinstance(piece, int) or lose(2):
                apply(image, piece)


def _sectors(write: _Write) -> Sequence[_Write]:
    """A write, cut where sectors end."""
    if isinstance(write, int):
        return [write]
    offset, data = write
    cuts = [0, *range(SECTOR - offset % SECTOR, len(data), SECTOR), len(data)]
    return [(offset + start, data[start:end]) for start, end in pairwise(cuts)]


@lru_cache(1024)
def _kind(path: str) -> str:
    """What a file or a folder is for."""
    if path.startswith("backup-"):
        return "backup"
    name = os.path.basename(path)
    for beginning in ("segment", "spare", "new", "history.db-wal", "history.db-journal", "history.db", "known"):
        if name.startswith(beginning):
            return beginning
    if ".key" in name:
        return "key"
    return "tenant" if path.startswith("tenants/") else "views" if name.startswith("views") else name or "top"
