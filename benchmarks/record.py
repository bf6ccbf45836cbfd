"""What a run gave, and the notes that are taken on the way."""

import sys
from dataclasses import dataclass, field
from http.client import HTTPException
from subprocess import SubprocessError

from msgspec import MsgspecError

from benchmarks.errors import BenchmarkError
from benchmarks.figures import Rounds
from benchmarks.peers import Verification

FAILURES = (BenchmarkError, OSError, ValueError, KeyError, SubprocessError, HTTPException, MsgspecError)
"""What a peer that does not do as it should can raise on its way through a cell; the run goes on without that cell."""


@dataclass
class Record:
    """What a run gave, filled as it goes, so that an interrupted one still tells what it knows."""

    rounds: Rounds = field(default_factory=Rounds)
    remarks: list[str] = field(default_factory=list[str])
    left_out: list[str] = field(default_factory=list[str])
    troubles: list[str] = field(default_factory=list[str])
    verified: dict[str, Verification] = field(default_factory=dict[str, Verification])

    def trouble(self, text: str) -> None:
        """Keep what went wrong, once, however many rounds tell of it."""
        _keep(self.troubles, text)

    def leave_out(self, text: str) -> None:
        """Keep what was not measured, once."""
        _keep(self.left_out, text)


def said(error: Exception) -> str:
    """Give an error's text with its kind, where the text alone says too little."""
    return str(error) if isinstance(error, BenchmarkError) else f"{type(error).__name__}: {error}"


def progress(text: str) -> None:
    """Tell whoever waits what is done now."""
    print(text, file=sys.stderr, flush=True)


def _keep(notes: list[str], text: str) -> None:
    if text not in notes:
        notes.append(text)
