"""The place of a sink: how far the events of a tenant were handed on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NewType

from osteon.context import InvocationContext
from osteon.domain import Browse, Decider, Decision, Find, Row, View, accept
from osteon.messages import Command, Event
from osteon.model import Identifier, ScopeId, TenantId, Value, named, replace
from osteon.ports.sink_places import SinkPlaces

__all__ = [
    "GetSinkPlace",
    "ListSinkPlaces",
    "MoveSinkPlace",
    "PlacesInMemory",
    "SinkBegun",
    "SinkPlaceId",
    "SinkPlaceMoved",
    "SinkPlaceRow",
    "sink_place",
    "sink_places",
]

SinkPlaceId = NewType("SinkPlaceId", Identifier)


class MoveSinkPlace(Command[None], internal=True):
    """Record how far a sink has come."""

    sink_place: SinkPlaceId
    sink: str
    place: tuple[int, ...]
    delivered: int


class SinkBegun(Event):
    """A sink has handed its first events on."""

    sink_place: SinkPlaceId
    scope: ScopeId
    sink: str
    at: datetime


class SinkPlaceMoved(Event):
    """A sink has come so far: the last sequence of each partition, and how many events it was handed since the last time."""

    sink_place: SinkPlaceId
    place: tuple[int, ...]
    delivered: int
    at: datetime


class Place(Value):
    """What is remembered of a sink: nothing that a decision needs."""

    sink_place: SinkPlaceId


def create(command: MoveSinkPlace, context: InvocationContext) -> Decision:
    """The first batch."""
    begun = SinkBegun(sink_place=command.sink_place, scope=context.scope.root, sink=command.sink, at=context.at)
    return accept(begun, _moved(command, context))


def decide(command: MoveSinkPlace, place: Place, context: InvocationContext) -> Decision:
    """Each later batch."""
    return accept(_moved(command, context))


def begin(event: SinkBegun) -> Place:
    """A sink has begun."""
    return Place(sink_place=event.sink_place)


def evolve(event: SinkPlaceMoved, place: Place) -> Place:
    """A sink goes on."""
    return place


class SinkPlaceRow(Row):
    """How far a sink has come, how many events it was handed, and when it last was."""

    sink_place: SinkPlaceId
    scope: ScopeId
    sink: str
    at: datetime
    place: tuple[int, ...] = ()
    delivered: int = 0


class GetSinkPlace(Find[SinkPlaceRow]):
    """How far one sink has come."""

    sink: str


class ListSinkPlaces(Browse[SinkPlaceRow]):
    """How far each sink has come."""


class PlacesInMemory(SinkPlaces):
    """The places of a tenant's sinks in memory."""

    def __init__(self) -> None:
        """No sink has begun."""
        self._places: dict[str, tuple[int, ...]] = {}

    def put(self, row: SinkPlaceRow) -> None:
        """See `Index.put`."""
        if row.place:
            self._places[row.sink] = row.place

    def drop(self, row: SinkPlaceRow) -> None:
        """See `Index.drop`."""
        self._places.pop(row.sink, None)

    def place(self, sink: str) -> Sequence[int] | None:
        """See `SinkPlaces.place`."""
        return self._places.get(sink)

    def move(self, tenant: TenantId, sink: str, place: Sequence[int], delivered: int) -> Command[Any]:
        """See `SinkPlaces.move`."""
        name = SinkPlaceId(named("", "sink-place", tenant, sink))
        return MoveSinkPlace(sink_place=name, sink=sink, place=tuple(place), delivered=delivered)


def _moved(command: MoveSinkPlace, context: InvocationContext) -> SinkPlaceMoved:
    return SinkPlaceMoved(
        sink_place=command.sink_place, place=command.place, delivered=command.delivered, at=context.at
    )


def _row(event: SinkBegun) -> SinkPlaceRow:
    """A sink that has begun."""
    return SinkPlaceRow(sink_place=event.sink_place, scope=event.scope, sink=event.sink, at=event.at)


def _gone_on(event: SinkPlaceMoved, row: SinkPlaceRow) -> SinkPlaceRow:
    """A sink that has gone on."""
    return replace(row, place=event.place, delivered=row.delivered + event.delivered, at=event.at)


sink_place = Decider("sink_place", create=create, decide=decide, begin=begin, evolve=evolve)
sink_places = View(begin=_row, evolve=_gone_on, queries=[GetSinkPlace, ListSinkPlaces], index=PlacesInMemory)
