"""The edge of a module: what is impure or secret happens before a command is sent and after its verdict is durable."""

from collections.abc import Awaitable, Callable
from typing import Any

from osteon.domain.signatures import parameter_types

__all__ = ["Answer", "Prepare", "Present"]


class Prepare:
    """Replaces a public command by what may be recorded: `async def prepare(command: LogIn, edge: Edge) -> OpenSession`.

    It runs once an attempt, retries included, and may wait: check a password, draw randomness, ask a provider.
    """

    def __init__(self, prepare: Callable[[Any, Any], Awaitable[Any]]) -> None:
        """Declares the preparation of the commands that the first parameter names."""
        self.prepare = prepare
        self.commands = parameter_types(prepare)


class Present:
    """Makes the answer from the recorded one: `def present(opened: SessionOpened, edge: Edge) -> TokenPair`.

    It is given the event that an accepted command recorded and must be deterministic: a retry is handed the same.
    """

    def __init__(self, present: Callable[[Any, Any], Any]) -> None:
        """Declares the presentation of the events that the first parameter names."""
        self.present = present
        self.events = parameter_types(present)


class Answer:
    """Answers a query that is not a filter over one view: `async def answer(query: ListMyInvocations, edge: Edge) -> …`."""

    def __init__(self, answer: Callable[[Any, Any], Awaitable[Any]]) -> None:
        """Declares the answer to the queries that the first parameter names."""
        self.answer = answer
        self.queries = parameter_types(answer)
