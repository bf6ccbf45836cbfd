"""Backups made one after another beside a server, whatever happens to it meanwhile; each that is made is drilled at once."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from tests.serving import ROOT, environment

__all__ = ["Backups", "Made"]


class Made(NamedTuple):
    """A backup, and the keys of what was acknowledged before it began."""

    folder: Path
    before: frozenset[str]


class Backups:
    """Makes backups of a folder, one at a time.

    Attributes:
        made: Those that were said to be made, all but the last two without their files.
        refused: What was said where none was made.
        findings: What a drill found.
    """

    def __init__(self, data: Path, folder: Path, told: Callable[[], frozenset[str]]) -> None:
        """Makes none yet; `told` gives the keys of what is acknowledged now."""
        self.made: list[Made] = []
        self.refused: list[str] = []
        self.findings: list[str] = []
        self._data, self._folder, self._told = data, folder, told
        self._thread: Thread | None = None

    def begin(self) -> None:
        """Has one made beside, unless one is being made."""
        if self._thread is None or not self._thread.is_alive():
            name = f"backup-{len(self.made) + len(self.refused)}"
            self._thread = Thread(target=self._make, args=(self._folder / name,))
            self._thread.start()

    def end(self) -> None:
        """Waits for the one that is being made."""
        if self._thread is not None:
            self._thread.join()

    def _make(self, to: Path) -> None:
        before = self._told()
        options = ["--data", str(self._data), "--to", str(to), "--with-installation-key"]
        ran = osteon("backup", *options)
        if ran.returncode:
            self.refused.append(ran.stderr)
            return
        drilled = osteon("backup", "verify", str(to), "--json")
        if drilled.returncode or not json.loads(drilled.stdout)["whole"]:
            self.findings.append(f"{drilled.stdout}{drilled.stderr}")
        self.made.append(Made(to, before))
        for old in self.made[:-2]:
            shutil.rmtree(old.folder, ignore_errors=True)


def osteon(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a process of its own."""
    command = [sys.executable, "-m", "osteon.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
