"""The feed: what happens to projects is handed on to another system."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from demo.projects import ProjectArchived, ProjectCreated, ProjectMoved, ProjectRenamed, ProjectRestored
from osteon.domain import Module, Occurrence, Sink

__all__ = ["feed"]


def feed(deliver: Callable[[Sequence[Occurrence[Any]]], Awaitable[None]]) -> Module:
    """The module, with what reaches the other system: the product knows how that is done."""
    events = [ProjectCreated, ProjectRenamed, ProjectMoved, ProjectArchived, ProjectRestored]
    return Module("feed", parts=[Sink("post-projects", events=events, deliver=deliver)])
