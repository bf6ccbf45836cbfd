"""The dead letters that wait, or were passed over; in memory, because nothing overtakes what waits."""

from datetime import datetime
from typing import Any

from osteon.domain import Browse, Find, Row, View
from osteon.messages import Command
from osteon.model import Identifier, ScopeId, TenantId, replace
from osteon.modules.operations.dead_letter import (
    DeadLetterId,
    FailReplay,
    FinishReplay,
    LetterParked,
    LetterReplayed,
    LetterSkipped,
    ParkLetter,
    ReplayAsked,
    ReplayFailed,
    letter_id,
)
from osteon.ports.dead_letters import Cause, DeadLetters, Failure, Letter, Strand

__all__ = ["DeadLetterRow", "GetDeadLetter", "ListDeadLetters", "ParkedLetters", "dead_letters"]


class DeadLetterRow(Row):
    """Something that could not be done.

    `handler` is the reaction, saga or sink, `about` the entity that it is about; `error` is why it failed last, `tries` how often
    it was done again since it first waited, `reason` why it was passed over.
    """

    dead_letter: DeadLetterId
    scope: ScopeId
    handler: str
    about: Identifier
    key: str
    state: str
    error: str
    since: datetime
    cause: Cause | None = None
    due: datetime | None = None
    command: str | None = None
    ordinal: str | None = None
    tries: int = 0
    reason: str | None = None


class GetDeadLetter(Find[DeadLetterRow]):
    """One dead letter that waits, or was passed over."""

    dead_letter: DeadLetterId


class ListDeadLetters(Browse[DeadLetterRow]):
    """What waits to be done again, or was passed over."""

    handler: str | None = None
    about: Identifier | None = None
    state: str | None = "waiting"


class ParkedLetters(DeadLetters):
    """The dead letters of a tenant in memory, those of each strand in the order in which they came."""

    resuming = (ReplayAsked, LetterSkipped)

    def __init__(self) -> None:
        """Nothing waits."""
        self._waiting: dict[tuple[str, Identifier], dict[str, DeadLetterRow]] = {}
        self._rows: dict[DeadLetterId, DeadLetterRow] = {}
        self._skipped: set[tuple[str, Identifier, str]] = set()
        self._count = 0

    @property
    def waiting(self) -> int:
        """See `DeadLetters.waiting`."""
        return self._count

    def row(self, dead_letter: DeadLetterId) -> DeadLetterRow | None:
        """A letter that waits, or was passed over since the start."""
        return self._rows.get(dead_letter)

    def of(self, strand: Strand) -> list[DeadLetterRow]:
        """What waits on a strand, in order."""
        rows = self._waiting.get((strand.handler, strand.about), {}).values()
        return sorted(rows, key=_order)

    def put(self, row: DeadLetterRow) -> None:
        """See `Index.put`."""
        self._rows[row.dead_letter] = row
        if row.state == "skipped":
            self._forget(row)
            self._skipped.add((row.handler, row.about, row.key))
            return
        letters = self._waiting.setdefault((row.handler, row.about), {})
        self._count += row.key not in letters
        letters[row.key] = row

    def drop(self, row: DeadLetterRow) -> None:
        """See `Index.drop`."""
        del self._rows[row.dead_letter]
        self._forget(row)

    def holds(self, strand: Strand) -> bool:
        """See `DeadLetters.holds`."""
        return (strand.handler, strand.about) in self._waiting

    def is_skipped(self, strand: Strand, key: str) -> bool:
        """See `DeadLetters.is_skipped`."""
        return (strand.handler, strand.about, key) in self._skipped

    def first(self, strand: Strand) -> Letter | None:
        """See `DeadLetters.first`."""
        rows = self._waiting.get((strand.handler, strand.about), {}).values()
        row = min(rows, key=_order, default=None)
        return None if row is None else _letter(row)

    def park(self, tenant: TenantId, letter: Letter, failure: Failure) -> Command[Any]:
        """See `DeadLetters.park`."""
        return ParkLetter(dead_letter=letter_id(tenant, letter), letter=letter, failure=failure)

    def replayed(self, tenant: TenantId, letter: Letter) -> Command[Any]:
        """See `DeadLetters.replayed`."""
        return FinishReplay(dead_letter=letter_id(tenant, letter))

    def failed(self, tenant: TenantId, letter: Letter, failure: Failure) -> Command[Any]:
        """See `DeadLetters.failed`."""
        return FailReplay(dead_letter=letter_id(tenant, letter), failure=failure)

    def _forget(self, row: DeadLetterRow) -> None:
        strand = (row.handler, row.about)
        letters = self._waiting.get(strand, {})
        if letters.pop(row.key, None) is not None:
            self._count -= 1
            if not letters:
                del self._waiting[strand]


def begin(event: LetterParked) -> DeadLetterRow:
    """It waits."""
    letter, failure = event.letter, event.failure
    return DeadLetterRow(
        dead_letter=event.dead_letter,
        scope=event.scope,
        handler=letter.handler,
        about=letter.about,
        key=letter.key,
        state="waiting",
        error=failure.error,
        since=event.at,
        cause=letter.cause,
        due=letter.due,
        command=failure.command,
        ordinal=failure.ordinal,
    )


def evolve(
    event: ReplayAsked | ReplayFailed | LetterReplayed | LetterSkipped, row: DeadLetterRow
) -> DeadLetterRow | None:
    """What was done needs no row any more."""
    match event:
        case ReplayAsked():
            return replace(row, state="replaying", tries=row.tries + 1)
        case ReplayFailed(failure=failure):
            failed = {"error": failure.error, "command": failure.command, "ordinal": failure.ordinal}
            return replace(row, state="waiting", **failed)
        case LetterSkipped(reason=reason):
            return replace(row, state="skipped", reason=reason)
        case LetterReplayed():
            return None


def _order(row: DeadLetterRow) -> tuple[datetime, str]:
    """Within one moment, the identifiers of events tell which came first."""
    return row.since, row.key


def _letter(row: DeadLetterRow) -> Letter:
    return Letter(handler=row.handler, about=row.about, key=row.key, cause=row.cause, due=row.due, ordinal=row.ordinal)


dead_letters = View(begin=begin, evolve=evolve, queries=[GetDeadLetter, ListDeadLetters], index=ParkedLetters)
