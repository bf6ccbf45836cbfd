"""Dead letters: kept until they are done or passed over, in the order in which they came."""

from datetime import UTC, datetime, timedelta

import msgspec

from osteon.domain.testing import ROOT, context, given, rows
from osteon.model import HOUSE, Identifier, named, replace
from osteon.modules.operations.dead_letter import (
    FailReplay,
    FinishReplay,
    LetterParked,
    LetterReplayed,
    LetterSkipped,
    ParkLetter,
    ReplayAsked,
    ReplayDeadLetter,
    ReplayFailed,
    SkipDeadLetter,
    dead_letter,
    letter_id,
)
from osteon.modules.operations.dead_letters import DeadLetterRow, ParkedLetters, dead_letters
from osteon.ports.dead_letters import Cause, Correction, Failure, Letter, Strand

AT = datetime(2026, 1, 1, tzinfo=UTC)
ABOUT = Identifier(named("", "project"))
CAUSE = Cause(type="project-created", entity=ABOUT, position="00000000000001", number=0)
LETTER = Letter(handler="greet", about=ABOUT, key="01K00000000000000000000001", cause=CAUSE, ordinal="0")
WHY = Failure(error="LookupError: x", ordinal="0", command="rename-project", body=msgspec.Raw(b"{}"))
ID = letter_id(HOUSE, LETTER)
STRAND = Strand(HOUSE, "greet", ABOUT)
PARKED = LetterParked(dead_letter=ID, scope=ROOT, letter=LETTER, failure=WHY, at=AT)
ASKED = ReplayAsked(dead_letter=ID, handler="greet", about=ABOUT, key=LETTER.key, reason="mended")
SKIPPED = LetterSkipped(dead_letter=ID, handler="greet", about=ABOUT, key=LETTER.key, reason="by hand")
DONE = LetterReplayed(dead_letter=ID)
PARK = ParkLetter(dead_letter=ID, letter=LETTER, failure=WHY)


def test_is_parked_once() -> None:
    given(dead_letter).when(PARK, context(at=AT)).then(PARKED)
    given(dead_letter, PARKED).when(PARK, context(at=AT)).changes_nothing()


def test_waits_again_when_it_fails_after_it_was_done() -> None:
    given(dead_letter, PARKED, DONE).when(PARK, context(at=AT)).then(PARKED)


def test_stays_passed_over() -> None:
    given(dead_letter, PARKED, SKIPPED).when(PARK, context(at=AT)).changes_nothing()


def test_is_replayed_with_a_reason_and_a_correction() -> None:
    instead = Correction(command="rename-project", body=msgspec.Raw(b"{}"))
    asked = ReplayDeadLetter(dead_letter=ID, reason="mended", correction=instead)
    given(dead_letter, PARKED).when(asked).then(replace(ASKED, correction=instead))


def test_is_mended_only_while_it_waits() -> None:
    for happened in (DONE, SKIPPED):
        for asked in (ReplayDeadLetter(dead_letter=ID, reason="x"), SkipDeadLetter(dead_letter=ID, reason="x")):
            given(dead_letter, PARKED, happened).when(asked).rejects("operations.not-waiting")


def test_what_the_engine_tells_twice_changes_nothing() -> None:
    finish, fail = FinishReplay(dead_letter=ID), FailReplay(dead_letter=ID, failure=WHY)
    given(dead_letter, PARKED, ASKED).when(finish).then(DONE)
    given(dead_letter, PARKED, ASKED).when(fail).then(ReplayFailed(dead_letter=ID, failure=WHY))
    for told in (finish, fail):
        given(dead_letter, PARKED, ASKED, DONE).when(told).changes_nothing()


def test_shows_why_and_how_often_it_failed() -> None:
    again = Failure(error="ValueError: y")
    (row,) = rows(dead_letters, PARKED, ASKED, ReplayFailed(dead_letter=ID, failure=again))
    assert (row.state, row.error, row.tries, row.command) == ("waiting", "ValueError: y", 1, None)
    (skipped,) = rows(dead_letters, PARKED, SKIPPED)
    assert (skipped.state, skipped.reason) == ("skipped", "by hand")
    assert rows(dead_letters, PARKED, DONE) == []


def test_the_oldest_of_a_strand_comes_first_in_whatever_order() -> None:
    letters = ParkedLetters()
    for second, key in ((2, "01K00000000000000000000003"), (1, "01K00000000000000000000002"), (1, LETTER.key)):
        letters.put(row_of(key, AT + timedelta(seconds=second)))
    first = letters.first(STRAND)
    assert first is not None
    assert first.key == LETTER.key
    assert [row.key[-1] for row in letters.of(STRAND)] == ["1", "2", "3"]


def test_holds_its_strand_until_the_last_is_gone() -> None:
    letters = ParkedLetters()
    one, two = row_of(LETTER.key, AT), row_of("01K00000000000000000000002", AT)
    letters.put(one)
    letters.put(two)
    letters.put(replace(one, state="skipped"))
    assert (letters.holds(STRAND), letters.waiting) == (True, 1)
    assert letters.is_skipped(STRAND, one.key)
    letters.drop(two)
    assert (letters.holds(STRAND), letters.waiting, letters.first(STRAND)) == (False, 0, None)


def row_of(key: str, since: datetime) -> DeadLetterRow:
    """A row of a letter with another key."""
    (row,) = rows(dead_letters, PARKED)
    letter = replace(LETTER, key=key)
    return replace(row, dead_letter=letter_id(HOUSE, letter), key=key, since=since)
