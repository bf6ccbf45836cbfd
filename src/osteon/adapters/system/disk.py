"""The disk of the machine, below one folder."""

import contextlib
import errno
import fcntl
import os
import sys
from pathlib import Path

from osteon.ports.disk import File, Lock, Locked

__all__ = ["SystemDisk"]

_ZEROS = bytes(1 << 20)


class SystemDisk:
    """Serves the files below `root`, a folder that exists."""

    def __init__(self, root: str | Path) -> None:
        """Paths are relative to `root`."""
        self._root = os.fspath(root)

    def create(self, path: str) -> File:
        return _SystemFile(self._open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))

    def open(self, path: str, *, writable: bool = False) -> File:
        return _SystemFile(self._open(path, os.O_RDWR if writable else os.O_RDONLY))

    def names(self, folder: str) -> list[str]:
        return sorted(os.listdir(self._path(folder)))

    def make_folder(self, path: str) -> None:
        above, folder = os.path.dirname(path), self._path(path)
        if above:
            self.make_folder(above)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        # Even where it was there: whoever made it may have ended before this.
        self.sync_folder(above)

    def rename(self, path: str, other: str) -> None:
        os.replace(self._path(path), self._path(other))

    def remove(self, path: str) -> None:
        os.unlink(self._path(path))

    def sync_folder(self, folder: str) -> None:
        opened = self._open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)

    def lock(self, path: str) -> Lock:
        opened = self._open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(opened, 0)
            os.pwrite(opened, f"process {os.getpid()}".encode(), 0)
        except BlockingIOError:
            holder = os.pread(opened, 100, 0).decode(errors="replace") or "a process that is starting"
            os.close(opened)
            raise Locked(path, holder) from None
        except BaseException:
            os.close(opened)
            raise
        return _SystemLock(opened)

    def _path(self, path: str) -> str:
        return os.path.join(self._root, path)

    def _open(self, path: str, flags: int) -> int:
        return os.open(self._path(path), flags | os.O_CLOEXEC, 0o600)


class _SystemFile:
    """A file descriptor."""

    def __init__(self, opened: int) -> None:
        self._opened = opened

    def read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._opened, length, offset)
        if len(data) == length or not data:
            return data
        return data + self.read(offset + len(data), length - len(data))

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        written = os.pwrite(self._opened, data, offset)
        while written < len(data):
            more = os.pwrite(self._opened, memoryview(data)[written:], offset + written)
            if not more:
                raise OSError(errno.EIO, "A write came to nothing.")
            written += more

    def sync(self) -> None:
        _sync(self._opened)

    def size(self) -> int:
        return os.fstat(self._opened).st_size

    def resize(self, size: int) -> None:
        length = self.size()
        if size < length:
            os.ftruncate(self._opened, size)
        for offset in range(length, size, len(_ZEROS)):
            self.write(offset, memoryview(_ZEROS)[: size - offset])

    def close(self) -> None:
        opened, self._opened = self._opened, -1
        if opened >= 0:
            os.close(opened)


class _SystemLock:
    """A file descriptor that holds a `flock`; no child inherits it, so it ends with the process."""

    def __init__(self, opened: int) -> None:
        self._opened = opened

    def release(self) -> None:
        opened, self._opened = self._opened, -1
        if opened >= 0:
            os.close(opened)


if sys.platform == "darwin":  # pragma: no cover

    def _sync(opened: int) -> None:
        # There, fsync leaves the data in the drive's own cache.
        fcntl.fcntl(opened, fcntl.F_FULLFSYNC)

else:
    _sync = os.fdatasync
