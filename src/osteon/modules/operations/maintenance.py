"""Maintenance: what an operator asks of a tenant's views, one entity for each act, so that it stands in the history who asked and why.

The server does it once the event is durable. If it ends in between, nothing was done: the operator sees that and asks again.
"""

from typing import Annotated, NewType

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept
from osteon.messages import Command, Event
from osteon.model import Identifier, Value

__all__ = [
    "Maintenance",
    "MaintenanceId",
    "RebuildView",
    "StartView",
    "ViewRebuildAsked",
    "ViewStartAsked",
    "maintenance",
]

MaintenanceId = NewType("MaintenanceId", Identifier)
ViewName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class StartView(Command[None], internal=True):
    """Have a view that stopped go on with the entry at which it did."""

    maintenance: MaintenanceId
    view: ViewName
    reason: Reason


class RebuildView(Command[None], internal=True):
    """Make the rows of a view again, beside those that are there."""

    maintenance: MaintenanceId
    view: ViewName
    reason: Reason


class ViewStartAsked(Event):
    """A view that stopped is to go on."""

    maintenance: MaintenanceId
    view: str
    reason: str


class ViewRebuildAsked(Event):
    """A view's rows are to be made again."""

    maintenance: MaintenanceId
    view: str
    reason: str


class Maintenance(Value):
    """What is remembered of an act: that it was asked."""

    maintenance: MaintenanceId


Asked = StartView | RebuildView


def create(command: Asked, context: InvocationContext) -> Decision:
    """Whether there is anything to do, only the server knows: what is asked is recorded in any case."""
    match command:
        case StartView(maintenance=act, view=view, reason=reason):
            return accept(ViewStartAsked(maintenance=act, view=view, reason=reason))
        case RebuildView(maintenance=act, view=view, reason=reason):
            return accept(ViewRebuildAsked(maintenance=act, view=view, reason=reason))


def begin(event: ViewStartAsked | ViewRebuildAsked) -> Maintenance:
    """An act that was asked."""
    return Maintenance(maintenance=event.maintenance)


maintenance = Decider("maintenance", create=create, begin=begin)
