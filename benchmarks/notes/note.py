"""A note: created in a scope, renamed, archived."""

from typing import Annotated, NewType

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import Identifier, ScopeId, Value, replace

NoteId = NewType("NoteId", Identifier)
NoteName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class CreateNote(Command[NoteId]):
    """Create a note in a scope."""

    note: NoteId
    name: NoteName


class RenameNote(Command[None]):
    """Give a note another name."""

    note: NoteId
    name: NoteName


class ArchiveNote(Command[None]):
    """Put a note away."""

    note: NoteId


class NoteCreated(Event):
    """A note exists."""

    note: NoteId
    scope: ScopeId
    name: str


class NoteRenamed(Event):
    """A note has another name."""

    note: NoteId
    name: str
    previous: str


class NoteArchived(Event):
    """A note is put away."""

    note: NoteId


class Note(Value):
    """What is remembered of a note."""

    note: NoteId
    scope: ScopeId
    name: str
    archived: bool = False


def create(command: CreateNote, context: InvocationContext) -> Decision:
    """A note begins in the scope in which it is asked for."""
    return accept(NoteCreated(note=command.note, scope=context.scope.id, name=command.name), answer=command.note)


def decide(command: RenameNote | ArchiveNote, note: Note, context: InvocationContext) -> Decision:
    """What is archived is not renamed; asking for what is so already changes nothing."""
    match command:
        case ArchiveNote() if note.archived:
            return accept()
        case ArchiveNote():
            return accept(NoteArchived(note=note.note))
        case RenameNote() if note.archived:
            return reject("notes.archived")
        case RenameNote(name=name) if name == note.name:
            return accept()
        case RenameNote(name=name):
            return accept(NoteRenamed(note=note.note, name=name, previous=note.name))


def begin(event: NoteCreated) -> Note:
    """A note as it starts."""
    return Note(note=event.note, scope=event.scope, name=event.name)


def evolve(event: NoteRenamed | NoteArchived, note: Note) -> Note:
    """A note after one more event."""
    match event:
        case NoteRenamed():
            return replace(note, name=event.name)
        case NoteArchived():
            return replace(note, archived=True)


note = Decider("note", create=create, decide=decide, begin=begin, evolve=evolve)
