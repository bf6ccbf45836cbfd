"""A dead letter: something that a reaction, a saga or a sink could not do, and what became of it."""

from datetime import datetime
from typing import Annotated, Literal, NewType

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import Identifier, ScopeId, TenantId, Value, named, replace
from osteon.ports.dead_letters import Correction, Failure, Letter

__all__ = [
    "DeadLetter",
    "DeadLetterId",
    "FailReplay",
    "FinishReplay",
    "LetterParked",
    "LetterReplayed",
    "LetterSkipped",
    "ParkLetter",
    "ReplayAsked",
    "ReplayDeadLetter",
    "ReplayFailed",
    "SkipDeadLetter",
    "dead_letter",
    "letter_id",
]

DeadLetterId = NewType("DeadLetterId", Identifier)
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
State = Literal["waiting", "replayed", "skipped"]

NOT_WAITING = "operations.not-waiting"


class ParkLetter(Command[None], internal=True):
    """Keep what could not be done, until somebody mends it."""

    dead_letter: DeadLetterId
    letter: Letter
    failure: Failure


class ReplayDeadLetter(Command[None], internal=True):
    """Do it again, and then all that waits behind it; with a corrected command where that is what was wrong."""

    dead_letter: DeadLetterId
    reason: Reason
    correction: Correction | None = None


class SkipDeadLetter(Command[None], internal=True):
    """Pass it over for ever, and go on with what waits behind it."""

    dead_letter: DeadLetterId
    reason: Reason


class FinishReplay(Command[None], internal=True):
    """Tell that it was done."""

    dead_letter: DeadLetterId


class FailReplay(Command[None], internal=True):
    """Tell that it failed again."""

    dead_letter: DeadLetterId
    failure: Failure


class LetterParked(Event):
    """Something could not be done and waits."""

    dead_letter: DeadLetterId
    scope: ScopeId
    letter: Letter
    failure: Failure
    at: datetime


class ReplayAsked(Event):
    """It is to be done again."""

    dead_letter: DeadLetterId
    handler: str
    about: Identifier
    key: str
    reason: str
    correction: Correction | None = None


class LetterReplayed(Event):
    """It was done."""

    dead_letter: DeadLetterId


class ReplayFailed(Event):
    """It failed again, and waits on."""

    dead_letter: DeadLetterId
    failure: Failure


class LetterSkipped(Event):
    """It will not be done."""

    dead_letter: DeadLetterId
    handler: str
    about: Identifier
    key: str
    reason: str


class DeadLetter(Value):
    """What is remembered of a dead letter."""

    dead_letter: DeadLetterId
    letter: Letter
    state: State = "waiting"


Asked = ParkLetter | ReplayDeadLetter | SkipDeadLetter | FinishReplay | FailReplay


def create(command: ParkLetter, context: InvocationContext) -> Decision:
    """The first time that it could not be done."""
    return accept(_parked(command, context))


def decide(command: Asked, state: DeadLetter, context: InvocationContext) -> Decision:
    """A letter is mended only while it waits; whatever the engine tells twice changes nothing."""
    letter, waits = state.letter, state.state == "waiting"
    match command:
        case ParkLetter():
            # What was done once and could not be done later waits again; what was passed over does not.
            return accept(_parked(command, context)) if state.state == "replayed" else accept()
        case FinishReplay():
            return accept(LetterReplayed(dead_letter=state.dead_letter)) if waits else accept()
        case FailReplay(failure=failure):
            return accept(ReplayFailed(dead_letter=state.dead_letter, failure=failure)) if waits else accept()
        case ReplayDeadLetter() | SkipDeadLetter() if not waits:
            return reject(NOT_WAITING)
        case ReplayDeadLetter(reason=reason, correction=correction):
            return accept(
                ReplayAsked(
                    dead_letter=state.dead_letter,
                    handler=letter.handler,
                    about=letter.about,
                    key=letter.key,
                    reason=reason,
                    correction=correction,
                )
            )
        case SkipDeadLetter(reason=reason):
            return accept(
                LetterSkipped(
                    dead_letter=state.dead_letter,
                    handler=letter.handler,
                    about=letter.about,
                    key=letter.key,
                    reason=reason,
                )
            )


def begin(event: LetterParked) -> DeadLetter:
    """A letter that waits."""
    return DeadLetter(dead_letter=event.dead_letter, letter=event.letter)


def evolve(
    event: LetterParked | ReplayAsked | LetterReplayed | ReplayFailed | LetterSkipped, state: DeadLetter
) -> DeadLetter:
    """What became of it."""
    match event:
        case LetterParked(letter=letter):
            return replace(state, letter=letter, state="waiting")
        case LetterReplayed():
            return replace(state, state="replayed")
        case LetterSkipped():
            return replace(state, state="skipped")
        case ReplayAsked() | ReplayFailed():
            return state


def letter_id(tenant: TenantId, letter: Letter) -> DeadLetterId:
    """The identifier of a letter: the same whenever the same thing cannot be done."""
    return DeadLetterId(named(letter.key, "dead-letter", tenant, letter.handler, letter.about, letter.key))


def _parked(command: ParkLetter, context: InvocationContext) -> LetterParked:
    return LetterParked(
        dead_letter=command.dead_letter,
        scope=context.scope.root,
        letter=command.letter,
        failure=command.failure,
        at=context.at,
    )


dead_letter = Decider("dead_letter", create=create, decide=decide, begin=begin, evolve=evolve)
