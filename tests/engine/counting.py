"""A product of one module whose entity shows all that an engine can do wrong: a counter, with a rule that can fault."""

from collections.abc import Sequence
from typing import NewType

from osteon.context import InvocationContext
from osteon.domain import (
    CONTRIBUTOR,
    Ask,
    Decider,
    Decision,
    Find,
    Module,
    Product,
    Reaction,
    Row,
    View,
    accept,
    reject,
)
from osteon.messages import Command, Event
from osteon.model import Identifier, Value, named, replace
from osteon.modules import PLATFORM

__all__ = ["BIG", "SUM", "AddToCounter", "Counter", "CounterId", "CounterOpened", "CounterRaised", "CounterRow"]
__all__ += ["FindCounter", "OpenCounter", "Weather", "an_id", "counting", "product"]

CounterId = NewType("CounterId", Identifier)
BIG = 100


def an_id(name: object) -> CounterId:
    """The counter of that name."""
    return CounterId(named("", str(name)))


SUM = an_id("sum")


class Weather:
    """In a storm the rule faults, over all counters or one: what no rule should, but some will."""

    storm = False
    over: CounterId | None = None


class OpenCounter(Command[CounterId]):
    """Open a counter."""

    counter: CounterId


class AddToCounter(Command[int]):
    """Add to a counter; answered with its total."""

    counter: CounterId
    amount: int


class CounterOpened(Event):
    """A counter exists."""

    counter: CounterId


class CounterRaised(Event):
    """A counter stands higher."""

    counter: CounterId
    amount: int


class Counter(Value):
    """What is remembered of a counter."""

    counter: CounterId
    total: int = 0


class CounterRow(Row):
    """A counter as it is found."""

    counter: CounterId
    total: int = 0


class FindCounter(Find[CounterRow]):
    """One counter."""

    counter: CounterId


def create(command: OpenCounter, context: InvocationContext) -> Decision:
    """Anybody's, at any time."""
    return accept(CounterOpened(counter=command.counter), answer=command.counter)


def decide(command: AddToCounter, counter: Counter, context: InvocationContext) -> Decision:
    """Counters only rise, and nobody counts in a storm."""
    if Weather.storm and Weather.over in (None, command.counter):
        raise ArithmeticError("the rule itself is wrong")
    if command.amount < 0:
        return reject("counting.negative", amount=command.amount)
    return accept(CounterRaised(counter=command.counter, amount=command.amount), answer=counter.total + command.amount)


def begin(event: CounterOpened) -> Counter:
    """A counter as it starts."""
    return Counter(counter=event.counter)


def evolve(event: CounterRaised, counter: Counter) -> Counter:
    """A counter that was raised."""
    return replace(counter, total=counter.total + event.amount)


def begin_row(event: CounterOpened) -> CounterRow:
    """A counter's row."""
    return CounterRow(counter=event.counter)


def evolve_row(event: CounterRaised, row: CounterRow) -> CounterRow:
    """The row of a counter that was raised."""
    return replace(row, total=row.total + event.amount)


def react(event: CounterRaised, context: InvocationContext) -> Sequence[Ask]:
    """Each big step is counted in a counter of its own."""
    return [Ask(command=AddToCounter(counter=SUM, amount=1))] if event.amount >= BIG else []


counter = Decider("counter", create=create, decide=decide, begin=begin, evolve=evolve)
counters = View(begin=begin_row, evolve=evolve_row, queries=[FindCounter])
counting = Module(
    "counting",
    parts=[counter, counters, Reaction("count-big-steps", react)],
    grants={CONTRIBUTOR: [OpenCounter, AddToCounter, FindCounter]},
)
product = Product("counting", [*PLATFORM, counting])
