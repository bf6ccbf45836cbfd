"""What a module author can get wrong is told at start, in a sentence, and not by a drain that dies later."""

from typing import Annotated, NewType

import msgspec
import pytest

from demo.main import product
from osteon.context import InvocationContext
from osteon.domain import (
    CONTRIBUTOR,
    READER,
    Ask,
    Browse,
    Decider,
    Decision,
    Module,
    Product,
    Reaction,
    Row,
    View,
    accept,
)
from osteon.domain.testing import Unmet, given
from osteon.messages import Command, Event
from osteon.model import AccountId, Identifier, Misdeclared, Value
from osteon.modules import PLATFORM

ThingId = NewType("ThingId", Identifier)


class ThingMade(Event):
    """A thing is there."""

    thing: ThingId
    owner: AccountId | None = None


class ThingDropped(Event):
    """A thing is gone, whose nobody says."""

    owner: AccountId


class MakeThing(Command[ThingId]):
    """Make a thing."""

    thing: ThingId
    name: Annotated[str, msgspec.Meta(max_length=8)] = ""


class Thing(Value):
    """The state of a thing."""

    thing: ThingId


class ThingRow(Row):
    """A thing in a list."""

    thing: ThingId


class OwnerRow(Row):
    """An owner in a list."""

    owner: AccountId


class ListThings(Browse[ThingRow]):
    """The things there are."""


def test_an_event_that_begins_a_row_cannot_evolve_it() -> None:
    def evolve(event: ThingMade, row: ThingRow) -> ThingRow:
        return row

    with pytest.raises(Misdeclared, match="'ThingMade' both begins and evolves a 'ThingRow'"):
        View(begin=begin_thing, evolve=evolve)


def test_an_event_says_which_row_it_is_about() -> None:
    def evolve(event: ThingDropped, row: ThingRow) -> ThingRow:
        return row

    with pytest.raises(Misdeclared, match="'ThingDropped' needs a field 'thing'"):
        View(begin=begin_thing, evolve=evolve)


def test_a_key_cannot_be_missing() -> None:
    def begin(event: ThingMade) -> OwnerRow:
        raise NotImplementedError

    with pytest.raises(Misdeclared, match="'owner' of 'ThingMade' is a key"):
        View(begin=begin)


def test_a_view_says_what_its_rows_are() -> None:
    def begin(event: ThingMade) -> "Thing | ThingRow":
        raise NotImplementedError

    with pytest.raises(Misdeclared, match="which class it returns"):
        View(begin=begin)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_two_views_cannot_have_one_name() -> None:
    things = Module("things", parts=[thing, View(begin=begin_thing)])
    others = Module("others", parts=[View(begin=begin_thing)])
    with pytest.raises(Misdeclared, match="The view 'thing' is declared twice"):
        Product("two", [*PLATFORM, things, others], product.world)


def test_a_view_follows_what_can_happen() -> None:
    with pytest.raises(
        Misdeclared, match=r"The view 'thing' of 'things' follows 'ThingMade', which no decider lets happen"
    ):
        Product("never", [*PLATFORM, Module("things", parts=[View(begin=begin_thing)])], product.world)


def test_a_view_follows_what_is_exported() -> None:
    nosy = Module("nosy", parts=[View(begin=begin_thing)])
    with pytest.raises(Misdeclared, match="'ThingMade', which no module exports; add it to the exports of 'things'"):
        Product("nosy", [*PLATFORM, things(), nosy], product.world)
    Product("open", [*PLATFORM, things(ThingMade), nosy], product.world)


def test_operators_ask_what_their_module_decides() -> None:
    with pytest.raises(
        Misdeclared, match="'others' lets operators ask 'MakeThing', which none of its deciders decides"
    ):
        Product("two", [*PLATFORM, things(), Module("others", parts=[], operators=[MakeThing])], product.world)


def test_operators_ask_what_no_client_can_send() -> None:
    public = Module("things", parts=[thing], grants={CONTRIBUTOR: [MakeThing]}, operators=[MakeThing])
    with pytest.raises(Misdeclared, match="'things' lets operators ask 'MakeThing', which clients can send"):
        Product("open", [*PLATFORM, public], product.world)


def test_a_reaction_follows_what_is_exported() -> None:
    def react(event: ThingMade, context: InvocationContext) -> list[Ask]:
        return []

    nosy = Module("nosy", parts=[Reaction("be-nosy", react)])
    with pytest.raises(Misdeclared, match="'nosy' reacts to 'ThingMade', which no module exports"):
        Product("nosy", [*PLATFORM, things(), nosy], product.world)


def test_a_grant_is_for_what_somebody_answers() -> None:
    things = Module("things", parts=[thing], grants={READER: [MakeThing, ListThings]})
    with pytest.raises(Misdeclared, match="'things' grants 'ListThings', which is in no part of a module"):
        Product("empty", [*PLATFORM, things], product.world)


def test_what_the_wire_refuses_is_no_test_of_a_rule() -> None:
    with pytest.raises(Unmet, match=r"'MakeThing' is refused before any rule sees it.*length <= 8"):
        given(thing).when(MakeThing(thing=ThingId(Identifier("x")), name="x" * 9))


def things(*exports: type[Event]) -> Module:
    """The module of the thing."""
    return Module("things", parts=[thing], exports=exports, grants={CONTRIBUTOR: [MakeThing]})


def begin_thing(event: ThingMade) -> ThingRow:
    return ThingRow(thing=event.thing)


def create(command: MakeThing, context: InvocationContext) -> Decision:
    return accept(ThingMade(thing=command.thing))


def begin_state(event: ThingMade) -> Thing:
    return Thing(thing=event.thing)


thing = Decider("thing", create=create, begin=begin_state)
