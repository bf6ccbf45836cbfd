"""Modules: a bounded context as one value, and all that it declares."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from osteon.domain.decider import Decider
from osteon.domain.gate import Answer, Prepare, Present
from osteon.domain.reaction import Reaction
from osteon.domain.role import Role
from osteon.domain.saga import Saga
from osteon.domain.sink import Sink
from osteon.domain.view import View
from osteon.messages import Command, Event, Message

__all__ = ["Limit", "Module", "Part"]

Part = (
    Decider[Any, Any, Any, Any, Any]
    | View[Any, Any, Any]
    | Reaction[Any]
    | Saga[Any, Any, Any]
    | Sink[Any]
    | Prepare
    | Present
    | Answer
)


class Limit(NamedTuple):
    """How often a command may be asked about the same thing, such as a log-in with one address.

    `by` tells from the command what that is.

    `rejected_per_minute` counts those that were rejected, apart from all: guessing is slower than using.
    """

    command: type[Message]
    by: Callable[[Any], str]
    per_minute: int
    rejected_per_minute: int


class Module:
    """A bounded context: its parts, who may ask what of it, and the events that others may react to.

    Attributes:
        name: In kebab-case; the keys of its problems and texts begin with it.
        parts: Deciders, views, reactions, sagas, sinks, and what happens at the edge.
        exports: The events that other modules may react to.
        grants: For each role, the commands and queries that it may ask.
        guests: The commands and queries that need no log-in.
        limits: How often some commands may be asked.
        operators: The internal commands that an operator may ask at the machine itself; no client can send them.
    """

    def __init__(
        self,
        name: str,
        *,
        parts: Sequence[Part],
        exports: Sequence[type[Event]] = (),
        grants: Mapping[Role, Sequence[type[Message]]] | None = None,
        guests: Sequence[type[Message]] = (),
        limits: Sequence[Limit] = (),
        operators: Sequence[type[Command[Any]]] = (),
    ) -> None:
        """Declares a module; a `Product` checks that it is whole."""
        self.name = name
        self.parts = tuple(parts)
        self.exports = tuple(exports)
        self.grants = {role: tuple(types) for role, types in (grants or {}).items()}
        self.guests = tuple(guests)
        self.limits = tuple(limits)
        self.operators = tuple(operators)

    @property
    def deciders(self) -> list[Decider[Any, Any, Any, Any, Any]]:
        """The entities of the module."""
        return [*(part for part in self.parts if isinstance(part, Decider)), *(saga.decider for saga in self.sagas)]

    @property
    def views(self) -> list[View[Any, Any, Any]]:
        """The views of the module."""
        return [*(part for part in self.parts if isinstance(part, View)), *(saga.view for saga in self.sagas)]

    @property
    def sagas(self) -> list[Saga[Any, Any, Any]]:
        """The sagas of the module; each has an entity and a view among those of the module."""
        return [part for part in self.parts if isinstance(part, Saga)]

    @property
    def reactions(self) -> list[Reaction[Any]]:
        """The reactions of the module."""
        return [part for part in self.parts if isinstance(part, Reaction)]

    @property
    def sinks(self) -> list[Sink[Any]]:
        """The sinks of the module."""
        return [part for part in self.parts if isinstance(part, Sink)]

    def messages(self) -> Iterator[type[Message]]:
        """Every message type that the module's parts name; some belong to another module that exports them."""
        for part in self.parts:
            match part:
                case Decider():
                    yield from part.commands
                    yield from part.events
                case View():
                    yield from part.queries
                case Prepare():
                    yield from part.commands
                case Answer():
                    yield from part.queries
                case Saga():
                    yield from part.decider.commands
                    yield from part.decider.events
                    yield from part.view.queries
                case Reaction() | Sink() | Present():
                    pass
