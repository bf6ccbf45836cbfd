"""Reminder: who keeps a project that sleeps is reminded of it."""

from datetime import datetime, timedelta

from demo.projects.project import (
    ProjectArchived,
    ProjectCreated,
    ProjectId,
    ProjectMoved,
    ProjectRenamed,
    ProjectRestored,
    RemindOfProject,
)
from osteon.context import InvocationContext
from osteon.domain import Ask, Saga, Step, Woken
from osteon.model import ScopeId, Value, replace

__all__ = ["Sleep", "reminder"]

LONG = timedelta(days=30)


class Sleep(Value):
    """When something was last done with a project; None while it is archived."""

    project: ProjectId
    scope: ScopeId
    since: datetime | None


def begin(event: ProjectCreated, context: InvocationContext) -> Step[Sleep]:
    """A new project is awake."""
    return Step(state=Sleep(project=event.project, scope=event.scope, since=context.at), settled=True)


def proceed(
    event: ProjectRenamed | ProjectMoved | ProjectArchived | ProjectRestored | Woken,
    state: Sleep,
    context: InvocationContext,
) -> Step[Sleep]:
    """Whatever is done with it wakes it up; once it sleeps, somebody is reminded, and again later."""
    match event:
        case ProjectArchived():
            return Step(state=replace(state, since=None), settled=True)
        case ProjectMoved(scope=scope):
            return Step(state=replace(state, scope=scope, since=context.at), settled=True)
        case ProjectRenamed() | ProjectRestored():
            return Step(state=replace(state, since=context.at), settled=True)
        case Woken(at=at):
            reminding = Ask(command=RemindOfProject(project=state.project, since=at - LONG), scope=state.scope)
            return Step(state=replace(state, since=at), asks=(reminding,), settled=True)


def due(state: Sleep) -> datetime | None:
    """Thirty days after the last thing that was done."""
    return None if state.since is None else state.since + LONG


reminder = Saga("reminder", about="project", begin=begin, proceed=proceed, due=due)
