"""A sink that takes every new note and has nowhere to bring it: what a sink costs at the least."""

from collections.abc import Sequence
from typing import Any

from benchmarks.notes.note import NoteCreated
from osteon.domain import Occurrence, Sink

__all__ = ["handing"]


async def deliver(occurrences: Sequence[Occurrence[Any]]) -> None:
    """Takes a batch."""


handing = Sink("hand-on-notes", events=[NoteCreated], deliver=deliver)
