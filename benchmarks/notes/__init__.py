"""Notes: what the benchmark writes and reads, with the fields of the demo's projects and nothing that starts a saga."""

from typing import Any

from benchmarks.notes.following import following
from benchmarks.notes.handing import handing
from benchmarks.notes.listing import GetNote, ListNotes, listing, revised
from benchmarks.notes.note import ArchiveNote, CreateNote, RenameNote, note
from osteon.domain import CONTRIBUTOR, READER, Module

__all__ = ["followed_notes", "handed_notes", "notes", "revised_notes"]


def module(*parts: Any) -> Module:
    """The module of the notes and of these parts."""
    return Module(
        "notes",
        parts=[note, *parts],
        grants={READER: [GetNote, ListNotes], CONTRIBUTOR: [CreateNote, RenameNote, ArchiveNote]},
    )


notes = module(listing)
revised_notes = module(revised)
followed_notes = module(listing, following)
handed_notes = module(listing, handing)
