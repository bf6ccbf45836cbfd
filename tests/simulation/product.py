"""What runs in the simulation: counters, in which everything shows that an engine, a log or a view can do wrong.

A counter says with each answer how often it was raised and what it stands at, and so does its row. Big steps are counted
by a reaction, in a counter of their own. A parcel raises a counter by and by: the saga `dispatch` lets it rest, brings it,
and gives it up when the counter does not take it, or not in time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NewType

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
    Refusal,
    Row,
    Saga,
    Step,
    View,
    Woken,
    accept,
    reject,
)
from osteon.messages import Command, Event
from osteon.model import HOUSE, Identifier, ScopeId, TenantId, Value, named, replace
from osteon.modules.operations import operations
from osteon.ports.directory import Grants, Scopes, Sessions, TenantEntry, Tenants

__all__ = [
    "BIG",
    "REVISIONS",
    "TENANTS",
    "CounterId",
    "CounterRow",
    "Directory",
    "FindCounter",
    "FindTally",
    "OpenCounter",
    "ParcelId",
    "RaiseCounter",
    "SendParcel",
    "Standing",
    "Weather",
]
__all__ += ["an_id", "entity_of", "product", "products", "root_of", "sum_of"]

CounterId = NewType("CounterId", Identifier)
ParcelId = NewType("ParcelId", Identifier)
TENANTS = (HOUSE, TenantId(Identifier(named("", "another tenant"))))
BIG = 80
HEAVY = 8
"""A parcel of that many is not taken."""

CURSED = 5
"""Under a curse, nobody can take a parcel of so many, or of more."""

REVISIONS = 4
"""How often the fold of tallies is said to have changed at most."""

_DEADLINE = timedelta(seconds=1)


def root_of(tenant: TenantId) -> ScopeId:
    """The root scope of a tenant."""
    return ScopeId(Identifier(named(tenant, tenant, "root")))


def entity_of(command: Command[Any]) -> Identifier:
    """What a client's command is about."""
    about: Identifier = command.parcel if isinstance(command, SendParcel) else getattr(command, "counter")  # noqa: B009
    return about


def an_id(name: object) -> CounterId:
    """The counter of that name."""
    return CounterId(named("", str(name)))


def sum_of(counter: CounterId) -> CounterId:
    """The counter in which the big steps of another are counted: two of them share one."""
    return an_id(f"sum/{ord(counter[-1]) % 2}")


class Weather:
    """What comes from outside of all rules.

    In a storm the rule faults: what no rule should, but some will. In a squall only those do that nobody asks by himself.

    Attributes:
        cursed: Whether a counter faults over some parcels for ever, so that they are parked.
        tenants: Which there are.
    """

    storm = False
    squall = False
    cursed = False
    tenants: Sequence[TenantId] = TENANTS


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


class TakeIn(Command[Standing], internal=True):
    """Raise a counter by what is in a parcel."""

    counter: CounterId
    parcel: ParcelId
    amount: int


class SendParcel(Command[None]):
    """Send a parcel to a counter, where it is to be brought in so many seconds."""

    parcel: ParcelId
    target: CounterId
    amount: int
    rest: int


class CloseParcel(Command[None], internal=True):
    """Say what became of a parcel."""

    parcel: ParcelId
    how: str


class CounterOpened(Event):
    """A counter exists."""

    counter: CounterId


class CounterRaised(Event):
    """A counter stands higher."""

    counter: CounterId
    amount: int


class ParcelTaken(Event):
    """A counter stands higher by what was in a parcel."""

    counter: CounterId
    parcel: ParcelId
    amount: int


class ParcelSent(Event):
    """A parcel is under way."""

    parcel: ParcelId
    target: CounterId
    amount: int
    rest: int


class ParcelClosed(Event):
    """It is known what became of a parcel."""

    parcel: ParcelId
    how: str


class Parcel(Value):
    """What is remembered of a parcel."""

    parcel: ParcelId
    how: str = ""


class Dispatch(Value):
    """Where a parcel is: resting until `due`, then under way until `due`, then closed."""

    parcel: ParcelId
    target: CounterId
    amount: int
    due: datetime | None
    under_way: bool = False
    closed: bool = False


class Counter(Value):
    """What is remembered of a counter."""

    counter: CounterId
    standing: Standing


class CounterRow(Row):
    """A counter as it is found."""

    counter: CounterId
    times: int
    total: int


class TallyRow(Row):
    """A counter as it is found where nothing is decided by it, and the revision of the fold that made the row."""

    counter: CounterId
    times: int
    total: int
    revision: int


class FindCounter(Find[CounterRow]):
    """One counter."""

    counter: CounterId


class FindTally(Find[TallyRow]):
    """One counter, where nothing is decided by it."""

    counter: CounterId


def create(command: OpenCounter, context: InvocationContext) -> Decision:
    """Anybody's, at any time."""
    return accept(CounterOpened(counter=command.counter), answer=command.counter)


def decide(command: RaiseCounter | NoteStep | TakeIn, counter: Counter, context: InvocationContext) -> Decision:
    """Counters only rise, and nobody counts in a storm."""
    if Weather.storm or (Weather.squall and not isinstance(command, RaiseCounter)):
        raise ArithmeticError("the rule itself is wrong")
    raised: CounterRaised | ParcelTaken
    if isinstance(command, TakeIn):
        if Weather.cursed and command.amount >= CURSED:
            raise ArithmeticError("the parcel itself is wrong")
        if command.amount >= HEAVY:
            return reject("counting.heavy", amount=command.amount)
        raised = ParcelTaken(counter=command.counter, parcel=command.parcel, amount=command.amount)
    elif command.amount < 0:
        return reject("counting.negative", amount=command.amount)
    else:
        raised = CounterRaised(counter=command.counter, amount=command.amount)
    return accept(raised, answer=evolve(raised, counter).standing)


def begin(event: CounterOpened) -> Counter:
    """A counter as it starts."""
    return Counter(counter=event.counter, standing=Standing(times=0, total=0))


def evolve(event: CounterRaised | ParcelTaken, counter: Counter) -> Counter:
    """A counter that was raised."""
    before = counter.standing
    return replace(counter, standing=Standing(times=before.times + 1, total=before.total + event.amount))


def begin_row(event: CounterOpened) -> CounterRow:
    """A counter's row."""
    return CounterRow(counter=event.counter, times=0, total=0)


def evolve_row(event: CounterRaised | ParcelTaken, row: CounterRow) -> CounterRow:
    """The row of a counter that was raised."""
    return replace(row, times=row.times + 1, total=row.total + event.amount)


def react(event: CounterRaised, context: InvocationContext) -> Sequence[Ask]:
    """Each big step is counted in a counter of its own."""
    if event.amount < BIG:
        return []
    return [Ask(command=NoteStep(counter=sum_of(event.counter), amount=1))]


def send(command: SendParcel, context: InvocationContext) -> Decision:
    """Anybody's, to any counter."""
    sent = ParcelSent(parcel=command.parcel, target=command.target, amount=command.amount, rest=command.rest)
    return accept(sent)


def close(command: CloseParcel, parcel: Parcel, context: InvocationContext) -> Decision:
    """What became of a parcel is said once."""
    if parcel.how:
        return reject("counting.closed", how=parcel.how)
    return accept(ParcelClosed(parcel=command.parcel, how=command.how))


def sent(event: ParcelSent) -> Parcel:
    """A parcel under way."""
    return Parcel(parcel=event.parcel)


def closed(event: ParcelClosed, parcel: Parcel) -> Parcel:
    """A parcel of which it is known what became."""
    return replace(parcel, how=event.how)


def set_out(event: ParcelSent, context: InvocationContext) -> Step[Dispatch]:
    """A parcel that need not rest is brought at once."""
    state = Dispatch(parcel=event.parcel, target=event.target, amount=event.amount, due=context.at)
    if event.rest:
        return Step(state=replace(state, due=context.at + timedelta(seconds=event.rest)))
    return _bring(state, context)


def go_on(
    event: ParcelTaken | ParcelClosed | Woken | Refusal, state: Dispatch, context: InvocationContext
) -> Step[Dispatch]:
    """A parcel is brought when it has rested, and closed when it was taken, was refused, or is late."""
    if Weather.squall:
        raise ArithmeticError("the step itself is wrong")
    match event:
        case Woken() if state.due is None:
            return Step(state=state, settled=state.closed)
        case Woken() if not state.under_way:
            return _bring(state, context)
        case Woken():
            return _close(state, "late")
        case ParcelTaken():
            return _close(state, "taken")
        case Refusal() if event.command == "take-in":
            return _close(state, "returned")
        case Refusal():
            return Step(state=state, settled=state.closed)
        case ParcelClosed():
            return Step(state=replace(state, due=None, closed=True), settled=True)


def _bring(state: Dispatch, context: InvocationContext) -> Step[Dispatch]:
    asked = Ask(command=TakeIn(counter=state.target, parcel=state.parcel, amount=state.amount))
    return Step(state=replace(state, due=context.at + _DEADLINE, under_way=True), asks=(asked,))


def _close(state: Dispatch, how: str) -> Step[Dispatch]:
    asked = Ask(command=CloseParcel(parcel=state.parcel, how=how))
    return Step(state=replace(state, due=None), asks=(asked,))


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

    def all(self) -> Sequence[TenantEntry]:
        """See `Tenants.all`."""
        return [_entry(tenant) for tenant in Weather.tenants]

    def with_id(self, tenant: TenantId) -> TenantEntry:
        """See `Tenants.with_id`."""
        return _entry(tenant)


def _entry(tenant: TenantId) -> TenantEntry:
    return TenantEntry(tenant=tenant, name=str(tenant), type="simulated", root=root_of(tenant))


def _tallies(revision: int) -> View[Any, Any, Any]:
    """The view of tallies, as it is after so many changes of its code."""

    def begin_tally(event: CounterOpened) -> TallyRow:
        return TallyRow(counter=event.counter, times=0, total=0, revision=revision)

    def evolve_tally(event: CounterRaised | ParcelTaken, row: TallyRow) -> TallyRow:
        return replace(row, times=row.times + 1, total=row.total + event.amount)

    return View(begin=begin_tally, evolve=evolve_tally, queries=[FindTally], revision=revision)


counter = Decider("counter", create=create, decide=decide, begin=begin, evolve=evolve)
parcel = Decider("parcel", create=send, decide=close, begin=sent, evolve=closed)
counters = View(begin=begin_row, evolve=evolve_row, queries=[FindCounter], index=Directory)
dispatch = Saga("dispatch", about="parcel", begin=set_out, proceed=go_on, due=lambda state: state.due)


def _product(revision: int) -> Product:
    counting = Module(
        "counting",
        parts=[counter, parcel, counters, _tallies(revision), Reaction("count-big-steps", react), dispatch],
        grants={CONTRIBUTOR: [OpenCounter, RaiseCounter, NoteStep, SendParcel, FindCounter, FindTally]},
    )
    return Product("simulated", [counting, operations])


products = [_product(revision) for revision in range(1, REVISIONS + 1)]
"""The product, as it is released one time after another."""

product = products[0]
