"""Bringing files and their names to the platter."""

import os
from pathlib import Path

__all__ = ["sync", "sync_all"]


def sync(path: Path) -> None:
    """Returns once a file's content, or the names in a folder, are on the platter."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_all(folder: Path) -> None:
    """Does so for a folder and all that is in it."""
    for above, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(above, name))
        sync(Path(above))
