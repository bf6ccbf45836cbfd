"""Deciders: what an entity may do, as pure functions over its state."""

from collections.abc import Callable
from typing import Any, Generic, Never, TypeVar, overload

from osteon.context import InvocationContext
from osteon.domain.decision import Decision
from osteon.domain.signatures import parameter_types
from osteon.messages import Command, Event
from osteon.model import Misdeclared

__all__ = ["Decider"]

S = TypeVar("S")
Making = TypeVar("Making", bound=Command[Any])
Asked = TypeVar("Asked", bound=Command[Any])
Born = TypeVar("Born", bound=Event)
Changed = TypeVar("Changed", bound=Event)
T = TypeVar("T")
OnlyMaking = TypeVar("OnlyMaking", bound=Command[Any])
OnlyBorn = TypeVar("OnlyBorn", bound=Event)


class Decider(Generic[Making, Asked, S, Born, Changed]):
    """An entity: how it comes to be, what can be asked of it, how it remembers.

    `create` decides on a command for an entity that does not exist yet, `decide` on one for an entity that does; so no rule ever
    sees a missing entity. `begin` makes the state from the first event, `evolve` folds each later one. All four are pure: time
    and identifiers come with the command and its context.

    A command that both `create` and `decide` take is for an entity whether it exists or not.

    A command's target is its field named like the entity. The entity lives in the scope that its state's field `scope` names;
    without such a field it lives in the tenant's root.
    """

    @overload
    def __init__(
        self: "Decider[OnlyMaking, Never, T, OnlyBorn, Never]",
        entity: str,
        *,
        create: Callable[[OnlyMaking, InvocationContext], Decision],
        begin: Callable[[OnlyBorn], T],
        revision: int = 1,
    ) -> None: ...

    @overload
    def __init__(
        self,
        entity: str,
        *,
        create: Callable[[Making, InvocationContext], Decision],
        begin: Callable[[Born], S],
        decide: Callable[[Asked, S, InvocationContext], Decision],
        evolve: Callable[[Changed, S], S],
        revision: int = 1,
    ) -> None: ...

    def __init__(
        self,
        entity: str,
        *,
        create: Callable[[Any, InvocationContext], Decision],
        begin: Callable[[Any], Any],
        decide: Callable[[Any, Any, InvocationContext], Decision] | None = None,
        evolve: Callable[[Any, Any], Any] | None = None,
        revision: int = 1,
    ) -> None:
        """Declares an entity; what each function takes is read from its annotations.

        Args:
            entity: The entity's name in snake_case, as in its fields: `project`.
            create: Decides on a command that makes the entity.
            begin: The state after the first event.
            decide: Decides on any other command; left out, with `evolve`, where there is none.
            evolve: The state after any other event.
            revision: To be raised when the code of `begin` and `evolve` makes another state of the same events: states that were
                kept are not used any more then. A change of the state's fields, or of the events, is seen without it.

        Raises:
            Misdeclared: A command has no field named like the entity.
        """
        self.entity = entity
        self.create: Callable[[Making, InvocationContext], Decision] = create
        self.begin: Callable[[Born], S] = begin
        self.decide: Callable[[Asked, S, InvocationContext], Decision] | None = decide
        self.evolve: Callable[[Changed, S], S] | None = evolve
        self.revision = revision
        self.creating: tuple[type[Making], ...] = parameter_types(create)
        self.deciding: tuple[type[Asked], ...] = parameter_types(decide) if decide else ()
        self.beginning: tuple[type[Born], ...] = parameter_types(begin)
        self.evolving: tuple[type[Changed], ...] = parameter_types(evolve) if evolve else ()
        for command in (*self.creating, *self.deciding):
            if entity not in command.__annotations__:
                raise Misdeclared(
                    f"'{command.__name__}' needs a field '{entity}': the identifier of the entity it is for."
                )

    @property
    def commands(self) -> tuple[type[Command[Any]], ...]:
        """Every command that the entity takes."""
        return tuple(dict.fromkeys((*self.creating, *self.deciding)))

    @property
    def events(self) -> tuple[type[Event], ...]:
        """Every event that can happen to the entity."""
        return tuple(dict.fromkeys((*self.beginning, *self.evolving)))

    def fold(self, state: S | None, event: Any) -> S:
        """The state after one more event; `state` is None before the first."""
        if state is None:
            return self.begin(event)
        if self.evolve is None:
            raise Misdeclared(f"'{type(event).__name__}' happened to a '{self.entity}', which declares no 'evolve'.")
        return self.evolve(event, state)
