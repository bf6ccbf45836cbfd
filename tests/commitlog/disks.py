"""Disks that fail, or stop the process, where a test says so."""

from collections.abc import Callable
from itertools import count

from osteon.ports.disk import Disk, File, Lock

Fault = Callable[[str], BaseException | None]
"""Told the operation and its path, `write log/lock`, before it is done: what shall be raised instead, if anything."""


class Stopped(BaseException):
    """The process ended here, as by SIGKILL: nothing after it is run by the log."""


class FaultyDisk:
    """Passes everything on to another disk, unless there is a fault; a write that fails has done half of its work."""

    def __init__(self, disk: Disk, fault: Fault | None = None) -> None:
        self.fault = fault or never
        self.done: list[str] = []
        self._disk = disk

    def ask(self, operation: str, path: str) -> BaseException | None:
        done = f"{operation} {path}"
        fault = self.fault(done)
        self.done.append(done)
        return fault

    def allow(self, operation: str, path: str) -> None:
        if (fault := self.ask(operation, path)) is not None:
            raise fault

    def create(self, path: str) -> File:
        self.allow("create", path)
        return FaultyFile(self, path, self._disk.create(path))

    def open(self, path: str, *, writable: bool = False) -> File:
        return FaultyFile(self, path, self._disk.open(path, writable=writable))

    def names(self, folder: str) -> list[str]:
        return self._disk.names(folder)

    def make_folder(self, path: str) -> None:
        self.allow("make_folder", path)
        self._disk.make_folder(path)

    def rename(self, path: str, other: str) -> None:
        self.allow("rename", other)
        self._disk.rename(path, other)

    def remove(self, path: str) -> None:
        self.allow("remove", path)
        self._disk.remove(path)

    def sync_folder(self, folder: str) -> None:
        self.allow("sync_folder", folder)
        self._disk.sync_folder(folder)

    def lock(self, path: str) -> Lock:
        self.allow("lock", path)
        return self._disk.lock(path)


class FaultyFile:
    """A file of a faulty disk."""

    def __init__(self, disk: FaultyDisk, path: str, file: File) -> None:
        self._disk, self._path, self._file = disk, path, file

    def read(self, offset: int, length: int) -> bytes:
        return self._file.read(offset, length)

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        fault = self._disk.ask("write", self._path)
        self._file.write(offset, data if fault is None else data[: len(data) // 2])
        if fault is not None:
            raise fault

    def sync(self) -> None:
        self._disk.allow("sync", self._path)
        self._file.sync()

    def size(self) -> int:
        return self._file.size()

    def resize(self, size: int) -> None:
        fault = self._disk.ask("resize", self._path)
        self._file.resize(size if fault is None else (self.size() + size) // 2)
        if fault is not None:
            raise fault

    def close(self) -> None:
        self._file.close()


def never(operation: str) -> None:
    """No fault at all."""


def at(number: int, fault: BaseException) -> Fault:
    """The fault at the operation of this number, from 0, and at each after it: who has stopped does no more."""
    numbers = count()

    def strike(operation: str) -> BaseException | None:
        return fault if next(numbers) >= number else None

    return strike


def once(wanted: str, fault: BaseException, after: int = 0) -> Fault:
    """The fault at the first operation that begins so, after this many others of that kind."""
    left = [None] * after + [fault]
    return lambda operation: left.pop(0) if left and operation.startswith(wanted) else None


def always(wanted: str, fault: BaseException) -> Fault:
    """The fault at each operation that begins so."""
    return lambda operation: fault if operation.startswith(wanted) else None


def either(first: Fault, second: Fault) -> Fault:
    """The faults of both."""
    return lambda operation: first(operation) or second(operation)
