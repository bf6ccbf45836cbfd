"""Naming: a project's name is unique in its scope. Whoever comes second loses it, by and by and without holding anybody up.

A renamed project that loses gets the name back that it had; any other loser is archived with the reason `projects.name-taken`.
"""

from datetime import datetime, timedelta

from demo.projects.name import FreeProjectName, NameId, ProjectNameTaken, TakeProjectName, name_of
from demo.projects.project import (
    GiveUpProject,
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectMoved,
    ProjectRenamed,
    ProjectRestored,
    RenameProject,
)
from osteon.context import InvocationContext
from osteon.domain import Ask, Refusal, Saga, Step, Woken
from osteon.model import ScopeId, Value, replace

__all__ = ["Held", "Naming", "naming"]

PATIENCE = timedelta(minutes=10)
TAKEN = "projects.name-taken"


class Held(Value):
    """A name that a project has."""

    project_name: NameId
    scope: ScopeId
    name: str


class Naming(Value):
    """What a project is to be called, and what it is called.

    `since` is when it asked for a name that it was not given yet.
    """

    project: ProjectId
    scope: ScopeId
    name: str
    held: Held | None = None
    since: datetime | None = None

    @property
    def wanted(self) -> NameId:
        """The name that it is to have."""
        return name_of(self.scope, self.name)


def begin(event: ProjectCreated, context: InvocationContext) -> Step[Naming]:
    """A new project wants its name."""
    return _want(Naming(project=event.project, scope=event.scope, name=event.name), context)


def proceed(
    event: ProjectRenamed | ProjectMoved | ProjectArchived | ProjectRestored | ProjectNameTaken | Refusal | Woken,
    state: Naming,
    context: InvocationContext,
) -> Step[Naming]:
    """What it is called follows what it is to be called."""
    match event:
        case ProjectRenamed(name=name):
            return _want(replace(state, name=name), context)
        case ProjectMoved(scope=scope):
            return _want(replace(state, scope=scope), context)
        case ProjectRestored() | Woken():
            return _want(state, context)
        case ProjectArchived():
            return Step(state=replace(state, held=None, since=None), asks=_freeing(state, state.held), settled=True)
        case ProjectNameTaken():
            return _taken(event, state)
        case Refusal():
            return _refused(event, state)


def due(state: Naming) -> datetime | None:
    """Whoever heard nothing asks again."""
    return None if state.since is None else state.since + PATIENCE


def _want(state: Naming, context: InvocationContext) -> Step[Naming]:
    if state.held is not None and state.held.project_name == state.wanted:
        return Step(state=replace(state, since=None), settled=True)
    taking = Ask(command=TakeProjectName(project_name=state.wanted, project=state.project), scope=state.scope)
    return Step(state=replace(state, since=context.at), asks=(taking,))


def _taken(event: ProjectNameTaken, state: Naming) -> Step[Naming]:
    if state.since is None or event.project_name != state.wanted:
        # It was archived, or renamed again, while the name was on its way.
        unwanted = Held(project_name=event.project_name, scope=event.scope, name="")
        kept = state.held is not None and state.held.project_name == event.project_name
        return Step(state=state, asks=() if kept else _freeing(state, unwanted), settled=state.since is None)
    held = Held(project_name=event.project_name, scope=event.scope, name=state.name)
    return Step(state=replace(state, held=held, since=None), asks=_freeing(state, state.held), settled=True)


def _refused(event: Refusal, state: Naming) -> Step[Naming]:
    if state.since is None or event.problem.key != TAKEN or event.problem.params.get("name") != state.wanted:
        # It was renamed, moved or archived since: what it is called now is asked for already, or needs no name.
        return Step(state=state, settled=state.since is None)
    held = state.held
    asked = GiveUpProject(project=state.project, reason=TAKEN)
    if held is not None and held.scope == state.scope:
        back = RenameProject(project=state.project, name=held.name)
        return Step(state=replace(state, since=None), asks=(Ask(command=back, scope=state.scope),))
    return Step(state=replace(state, since=None), asks=(Ask(command=asked, scope=state.scope),))


def _freeing(state: Naming, held: Held | None) -> tuple[Ask, ...]:
    if held is None:
        return ()
    freeing = FreeProjectName(project_name=held.project_name, project=state.project)
    return (Ask(command=freeing, scope=held.scope),)


naming = Saga("naming", about="project", begin=begin, proceed=proceed, due=due)
