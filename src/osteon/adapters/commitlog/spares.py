"""Files of full length, filled with zeros or with what a retired segment held, that wait to become segments.

A write into them moves no metadata, which halves the cost of a sync. Making one takes long, so it is done ahead, away
from the path of a command.
"""

import contextlib
from collections import deque
from itertools import count

from osteon.adapters.commitlog.errors import LogBroken, UpkeepFailed
from osteon.adapters.commitlog.segments import NEW, SPARE, numbers, path_of
from osteon.ports.disk import Disk, File

__all__ = ["Spares", "sync", "sync_folder"]

_STEP = 8 << 20  # synced in steps: one large flush would hold up the appends beside it


class Spares:
    """The spares of one log. One thread may take and another prepare and recycle."""

    def __init__(self, disk: Disk, folder: str, size: int, keep: int) -> None:
        """Finds the spares of earlier processes, and removes what they left unfinished.

        Args:
            disk: Where the log is.
            folder: Its folder, which this process has locked.
            size: The length of a segment in bytes.
            keep: How many retired segments to keep at most.
        """
        self._disk, self._folder, self._size, self._keep = disk, folder, size, keep
        self._ready: deque[str] = deque()
        names = disk.names(folder)
        spares = numbers(names, SPARE)
        for number in numbers(names, NEW):
            disk.remove(path_of(folder, NEW, number))
        for path in (path_of(folder, SPARE, number) for number in spares):
            if self._has_size(path):
                self._ready.append(path)
            else:
                disk.remove(path)
        self._numbers = count(spares[-1] + 1 if spares else 1)

    @property
    def ready(self) -> int:
        """How many there are."""
        return len(self._ready)

    def take(self, length: int) -> tuple[str, File]:
        """A file of at least this length, open, under a name that the next recovery removes unless it is changed.

        Where there is no spare, the file is a short one, as somebody waits for it: the next one is of full length again.

        Raises:
            OSError: There was no spare, and none could be made.
            LogBroken: A sync failed.
        """
        if not self._ready or length > self._size:
            return self._blank(max(length, min(self._size, _STEP)))
        path = self._unfinished()
        self._disk.rename(self._ready.popleft(), path)
        # Else the spare could come back after a power cut, with some of the new content.
        sync_folder(self._disk, self._folder)
        return path, self._disk.open(path, writable=True)

    def prepare(self) -> None:
        """Makes a spare if there is none.

        Raises:
            UpkeepFailed: It could not be made.
            LogBroken: A sync failed.
        """
        if self._ready:
            return
        path = self._spare()
        try:
            unfinished, file = self._blank(self._size)
            file.close()
            self._disk.rename(unfinished, path)
        except OSError as cause:
            raise UpkeepFailed(path, cause) from cause
        self._ready.append(path)

    def recycle(self, path: str) -> None:
        """Makes a spare of a retired segment, or removes it where there are enough; its name is gone for good.

        Raises:
            UpkeepFailed: It is still there.
            LogBroken: A sync failed.
        """
        spare = self._spare()
        try:
            kept = len(self._ready) < self._keep and self._has_size(path)
            if kept:
                self._disk.rename(path, spare)
            else:
                self._disk.remove(path)
        except OSError as cause:
            raise UpkeepFailed(path, cause) from cause
        sync_folder(self._disk, self._folder)
        if kept:
            self._ready.append(spare)

    def _blank(self, size: int) -> tuple[str, File]:
        path = self._unfinished()
        file = self._disk.create(path)
        try:
            for length in range(_STEP, size + _STEP, _STEP):
                file.resize(min(length, size))
                sync(file)
        except OSError:
            file.close()
            with contextlib.suppress(OSError):
                self._disk.remove(path)
            raise
        return path, file

    def _has_size(self, path: str) -> bool:
        with contextlib.closing(self._disk.open(path)) as file:
            return file.size() == self._size

    def _unfinished(self) -> str:
        return path_of(self._folder, NEW, next(self._numbers))

    def _spare(self) -> str:
        return path_of(self._folder, SPARE, next(self._numbers))


def sync(file: File) -> None:
    """Syncs the file, once: a failed sync is never tried again."""
    try:
        file.sync()
    except OSError as cause:
        raise LogBroken(cause) from cause


def sync_folder(disk: Disk, folder: str) -> None:
    """Syncs the names in the folder, once."""
    try:
        disk.sync_folder(folder)
    except OSError as cause:
        raise LogBroken(cause) from cause
