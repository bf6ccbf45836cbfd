"""A session: from a log-in to a log-out, with a refresh token that is good once."""

from datetime import datetime
from typing import Literal

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import AccountId, Personal, Secret, SessionId, Value, replace
from osteon.ports.policies import RoleHeld

__all__ = [
    "EndSession",
    "LogIn",
    "LogOut",
    "NoteFailedLogIn",
    "OpenSession",
    "RefreshSession",
    "RenewSession",
    "Session",
    "SessionEnded",
    "SessionOpened",
    "SessionRenewed",
    "TokenPair",
    "session",
]


class TokenPair(Value):
    """What proves a session: the access token, until when, and the token to renew both."""

    access_token: str
    refresh_token: str
    expires_at: datetime


class LogIn(Command[TokenPair]):
    """Log in with an email address and a password."""

    email: Personal[str]
    password: Secret[str]


class RefreshSession(Command[TokenPair]):
    """Renew the tokens of a session; each refresh token is good once."""

    refresh_token: Secret[str]


class LogOut(Command[None]):
    """End the session in which this is asked."""


class OpenSession(Command[None], internal=True):
    """Open a session: what a log-in with the right password is prepared to."""

    session: SessionId
    account: AccountId
    locale: str
    roles: tuple[RoleHeld, ...]


class NoteFailedLogIn(Command[None], internal=True):
    """Note that a log-in failed; `account` is the one whose password was wrong, None where there is no such address."""

    session: SessionId
    account: AccountId | None


class RenewSession(Command[None], internal=True):
    """Renew a session: what a refresh token of ours is prepared to."""

    session: SessionId
    generation: int
    roles: tuple[RoleHeld, ...]


class EndSession(Command[None], internal=True):
    """End a session: what a log-out is prepared to."""

    session: SessionId


class SessionOpened(Event):
    """Somebody logged in."""

    session: SessionId
    account: AccountId
    locale: str
    roles: tuple[RoleHeld, ...]
    generation: int
    at: datetime


class SessionRenewed(Event):
    """A session has new tokens; those of earlier generations are void."""

    session: SessionId
    account: AccountId
    locale: str
    roles: tuple[RoleHeld, ...]
    generation: int
    at: datetime


class SessionEnded(Event):
    """A session is over: somebody logged out, or a refresh token was used twice and nobody knows by whom."""

    session: SessionId
    account: AccountId
    reason: Literal["logged-out", "token-reused"]
    at: datetime


class Session(Value):
    """What is remembered of a session."""

    session: SessionId
    account: AccountId
    locale: str
    generation: int
    ended: bool = False


def create(command: OpenSession | NoteFailedLogIn, context: InvocationContext) -> Decision:
    """A failed log-in is recorded and rejected alike for a wrong password and an unknown address."""
    match command:
        case NoteFailedLogIn():
            return reject("identity.not-recognised")
        case OpenSession():
            opened = SessionOpened(
                session=command.session,
                account=command.account,
                locale=command.locale,
                roles=command.roles,
                generation=1,
                at=context.at,
            )
            return accept(opened)


def decide(command: RenewSession | EndSession, session: Session, context: InvocationContext) -> Decision:
    """A token of an earlier generation was stolen or copied: the session ends, for whoever holds the newer one too."""
    match command:
        case RenewSession() if session.ended:
            return reject("identity.not-recognised")
        case RenewSession() if command.generation != session.generation:
            return accept(_ended(session, "token-reused", context))
        case RenewSession():
            renewed = SessionRenewed(
                session=session.session,
                account=session.account,
                locale=session.locale,
                roles=command.roles,
                generation=session.generation + 1,
                at=context.at,
            )
            return accept(renewed)
        case EndSession() if session.ended:
            return accept()
        case EndSession():
            return accept(_ended(session, "logged-out", context))


def begin(event: SessionOpened) -> Session:
    """A session as it starts."""
    return Session(session=event.session, account=event.account, locale=event.locale, generation=event.generation)


def evolve(event: SessionRenewed | SessionEnded, session: Session) -> Session:
    """A session after it was renewed or ended."""
    match event:
        case SessionRenewed():
            return replace(session, generation=event.generation)
        case SessionEnded():
            return replace(session, ended=True)


session = Decider("session", create=create, decide=decide, begin=begin, evolve=evolve)


def _ended(session: Session, reason: Literal["logged-out", "token-reused"], context: InvocationContext) -> SessionEnded:
    return SessionEnded(session=session.session, account=session.account, reason=reason, at=context.at)
