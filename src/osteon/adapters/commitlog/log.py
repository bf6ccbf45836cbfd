"""The commit log: opaque records of all tenants in commit order, one frame a batch, one write and one sync a frame."""

import contextlib
from collections.abc import Generator, Sequence

from osteon.adapters.commitlog.errors import AppendFailed, LogBroken, LogClosed, TooLarge
from osteon.adapters.commitlog.frames import HEAD_SIZE, ORIGIN, Head, Place, encode_frame, frame_length
from osteon.adapters.commitlog.recovery import Findings, Recovery, begin_segment, examine, renew
from osteon.adapters.commitlog.segments import LOCK, segment_path
from osteon.adapters.commitlog.spares import Spares, sync
from osteon.ports.disk import Disk, Lock

__all__ = ["SEGMENT_SIZE", "CommitLog"]

SEGMENT_SIZE = 64 << 20
"""The length of a segment unless said otherwise."""


class CommitLog:
    """The one writer of a log. Calls block.

    One thread may append while another calls `prepare` and `retire`; `place` and `first_segment` may be read from
    anywhere.
    """

    def __init__(
        self, disk: Disk, folder: str, lock: Lock, spares: Spares, size: int, findings: Findings | None
    ) -> None:
        """Used by `recover` only."""
        self._disk, self._folder, self._lock, self._spares, self._size = disk, folder, lock, spares, size
        self._broken: OSError | None = None
        self._closed = False
        self._epoch = findings.head.epoch + 1 if findings else 1
        self.first_segment = findings.first_segment if findings else 1
        """The oldest segment that is kept."""
        if findings:
            self._link = findings.link
            self._file = renew(disk, folder, spares, findings, self._epoch)
        else:
            head = Head(1, self._epoch, ORIGIN, 0)
            self._link = head.link
            self._file = begin_segment(disk, folder, spares, head, iter(()), HEAD_SIZE)
        self._room = self._file.size()
        self.recovery = Recovery(not findings, self._epoch, self.place, findings.torn if findings else None)
        """What was found at the start."""

    @classmethod
    def recover(
        cls, disk: Disk, folder: str, *, known: Place | None = None, segment_size: int = SEGMENT_SIZE, spares: int = 4
    ) -> "CommitLog":
        """The log in the folder, whole, synced and locked; a new one where there is none.

        Args:
            disk: Where the log is.
            folder: Its folder, made where it is missing.
            known: The furthest place that is known elsewhere, such as in a history's checkpoint. By this alone can a
                broken byte in the last frame be told from a torn frame.
            segment_size: The length of new segments in bytes; a frame fits in one.
            spares: How many retired segments are kept to be used again.

        Raises:
            Locked: Another process has it.
            Damaged: Something else than a torn last frame is wrong; nothing was changed.
            LogBroken: A sync failed; another process may try.
            OSError: The disk failed in another way, such as being full.
        """
        disk.make_folder(folder)
        # Locked before anything is read: whoever has it may be writing.
        lock = disk.lock(f"{folder}/{LOCK}")
        try:
            findings = examine(disk, folder, known)
            return cls(disk, folder, lock, Spares(disk, folder, segment_size, spares), segment_size, findings)
        except Exception:
            lock.release()
            raise

    @property
    def place(self) -> Place:
        """Just behind the last frame that is synced."""
        return self._link.last

    def append(self, records: Sequence[bytes]) -> Place:
        """Keeps the records, all or none, in their order; returns the place behind them once they are on the platter.

        Raises:
            AppendFailed: They could not be written and are wiped out.
            TooLarge: They fit in no segment.
            LogBroken: They may be kept or not.
        """
        self._expect_usable()
        length = frame_length(records)
        if length > self._size - HEAD_SIZE:
            raise TooLarge(self._size - HEAD_SIZE, length)
        if length > self._room - self._link.offset:
            self._begin_next()
        frame, link = encode_frame(self._link, self._epoch, records)
        self._write(frame)
        self._link = link
        return link.last

    def prepare(self) -> None:
        """Makes a spare for the next segment if there is none: call it now and then, and whenever a segment was begun.

        Raises:
            UpkeepFailed: It could not be made; the log works on, but the next segment will be made while a batch waits.
            LogBroken: A sync failed.
        """
        self._expect_usable()
        with self._broken_if_unsynced():
            self._spares.prepare()

    def retire(self, before_segment: int) -> None:
        """Gives up the segments before this one, whose content is synced elsewhere; their files are used again.

        Raises:
            UpkeepFailed: Some of them are still there.
            LogBroken: A sync failed.
        """
        self._expect_usable()
        if before_segment > self.place.segment:
            message = f"Segment {self.place.segment} is in use: retire what is before it, not before {before_segment}."
            raise ValueError(message)
        with self._broken_if_unsynced():
            # The oldest first, each synced: there is never a gap.
            while self.first_segment < before_segment:
                self._spares.recycle(segment_path(self._folder, self.first_segment))
                self.first_segment += 1

    def close(self) -> None:
        """Ends the use of the log; what was appended is synced already. Closing twice is fine."""
        self._closed = True
        self._file.close()
        self._lock.release()

    def _write(self, frame: bytearray) -> None:
        offset = self._link.offset
        try:
            self._file.write(offset, frame)
        except OSError as cause:
            self._wipe(offset, len(frame))
            raise AppendFailed(segment_path(self._folder, self._link.segment), offset, cause) from cause
        with self._broken_if_unsynced():
            sync(self._file)

    def _wipe(self, offset: int, length: int) -> None:
        """Leaves nothing of a failed write that a recovery could take for a frame."""
        with self._broken_if_unsynced():
            try:
                self._file.write(offset, bytes(length))
            except OSError as cause:
                raise LogBroken(cause) from cause
            sync(self._file)

    def _begin_next(self) -> None:
        head = Head(self._link.segment + 1, self._epoch, self._link.last, self._link.checksum or 0)
        with self._broken_if_unsynced():
            try:
                file = begin_segment(self._disk, self._folder, self._spares, head, iter(()), HEAD_SIZE)
            except OSError as cause:
                raise AppendFailed(segment_path(self._folder, head.segment), 0, cause) from cause
        self._file.close()
        self._file, self._room = file, file.size()
        self._link = head.link

    def _expect_usable(self) -> None:
        if self._closed:
            raise LogClosed
        if self._broken is not None:
            raise LogBroken(self._broken) from self._broken

    @contextlib.contextmanager
    def _broken_if_unsynced(self) -> Generator[None]:
        try:
            yield
        except LogBroken as broken:
            self._broken = broken.cause
            raise
