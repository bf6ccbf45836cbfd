"""What runs in the simulation: counters, in which everything shows that an engine, a log or a view can do wrong.

A counter says with each answer how often it was raised and what it stands at, and so does its row. Big steps are counted
by a reaction, in a counter of their own.
"""

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
from osteon.model import Identifier, ScopeId, Value, named, replace
from osteon.ports.directory import Grants, Scopes, Sessions, Tenants

__all__ = [
    "BIG",
    "CounterId",
    "CounterRow",
    "Directory",
    "FindCounter",
    "OpenCounter",
    "RaiseCounter",
    "Standing",
    "Weather",
]
__all__ += ["an_id", "product", "sum_of"]

CounterId = NewType("CounterId", Identifier)
BIG = 80


def an_id(name: object) -> CounterId:
    """The counter of that name."""
    return CounterId(named("", str(name)))


def sum_of(counter: CounterId) -> CounterId:
    """The counter in which the big steps of another are counted: two of them share one."""
    return an_id(f"sum/{ord(counter[-1]) % 2}")


class Weather:
    """In a storm the rule faults: what no rule should, but some will. In a squall only that for steps does."""

    storm = False
    squall = False


class Standing(Value):
    """Where a counter stands: how often it was raised, and its total."""

    times: int
    total: int


class OpenCounter(Command[CounterId]):
    """Open a counter."""

    counter: CounterId


class RaiseCounter(Command[Standing]):
    """RaiseCounter a counter."""

    counter: CounterId
    amount: int


class NoteStep(Command[Standing]):
    """Count a big step."""

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
    standing: Standing


class CounterRow(Row):
    """A counter as it is found."""

    counter: CounterId
    times: int
    total: int


class FindCounter(Find[CounterRow]):
    """One counter."""

    counter: CounterId


def create(command: OpenCounter, context: InvocationContext) -> Decision:
    """Anybody's, at any time."""
    return accept(CounterOpened(counter=command.counter), answer=command.counter)


def decide(command: RaiseCounter | NoteStep, counter: Counter, context: InvocationContext) -> Decision:
    """Counters only rise, and nobody counts in a storm."""
    if Weather.storm or (Weather.squall and isinstance(command, NoteStep)):
        raise ArithmeticError("the rule itself is wrong")
    if command.amount < 0:
        return reject("counting.negative", amount=command.amount)
    raised = CounterRaised(counter=command.counter, amount=command.amount)
    return accept(raised, answer=evolve(raised, counter).standing)


def begin(event: CounterOpened) -> Counter:
    """A counter as it starts."""
    return Counter(counter=event.counter, standing=Standing(times=0, total=0))


def evolve(event: CounterRaised, counter: Counter) -> Counter:
    """A counter that was raised."""
    before = counter.standing
    return replace(counter, standing=Standing(times=before.times + 1, total=before.total + event.amount))


def begin_row(event: CounterOpened) -> CounterRow:
    """A counter's row."""
    return CounterRow(counter=event.counter, times=0, total=0)


def evolve_row(event: CounterRaised, row: CounterRow) -> CounterRow:
    """The row of a counter that was raised."""
    return replace(row, times=row.times + 1, total=row.total + event.amount)


def react(event: CounterRaised, context: InvocationContext) -> Sequence[Ask]:
    """Each big step is counted in a counter of its own."""
    if event.amount < BIG:
        return []
    return [Ask(command=NoteStep(counter=sum_of(event.counter), amount=1))]


class Directory(Tenants, Scopes, Grants, Sessions):  # type: ignore[misc]  # two of them have a generation
    """The counters in memory, in place of all that a gateway would ask: nobody here is a tenant, or holds a role."""

    def __init__(self) -> None:
        """Knows no counter."""
        self.rows: dict[CounterId, CounterRow] = {}

    def put(self, row: CounterRow) -> None:
        """See `Index.put`."""
        self.rows[row.counter] = row

    def drop(self, row: CounterRow) -> None:
        """See `Index.drop`."""
        del self.rows[row.counter]

    def path(self, scope: ScopeId) -> tuple[ScopeId, ...]:
        """See `Scopes.path`."""
        return (scope,)


counter = Decider("counter", create=create, decide=decide, begin=begin, evolve=evolve)
counters = View(begin=begin_row, evolve=evolve_row, queries=[FindCounter], index=Directory)
counting = Module(
    "counting",
    parts=[counter, counters, Reaction("count-big-steps", react)],
    grants={CONTRIBUTOR: [OpenCounter, RaiseCounter, NoteStep, FindCounter]},
)
product = Product("simulated", [counting])
