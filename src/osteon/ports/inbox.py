"""The inbox: commands waiting to be decided; and replies, on their way back."""

from collections.abc import Awaitable
from typing import Any, Protocol

from osteon.context import InvocationContext
from osteon.messages import Command, Recorded, Verdict
from osteon.model import Identifier, InvocationId, MessageId, Problem, Value

__all__ = ["Delivery", "Inbox", "Replies", "Reply"]


class Delivery(Value):
    """A command on its way to the processor.

    Attributes:
        command: The command, prepared and decoded.
        entity: Its target.
        key: Its idempotency key within the entity.
        fingerprint: Tells a retry from another payload under the same key.
        parent: The message that caused it; None for a command from outside.
        originating: The first message of the chain; None when this is the first.
        expires: Milliseconds since 1970 after which it is not run any more.
    """

    context: InvocationContext
    command: Command[Any]
    entity: Identifier
    key: str
    fingerprint: str
    expires: int
    parent: MessageId | None = None
    originating: MessageId | None = None


class Reply(Value):
    """What became of a command.

    Attributes:
        verdict: Accepted, rejected, faulted; None when it was refused and not recorded.
        answer: The recorded answer as JSON.
        invocation: The invocation that was recorded: that of the first attempt.
        position: The position's token; None when nothing was recorded.
        replayed: Whether the verdict was recorded before.
        events: The recorded events of an accepted command: present reads them.
    """

    verdict: Verdict | None
    problem: Problem | None
    answer: bytes
    invocation: InvocationId
    position: str | None
    replayed: bool = False
    events: tuple[Recorded, ...] = ()

    @classmethod
    def refused(cls, invocation: InvocationId, problem: Problem) -> "Reply":
        """The reply to a command that is not recorded."""
        return cls(verdict=None, problem=problem, answer=b"null", invocation=invocation, position=None)


class Inbox(Protocol):
    """Takes commands in; bounded, and tenants take turns."""

    def put(self, delivery: Delivery) -> None:
        """Hands a command over.

        Raises:
            Refused: With `too-many-requests` when the tenant's share is full, with `busy` when the whole is.
        """
        ...


class Replies(Protocol):
    """Brings replies back to whoever waits for them."""

    def expect(self, invocation: InvocationId) -> Awaitable[Reply]:
        """Waits for the reply to an invocation; must be called before the command is put, and once for each delivery."""
        ...

    def deliver(self, invocation: InvocationId, reply: Reply) -> None:
        """Hands a reply over; one that nobody expects is dropped."""
        ...
