"""The place of a sink: moved after each batch, known to the engine at once."""

from datetime import UTC, datetime

from osteon.domain.testing import ROOT, context, given, rows
from osteon.model import HOUSE
from osteon.modules.operations.sink_place import (
    MoveSinkPlace,
    PlacesInMemory,
    SinkBegun,
    SinkPlaceMoved,
    sink_place,
    sink_places,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)


def moving(sink: str) -> MoveSinkPlace:
    """The command that moves a sink of `house`."""
    command = PlacesInMemory().move(HOUSE, sink, [1, 2], 3)
    assert isinstance(command, MoveSinkPlace)
    return command


MOVE = moving("ferry")
BEGUN = SinkBegun(sink_place=MOVE.sink_place, scope=ROOT, sink="ferry", at=AT)
MOVED = SinkPlaceMoved(sink_place=MOVE.sink_place, place=(1, 2), delivered=3, at=AT)


def test_begins_with_the_first_batch() -> None:
    given(sink_place).when(MOVE, context(at=AT)).then(BEGUN, MOVED)
    given(sink_place, BEGUN, MOVED).when(MOVE, context(at=AT)).then(MOVED)


def test_counts_what_was_handed_on() -> None:
    (row,) = rows(sink_places, BEGUN, MOVED, MOVED)
    assert (row.sink, row.place, row.delivered) == ("ferry", (1, 2), 6)


def test_tells_where_to_go_on() -> None:
    places = PlacesInMemory()
    assert places.place("ferry") is None
    (row,) = rows(sink_places, BEGUN, MOVED)
    places.put(row)
    assert places.place("ferry") == (1, 2)


def test_a_sink_has_one_place_in_each_tenant() -> None:
    assert moving("ferry").sink_place == MOVE.sink_place != moving("barge").sink_place
