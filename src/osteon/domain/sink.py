"""Sinks: what has happened is handed on to something outside, in batches, at least once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from osteon.messages import Event, Happened
from osteon.model import MessageId, OsteonError

__all__ = ["Away", "Occurrence", "Sink"]

E = TypeVar("E", bound=Event)


class Away(OsteonError):
    """Raised by a sink when the other side is away: it is tried again for as long as that takes, and nothing is given up."""

    retryable = True


class Occurrence(NamedTuple, Generic[E]):
    """An event as it is handed to a sink.

    `key` is the same each time: the other side, or the sink itself, drops by it what it was given before. `happened` holds the
    recorded event and its entry: context, position, correlation.
    """

    key: MessageId
    event: E
    happened: Happened


class Sink(Generic[E]):
    """Hands events on, those of one entity in order, each tenant at its own pace.

    Its place is recorded after each batch. So after a crash a batch may come again, under the same keys.
    """

    def __init__(
        self,
        name: str,
        *,
        events: Sequence[type[E]],
        deliver: Callable[[Sequence[Occurrence[Any]]], Awaitable[None]],
        batch: int = 100,
    ) -> None:
        """Declares a sink.

        Args:
            name: Its name in kebab-case, for ever: its place is kept under it.
            events: What it is given; of another module only what that exports.
            deliver: Hands a batch on, and returns once the other side has it. `Away`, or any `OSError` such as a refused
                connection or a time-out, says that the other side is away. Any other exception says that something in the batch
                cannot be delivered: it is then tried one by one, and what fails alone becomes a dead letter.
            batch: How many events at most are handed on at once.
        """
        self.name = name
        self.events = tuple(events)
        self.deliver = deliver
        self.batch = batch
