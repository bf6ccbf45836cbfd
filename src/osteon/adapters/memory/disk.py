"""A disk in memory that tells the page cache from the platter: for tests, and as the shortest example of the port.

`kill` ends the process and keeps the page cache, as SIGKILL does; `power_cut` loses what was not synced, or a part of
it that the test chooses, sector by sector.
"""

import errno
import os
import posixpath
import sys
from collections.abc import Callable, Iterator
from itertools import takewhile

from osteon.ports.disk import File, Lock, Locked

__all__ = ["MemoryDisk", "everything", "nothing"]

_SECTOR = 512

Survives = Callable[[int], bool]
"""Told the number of an unsynced change, from 0 in the order they were made: has it reached the platter?"""

_Change = tuple[int, bytes | None]
"""Bytes written at an offset; without bytes, the file was cut there."""


def nothing(change: int) -> bool:
    """No unsynced change survives."""
    return False


def everything(change: int) -> bool:
    """Each unsynced change survives."""
    return True


class MemoryDisk:
    """A disk of one machine, on which one process runs at a time; `limit` is its size in bytes."""

    def __init__(self, limit: int | None = None) -> None:
        """An empty disk."""
        self.limit = limit
        self.process = 1
        self._names: dict[str, _Node] = {}
        self._names_on_platter: dict[str, _Node] = {}
        self._unsynced: list[dict[str, _Node | None]] = []
        self._locks: dict[str, _MemoryLock] = {}

    def kill(self) -> None:
        """Ends the process: its locks are free, its open files dead; what it wrote is there, synced or not."""
        self.process += 1
        self._locks.clear()

    def power_cut(self, survives: Survives = nothing) -> None:
        """Ends the process and loses what was not synced, but for the changes that survive.

        Writes survive in sectors and in any order; changes of names in the order they were made, up to the first lost
        one.
        """
        self.kill()
        for _, names in takewhile(lambda numbered: survives(numbered[0]), enumerate(self._unsynced)):
            _enter(self._names_on_platter, names)
        count = len(self._unsynced)
        self._unsynced.clear()
        for node in {id(node): node for node in (*self._names.values(), *self._names_on_platter.values())}.values():
            count = node.power_cut(survives, count)
        self._names = {path: node for path, node in self._names_on_platter.items() if self._reachable(path)}
        self._names_on_platter = dict(self._names)

    def flip(self, path: str, offset: int, mask: int = 0xFF) -> None:
        """Flips bits of one byte of a file, in the cache and on the platter, as a failing drive would."""
        node = self._node(path)
        node.cache[offset] ^= mask
        node.platter[offset] ^= mask

    def create(self, path: str) -> File:
        if path in self._names:
            raise _error(errno.EEXIST, path)
        self._enter({path: _Node()})
        return self.open(path, writable=True)

    def open(self, path: str, *, writable: bool = False) -> File:
        return _MemoryFile(self, self._node(path), writable=writable)

    def names(self, folder: str) -> list[str]:
        self._folder(folder)
        return sorted(posixpath.basename(path) for path in self._names if posixpath.dirname(path) == folder)

    def make_folder(self, path: str) -> None:
        above = posixpath.dirname(path)
        if above:
            self.make_folder(above)
        if path not in self._names:
            self._enter({path: _Node(folder=True)})
        self._folder(path)
        self.sync_folder(above)

    def rename(self, path: str, other: str) -> None:
        node = self._node(path)
        if other in self._names:
            self._node(other)
        self._enter({path: None, other: node})

    def remove(self, path: str) -> None:
        self._node(path)
        self._enter({path: None})

    def sync_folder(self, folder: str) -> None:
        self._folder(folder)
        unsynced, self._unsynced = self._unsynced, []
        for names in unsynced:
            if any(posixpath.dirname(path) == folder for path in names):
                _enter(self._names_on_platter, names)
            else:
                self._unsynced.append(names)

    def lock(self, path: str) -> Lock:
        if path in self._locks:
            raise Locked(path, f"process {self.process}")
        if path not in self._names:
            self.create(path)
        self._node(path)
        self._locks[path] = _MemoryLock(self._locks, path)
        return self._locks[path]

    def used(self) -> int:
        """How many bytes the files take."""
        return sum(len(node.cache) for node in {id(node): node for node in self._names.values()}.values())

    def room(self) -> int:
        """How many bytes are free."""
        return sys.maxsize if self.limit is None else self.limit - self.used()

    def _node(self, path: str) -> "_Node":
        node = self._names.get(path)
        if node is None:
            raise _error(errno.ENOENT, path)
        if node.folder:
            raise _error(errno.EISDIR, path)
        return node

    def _folder(self, path: str) -> None:
        if path and path not in self._names:
            raise _error(errno.ENOENT, path)
        if path and not self._names[path].folder:
            raise _error(errno.ENOTDIR, path)

    def _enter(self, names: "dict[str, _Node | None]") -> None:
        for path in names:
            self._folder(posixpath.dirname(path))
        _enter(self._names, names)
        self._unsynced.append(names)

    def _reachable(self, path: str) -> bool:
        above = posixpath.dirname(path)
        return not above or (above in self._names_on_platter and self._reachable(above))


class _Node:
    """A file: what can be read, what is on the platter, and the changes between the two. Or an (empty) folder."""

    def __init__(self, *, folder: bool = False) -> None:
        self.folder = folder
        self.cache = bytearray()
        self.platter = bytearray()
        self.unsynced: list[_Change] = []

    def write(self, offset: int, data: bytes) -> None:
        _apply(self.cache, offset, data)
        self.unsynced.append((offset, data))

    def cut(self, size: int) -> None:
        _apply(self.cache, size, None)
        self.unsynced.append((size, None))

    def sync(self) -> None:
        self.platter[:] = self.cache
        self.unsynced.clear()

    def power_cut(self, survives: Survives, count: int) -> int:
        """Loses changes, the first of which has the number `count`; returns the number for the next file."""
        for offset, sector in _sectors(self.unsynced):
            if survives(count):
                _apply(self.platter, offset, sector)
            count += 1
        self.cache[:] = self.platter
        self.unsynced.clear()
        return count


class _MemoryFile:
    """A file as one process has it open."""

    def __init__(self, disk: MemoryDisk, node: _Node, *, writable: bool) -> None:
        self._disk, self._of = disk, node
        self._process, self._writable, self._closed = disk.process, writable, False

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._node().cache[offset : offset + length])

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        node = self._node(write=True)
        fits = max(0, len(node.cache) + self._disk.room() - offset)
        node.write(offset, bytes(data[:fits]))
        if fits < len(data):
            raise _error(errno.ENOSPC)

    def sync(self) -> None:
        self._node().sync()

    def size(self) -> int:
        return len(self._node().cache)

    def resize(self, size: int) -> None:
        node, length = self._node(write=True), self.size()
        if size < length:
            node.cut(size)
        elif size > length:
            self.write(length, bytes(size - length))

    def close(self) -> None:
        self._closed = True

    def _node(self, *, write: bool = False) -> _Node:
        if self._closed or (write and not self._writable):
            raise _error(errno.EBADF)
        if self._process != self._disk.process:
            message = "The process that had this file open has ended: open it again."
            raise RuntimeError(message)
        return self._of


class _MemoryLock:
    """A lock that frees its path, unless that is already somebody else's."""

    def __init__(self, locks: "dict[str, _MemoryLock]", path: str) -> None:
        self._locks, self._path = locks, path

    def release(self) -> None:
        if self._locks.get(self._path) is self:
            del self._locks[self._path]


def _error(code: int, path: str | None = None) -> OSError:
    return OSError(code, os.strerror(code), path)


def _enter(names: dict[str, _Node], changes: dict[str, _Node | None]) -> None:
    for path, node in changes.items():
        if node is None:
            names.pop(path, None)
        else:
            names[path] = node


def _apply(image: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del image[offset:]
        return
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(data)] = data


def _sectors(changes: list[_Change]) -> Iterator[_Change]:
    """The changes in pieces that a drive writes whole."""
    for offset, data in changes:
        if data is None:
            yield offset, None
            continue
        end, start = offset + len(data), offset
        while start < end:
            stop = min(end, start - start % _SECTOR + _SECTOR)
            yield start, data[start - offset : stop - offset]
            start = stop
