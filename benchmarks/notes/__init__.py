"""Notes: what the benchmark writes and reads, with the fields of the demo's projects and nothing that starts a saga."""

from benchmarks.notes.listing import GetNote, ListNotes, listing
from benchmarks.notes.note import ArchiveNote, CreateNote, RenameNote, note
from osteon.domain import CONTRIBUTOR, READER, Module

__all__ = ["notes"]

notes = Module(
    "notes",
    parts=[note, listing],
    grants={READER: [GetNote, ListNotes], CONTRIBUTOR: [CreateNote, RenameNote, ArchiveNote]},
)
