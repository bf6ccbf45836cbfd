"""Messages: what can be asked (commands, queries) and what can have happened (events).

A message is a value. Its Python name in PascalCase gives its wire name in kebab-case (`CreateProject`, `create-project`); its
docstring is what the reference says about it.
"""

import re
from typing import Any, ClassVar, Generic, TypeVar

from osteon.model import Value

__all__ = ["Command", "Event", "Message", "Query", "wire_name"]

A_co = TypeVar("A_co", covariant=True)


class Message(Value):
    """Anything that travels: asked by somebody, or told about what happened.

    `class OpenSession(Command[None], internal=True)` is one that no client can send: prepared from a public one, asked by a
    reaction or a saga, or found at the edge.
    """

    internal: ClassVar[bool] = False


class Command(Message, Generic[A_co]):
    """Asks for a change; `Command[A]` is answered with an `A` when accepted.

    A command that concerns two scopes names the field that holds the other one: `class MoveProject(Command[None],
    also_in="destination")`. Both are then decided.
    """

    also_in: ClassVar[str | None] = None


class Query(Message, Generic[A_co]):
    """Asks for an answer and changes nothing; `Query[A]` is answered with an `A`."""


class Event(Message):
    """Something that has happened; named in the past tense, kept for ever."""


def wire_name(message: type[Any]) -> str:
    """The name of a message type on the wire and in the journal: `CreateProject` is `create-project`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", message.__name__).lower()
