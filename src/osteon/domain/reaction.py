"""Reactions: what is asked next when something has happened."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from osteon.context import InvocationContext
from osteon.domain.signatures import parameter_types
from osteon.messages import Command, Event
from osteon.model import ScopeId, TenantId, Value

__all__ = ["Ask", "Reaction"]

E = TypeVar("E", bound=Event)


class Ask(Value):
    """A command to be sent: in the same tenant and scope as what caused it, unless others are named.

    Another tenant can be named only by a reaction of the tenant `house`: provisioning is the one channel between tenants.
    """

    command: Command[Any]
    scope: ScopeId | None = None
    tenant: TenantId | None = None


class Reaction(Generic[E]):
    """From an event to commands, by a pure function. Each is sent once, whatever fails in between."""

    def __init__(self, name: str, react: Callable[[E, InvocationContext], Sequence[Ask]]) -> None:
        """Declares a reaction.

        Args:
            name: Its name in kebab-case, for ever: the keys of its commands are made of it.
            react: What to ask, given the event and the context in which it happened.
        """
        self.name = name
        self.react = react
        self.events: tuple[type[E], ...] = parameter_types(react)
