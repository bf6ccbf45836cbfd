"""Ended sessions, kept in memory for as long as an access token of theirs could still be shown."""

from collections import deque
from datetime import datetime, timedelta

from osteon.domain import Find, Row, View
from osteon.model import AccountId, SessionId
from osteon.modules.identity.session import SessionEnded, SessionOpened, SessionRenewed
from osteon.ports.directory import Sessions

__all__ = ["ACCESS_TOKEN_LIFETIME", "EndedSessions", "FindSession", "SessionRow", "ended", "sessions"]

ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)


class SessionRow(Row):
    """A session, for the person whose it is."""

    session: SessionId
    account: AccountId
    generation: int
    opened: datetime
    ended: bool = False


class FindSession(Find[SessionRow], internal=True):
    """One session."""

    session: SessionId


class EndedSessionRow(Row):
    """A session that is over, and since when."""

    session: SessionId
    at: datetime


class EndedSessions(Sessions):
    """The sessions that ended lately."""

    def __init__(self) -> None:
        """None yet."""
        self._ended: set[SessionId] = set()
        self._order: deque[EndedSessionRow] = deque()

    def put(self, row: EndedSessionRow) -> None:
        """See `Index.put`; forgets those whose last access token has expired."""
        self._ended.add(row.session)
        self._order.append(row)
        while self._order[0].at < row.at - ACCESS_TOKEN_LIFETIME:
            self._ended.discard(self._order.popleft().session)

    def drop(self, row: EndedSessionRow) -> None:
        """See `Index.drop`; what has ended stays so."""

    def ended(self, session: SessionId) -> bool:
        """See `Sessions.ended`."""
        return session in self._ended


def begin_session(event: SessionOpened) -> SessionRow:
    """A session's row."""
    return SessionRow(session=event.session, account=event.account, generation=event.generation, opened=event.at)


def evolve_session(event: SessionRenewed | SessionEnded, row: SessionRow) -> SessionRow:
    """A session's row, renewed or ended."""
    match event:
        case SessionRenewed():
            return SessionRow(session=row.session, account=row.account, generation=event.generation, opened=row.opened)
        case SessionEnded():
            return SessionRow(
                session=row.session, account=row.account, generation=row.generation, opened=row.opened, ended=True
            )


def begin_ended(event: SessionEnded) -> EndedSessionRow:
    """A row for a session that is over."""
    return EndedSessionRow(session=event.session, at=event.at)


sessions = View(begin=begin_session, evolve=evolve_session, queries=[FindSession])
ended = View(begin=begin_ended, index=EndedSessions)
