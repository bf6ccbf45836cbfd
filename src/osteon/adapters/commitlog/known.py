"""The known place: how far the log was once seen to go, kept outside of it.

A broken byte in the last frame looks like a frame that was torn while it was written, unless something else tells that the frame
was whole. Whoever reads behind the log says how far it came. It is synced only before segments are retired: it may say less
than is so, never more, and never less than what the log has retired.
"""

import struct
import zlib

from osteon.adapters.commitlog.frames import Place
from osteon.ports.disk import Disk, File

__all__ = ["KnownPlace", "known_place"]

_NAME = "known"
_PLACE = struct.Struct(">QQQ")


class KnownPlace:
    """Writes the known place of a log."""

    def __init__(self, disk: Disk, folder: str) -> None:
        """Opens the file of the log in `folder`, made where it is missing."""
        self._file = _opened(disk, f"{folder}/{_NAME}")

    def move(self, place: Place) -> None:
        """The log goes at least to `place`."""
        body = _PLACE.pack(*place)
        self._file.write(0, body + zlib.crc32(body).to_bytes(4, "big"))

    def settle(self) -> None:
        """Brings the place to the platter: an older one, back after a power cut, must not name what is retired since."""
        self._file.sync()

    def close(self) -> None:
        """Ends the use of the file."""
        self._file.close()


def known_place(disk: Disk, folder: str) -> Place | None:
    """The known place of the log in `folder`; None where there is none, or where it did not survive."""
    try:
        file = disk.open(f"{folder}/{_NAME}")
    except FileNotFoundError:
        return None
    body = file.read(0, _PLACE.size + 4)
    file.close()
    if len(body) != _PLACE.size + 4 or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "big"):
        return None
    return Place(*_PLACE.unpack(body[:-4]))


def _opened(disk: Disk, path: str) -> File:
    try:
        return disk.open(path, writable=True)
    except FileNotFoundError:
        return disk.create(path)
