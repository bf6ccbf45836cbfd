"""Sagas: what is done over several entities, step by step, each step decided by a pure function and recorded.

A saga is an entity itself. Its state is folded from its own events; what it asks, and when it wants to be woken, stands in them. So
it goes on after any crash exactly where it was, and its history can be read like that of any other entity.
"""

import heapq
from collections.abc import Callable, Sequence
from datetime import datetime
from types import new_class
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

import msgspec

from osteon.context import InvocationContext
from osteon.domain.decider import Decider
from osteon.domain.decision import Decision, accept
from osteon.domain.reaction import Ask
from osteon.domain.signatures import parameter_types
from osteon.domain.view import Find, Index, Row, View
from osteon.messages import Command, Event, wire_name
from osteon.model import Identifier, MessageId, Misdeclared, Problem, ScopeId, TenantId, Value, decoder, record_json

__all__ = ["Advanced", "Asked", "Dues", "Refusal", "Saga", "Step", "Woken"]

S = TypeVar("S", bound=Value)
Begun = TypeVar("Begun", bound=Event)
Followed = TypeVar("Followed", bound=Event)


class Woken(Event):
    """The time for which a saga waited has come."""

    at: datetime


class Refusal(Event):
    """A command that a saga asked was rejected."""

    command: str
    problem: Problem


class Step(Value, Generic[S]):
    """What a saga does next.

    Attributes:
        state: What it remembers from now on.
        asks: What it asks now; each is sent once.
        settled: Whether nothing is pending any more. Another event may unsettle it.
    """

    state: S
    asks: tuple[Ask, ...] = ()
    settled: bool = False


class Asked(Value):
    """A command that a saga asked, as it is recorded."""

    type: str
    body: msgspec.Raw
    scope: ScopeId | None = None
    tenant: TenantId | None = None


class Advanced(Event):
    """What every event of a saga has beside its identifier and its state.

    Attributes:
        within: The scope in which it can be seen: that of its state, or the root.
        heard: The greatest identifier of an event that the saga was told of.
        asks: What is asked now.
        due: When the saga is to be woken; None for never.
        settled: Whether nothing is pending.
    """

    within: ScopeId
    heard: MessageId
    asks: tuple[Asked, ...] = ()
    due: datetime | None = None
    settled: bool = False


class Saga(Generic[Begun, Followed, S]):
    """A process about one thing, such as the name of one project: begun by an event, carried on by others, by time, by refusals.

    It is about what the field `about` of its events names, and has the same identifier. Its entity, its commands, its events and
    its view are made from its name: a saga `naming` is read by `get-naming`.
    """

    def __init__(
        self,
        name: str,
        *,
        about: str,
        begin: Callable[[Begun, InvocationContext], Step[S]],
        proceed: Callable[[Followed, S, InvocationContext], Step[S]],
        due: Callable[[S], datetime | None] = lambda _: None,
    ) -> None:
        """Declares a saga; what it follows is read from the annotations. All three functions are pure.

        Args:
            name: Its name in snake_case, for ever: an entity of that name keeps its state.
            about: The field of its events that names what it is about.
            begin: The first step. An event that begins a saga which is there already is passed over.
            proceed: The next step, from any other event, from `Woken`, or from the `Refusal` of what it asked.
            due: When it wants to be woken, from its state alone: so no timer can be lost, or go off for what is over.

        Raises:
            Misdeclared: An event has no field `about`.
        """
        self.name = name
        self.about = about
        self.begin = begin
        self.proceed = proceed
        self.due = due
        self.beginning: tuple[type[Any], ...] = parameter_types(begin)
        following: tuple[type[Any], ...] = parameter_types(proceed)
        self.following = tuple(event for event in following if event not in (Woken, Refusal))
        self._check(following)
        self._decoders = {wire_name(event): decoder(event).decode for event in (*self.beginning, *following)}
        title = "".join(word.capitalize() for word in name.split("_"))
        state: Any = get_args(get_type_hints(begin)["return"])[0]
        words = name.replace("_", " ")
        happened = {name: Identifier, "event": MessageId | None, "type": str, "body": msgspec.Raw}
        kept = {name: Identifier, "state": state}
        self.begins = _made(f"Begin{title}", Command[None], happened, f"Begin the saga {words}.", internal=True)
        self.advances = _made(f"Advance{title}", Command[None], happened, f"Carry on the saga {words}.", internal=True)
        self.begun = _made(f"{title}Begun", Advanced, kept, f"The saga {words} has begun.")
        self.advanced = _made(f"{title}Advanced", Advanced, kept, f"The saga {words} has gone on.")
        self.decider = self._decider()
        self.view = self._view(title, words)

    @property
    def events(self) -> tuple[type[Event], ...]:
        """Every event of others that it follows."""
        return (*self.beginning, *self.following)

    def told(self, identifier: str, event: Event, of: MessageId | None = None) -> Command[Any]:
        """The command that tells the saga with that identifier of an event; `of` is the event's identifier, if it has one."""
        kind = self.begins if isinstance(event, self.beginning) else self.advances
        fields = {
            self.name: identifier,
            "event": of,
            "type": wire_name(type(event)),
            "body": msgspec.Raw(record_json(event)),
        }
        return cast("Command[Any]", kind(**fields))

    def hears(self, event: Event) -> bool:
        """Whether its functions take such an event."""
        return wire_name(type(event)) in self._decoders

    def _check(self, following: Sequence[type[Any]]) -> None:
        for event in (*self.beginning, *self.following):
            if self.about not in get_type_hints(event):
                raise Misdeclared(
                    f"'{event.__name__}' needs a field '{self.about}': the saga '{self.name}' is about it."
                )
        for event in set(self.beginning) & set(following):
            raise Misdeclared(
                f"'{event.__name__}' both begins the saga '{self.name}' and carries it on; it can do one only."
            )

    def _decider(self) -> Decider[Any, Any, Any, Any, Any]:
        def create(command: Any, context: InvocationContext) -> Decision:
            return accept(self._event(self.begun, command, self.begin(self._read(command), context), context, ""))

        def decide(command: Any, last: Any, context: InvocationContext) -> Decision:
            step = self.proceed(self._read(command), last.state, context)
            return accept(self._event(self.advanced, command, step, context, last.heard))

        def begin(event: Any) -> Any:
            return event

        def evolve(event: Any, last: Any) -> Any:
            return event

        _annotate(create, command=self.begins)
        _annotate(decide, command=self.advances)
        _annotate(begin, event=self.begun)
        _annotate(evolve, event=self.advanced, returns=self.advanced)
        return Decider(self.name, create=create, decide=decide, begin=begin, evolve=evolve)

    def _view(self, title: str, words: str) -> View[Any, Any, Any]:
        columns = {self.name: Identifier, "scope": ScopeId, "settled": bool, "heard": MessageId, "due": datetime | None}
        row = _made(f"{title}Row", Row, columns, f"Where the saga {words} stands.")
        query = _made(f"Get{title}", Find[row], {self.name: Identifier}, f"Where the saga {words} stands.")  # type: ignore[valid-type]

        def begin(event: Any) -> Any:
            names = {self.name: getattr(event, self.name)}
            return row(**names, scope=event.within, settled=event.settled, heard=event.heard, due=event.due)

        def evolve(event: Any, before: Any) -> Any:
            return begin(event)

        _annotate(begin, event=self.begun, returns=row)
        _annotate(evolve, event=self.advanced, returns=row)
        return View(begin=begin, evolve=evolve, queries=[query], index=lambda: Dues(self.name))

    def _read(self, command: Any) -> Any:
        return self._decoders[command.type](command.body)

    def _event(self, kind: type[Any], command: Any, step: Step[S], context: InvocationContext, heard: str) -> Any:
        asks = tuple(_recorded(ask) for ask in step.asks)
        names = {self.name: getattr(command, self.name)}
        told = {
            "within": getattr(step.state, "scope", context.scope.root),
            "heard": max(heard, command.event or ""),
            "asks": asks,
            "due": self.due(step.state),
            "settled": step.settled,
        }
        return kind(**names, **told, state=step.state)


class Dues(Index[Any]):
    """When the sagas of one kind in a tenant want to be woken, and which are not settled.

    Attributes:
        unsettled: Where something is pending: the last event that each of them heard of.
    """

    def __init__(self, name: str) -> None:
        """Nobody waits yet; `name` is the field with the saga's identifier."""
        self._name = name
        self.unsettled: dict[str, str] = {}
        self._dues: dict[str, datetime] = {}
        self._queue: list[tuple[datetime, str]] = []

    def put(self, row: Any) -> None:
        """See `Index.put`."""
        saga: str = getattr(row, self._name)
        if row.settled:
            self.unsettled.pop(saga, None)
        else:
            self.unsettled[saga] = row.heard
        if row.due is None:
            self._dues.pop(saga, None)
        elif self._dues.get(saga) != row.due:
            self._dues[saga] = row.due
            heapq.heappush(self._queue, (row.due, saga))

    def drop(self, row: Any) -> None:
        """See `Index.drop`."""
        saga: str = getattr(row, self._name)
        self._dues.pop(saga, None)
        self.unsettled.pop(saga, None)

    def due(self, saga: str) -> datetime | None:
        """When a saga wants to be woken; None for never."""
        return self._dues.get(saga)

    def until(self, now: datetime) -> list[tuple[str, datetime]]:
        """Those whose time has come, each once; one that is put again with another time is told of again."""
        found: list[tuple[str, datetime]] = []
        while self._queue and self._queue[0][0] <= now:
            due, saga = heapq.heappop(self._queue)
            # What was put off, or is over, is still in the queue.
            if self._dues.get(saga) == due:
                found.append((saga, due))
        return found

    def __len__(self) -> int:
        return len(self._dues)


def _recorded(ask: Ask) -> Asked:
    body = msgspec.Raw(record_json(ask.command))
    return Asked(type=wire_name(type(ask.command)), body=body, scope=ask.scope, tenant=ask.tenant)


def _made(name: str, base: Any, fields: dict[str, Any], doc: str, **options: Any) -> type[Any]:
    def fill(namespace: dict[str, Any]) -> None:
        namespace |= {"__annotations__": fields, "__doc__": doc, "__module__": __name__}

    return new_class(name, (base,), options, fill)


def _annotate(function: Callable[..., Any], *, returns: Any = Any, **parameters: Any) -> None:
    """Says of a function what it takes: known only now, as the types were just made."""
    function.__annotations__ |= {**parameters, "return": returns}
