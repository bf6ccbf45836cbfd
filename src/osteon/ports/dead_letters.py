"""Dead letters: what a handler could not do, kept in order until somebody mends it.

A module keeps them; the engine parks, replays and passes over. See `DeadLetters`.
"""

from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec

from osteon.messages import Command, Event
from osteon.model import Identifier, TenantId, Value

__all__ = ["Cause", "Correction", "DeadLetters", "Failure", "Letter", "Strand"]


class Strand(NamedTuple):
    """All that one handler does about one thing of a tenant: it is done in order."""

    tenant: TenantId
    handler: str
    about: Identifier


class Cause(Value):
    """The event that a handler was given: its type, and where it stands in the journal."""

    type: str
    entity: Identifier
    position: str
    number: int


class Failure(Value):
    """Why something could not be done.

    Attributes:
        error: The problem's key, or the exception and what it said.
        ordinal: Which of the handler's commands it was; None when there was none yet.
        command: The wire name of that command.
        body: Its fields as JSON; null when there was none.
    """

    error: str
    ordinal: str | None = None
    command: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class Correction(Value):
    """The command that is to be sent in place of the one that failed; its fields as JSON."""

    command: str
    body: msgspec.Raw


class Letter(Value):
    """Something that waits to be done again.

    Attributes:
        key: Tells it from all others of its strand: the event's identifier, or the time of a wake-up.
        cause: The event; None for a wake-up.
        due: When the wake-up was due.
        ordinal: Which of the handler's commands failed.
    """

    handler: str
    about: Identifier
    key: str
    cause: Cause | None = None
    due: datetime | None = None
    ordinal: str | None = None


class DeadLetters(Protocol):
    """The dead letters of one tenant, in memory. The module that keeps them names its messages here."""

    resuming: ClassVar[tuple[type[Event], ...]]
    """The events after which a strand goes on: each has the fields `handler`, `about` and `key`, and may have a `correction`."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        ...

    def holds(self, strand: Strand) -> bool:
        """Whether something of the strand waits, so that all behind it must wait too."""
        ...

    def is_skipped(self, strand: Strand, key: str) -> bool:
        """Whether somebody decided that this is not to be done."""
        ...

    def first(self, strand: Strand) -> Letter | None:
        """What waits longest of a strand."""
        ...

    def park(self, tenant: TenantId, letter: Letter, failure: Failure) -> Command[Any]:
        """The command that keeps something for later; harmless when it is kept already."""
        ...

    def replayed(self, tenant: TenantId, letter: Letter) -> Command[Any]:
        """The command that tells that it was done."""
        ...

    def failed(self, tenant: TenantId, letter: Letter, failure: Failure) -> Command[Any]:
        """The command that tells that it failed again."""
        ...
