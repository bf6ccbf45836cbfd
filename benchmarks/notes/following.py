"""A saga that takes one step for every new note and asks nothing: what a saga costs at the least."""

from benchmarks.notes.note import NoteArchived, NoteCreated, NoteId
from osteon.context import InvocationContext
from osteon.domain import Saga, Step
from osteon.model import ScopeId, Value, replace

__all__ = ["Following", "following"]


class Following(Value):
    """What is remembered of a note that is followed."""

    note: NoteId
    scope: ScopeId
    archived: bool = False


def begin(event: NoteCreated, context: InvocationContext) -> Step[Following]:
    """A new note is followed."""
    return Step(state=Following(note=event.note, scope=event.scope), settled=True)


def proceed(event: NoteArchived, state: Following, context: InvocationContext) -> Step[Following]:
    """A note that is put away is remembered as such."""
    return Step(state=replace(state, archived=True), settled=True)


following = Saga("following", about="note", begin=begin, proceed=proceed)
