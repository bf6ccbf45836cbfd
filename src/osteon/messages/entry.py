"""Entries: one for each command, holding all that it was and all that it led to.

The entry is the idempotency record, the audit record and the history at once.
"""

from typing import Literal, NamedTuple

import msgspec

from osteon.context import InvocationContext
from osteon.model import Identifier, MessageId, Problem, Value

__all__ = ["Correlation", "Entry", "Happened", "Position", "Recorded", "Verdict"]

Verdict = Literal["accepted", "rejected", "faulted"]


class Position(NamedTuple):
    """The place of an entry in its tenant's journal; comparable only within one partition."""

    partition: int
    sequence: int

    @property
    def token(self) -> str:
        """The position as clients carry it: opaque to them."""
        return f"{self.partition << 48 | self.sequence:014x}"

    @classmethod
    def of(cls, token: str) -> "Position":
        """The position that `token` stands for.

        Raises:
            ValueError: The text is not a position.
        """
        number = int(token, 16)
        return cls(number >> 48, number & (1 << 48) - 1)


class Correlation(Value):
    """Which message led to which: its own identifier, that of the first in the chain, and that of its cause."""

    id: MessageId
    originating: MessageId
    parent: MessageId | None = None


class Recorded(Value):
    """A message as it stands in the journal: its identifier, its wire name, its fields as JSON."""

    id: MessageId
    type: str
    body: msgspec.Raw


class Happened(NamedTuple):
    """An event with all that is known about it."""

    event: Recorded
    correlation: Correlation
    entry: "Entry"


class Entry(Value):
    """A command, its context, its verdict, its answer and its events, recorded as one.

    Attributes:
        position: Where the entry stands: partition and sequence.
        entity_type: The entity that decided, such as `project`.
        entity: Its identifier.
        key: The idempotency key within the entity: the actor's key space and the external invocation ID, or the causing message,
            handler and ordinal.
        fingerprint: A keyed MAC over what the client asked, which tells a retry from another payload under the same key.
        correlation: The identifiers of the command; its events are caused by it.
        command: The command as decided: after prepare, without secrets.
        problem: Why it was rejected, or what an unexpected error is known as.
        answer: The answer of an accepted command, as JSON.
    """

    position: Position
    entity_type: str
    entity: Identifier
    key: str
    fingerprint: str
    context: InvocationContext
    correlation: Correlation
    command: Recorded
    verdict: Verdict
    problem: Problem | None = None
    answer: msgspec.Raw = msgspec.Raw(b"null")
    events: tuple[Recorded, ...] = ()

    def happened(self, number: int) -> Happened:
        """The event of that number, from 0, with its correlation."""
        event = self.events[number]
        correlation = Correlation(id=event.id, originating=self.correlation.originating, parent=self.command.id)
        return Happened(event, correlation, self)
