"""The notes of a scope, as they are listed and found."""

from typing import Annotated

from benchmarks.notes.note import NoteArchived, NoteCreated, NoteId, NoteRenamed
from osteon.domain import Browse, Contains, Find, Row, View
from osteon.model import ScopeId, replace


class NoteRow(Row):
    """A note in a list."""

    note: NoteId
    scope: ScopeId
    name: str
    archived: bool = False


class GetNote(Find[NoteRow]):
    """One note."""

    note: NoteId


class ListNotes(Browse[NoteRow]):
    """The notes of a scope and of all below it."""

    name: Annotated[str | None, Contains] = None
    archived: bool | None = False


def begin(event: NoteCreated) -> NoteRow:
    """A row for a new note."""
    return NoteRow(note=event.note, scope=event.scope, name=event.name)


def evolve(event: NoteRenamed | NoteArchived, row: NoteRow) -> NoteRow:
    """The row after one more event."""
    match event:
        case NoteRenamed():
            return replace(row, name=event.name)
        case NoteArchived():
            return replace(row, archived=True)


listing = View(begin=begin, evolve=evolve, queries=[GetNote, ListNotes])

revised = View(begin=begin, evolve=evolve, queries=[GetNote, ListNotes], revision=2)
