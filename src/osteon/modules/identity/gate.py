"""What happens at the edge of identity: passwords are checked and hashed, tokens are read and minted."""

from datetime import timedelta

from osteon.context import Authenticated, SessionProof
from osteon.model import AccountId, Personal, Refused, Sealed, SessionId
from osteon.modules.identity.account import AddPerson, EnrolPerson
from osteon.modules.identity.ended import ACCESS_TOKEN_LIFETIME, FindSession
from osteon.modules.identity.people import FindCredentials, same_address
from osteon.modules.identity.session import (
    EndSession,
    LogIn,
    LogOut,
    NoteFailedLogIn,
    OpenSession,
    RefreshSession,
    RenewSession,
    SessionEnded,
    SessionOpened,
    SessionRenewed,
    TokenPair,
)
from osteon.ports.edge import Edge
from osteon.ports.tokens import Claims, InvalidToken

__all__ = [
    "address_of",
    "prepare_add_person",
    "prepare_log_in",
    "prepare_log_out",
    "prepare_refresh",
    "present_end",
    "present_tokens",
]


def address_of(command: LogIn) -> str:
    """The address in the form in which addresses are compared: attempts on one person count together."""
    return same_address(command.email.reveal())


async def prepare_add_person(command: AddPerson, edge: Edge) -> EnrolPerson:
    """Hashes the password; an address that is taken is refused here, before it is recorded."""
    account = command.account or AccountId(edge.identifier())
    known = await edge.find(FindCredentials(email=Personal(same_address(command.email.reveal()))))
    if known is not None and known.account != account:
        raise Refused("identity.email-taken")
    return EnrolPerson(
        account=account,
        email=command.email,
        person=command.person,
        password=Sealed(await edge.passwords.hash(command.password.reveal())),
        locale=command.locale,
    )


async def prepare_log_in(command: LogIn, edge: Edge) -> OpenSession | NoteFailedLogIn:
    """Checks the password; an unknown address takes as long as a wrong password."""
    session = SessionId(edge.identifier())
    found = await edge.find(FindCredentials(email=Personal(same_address(command.email.reveal()))))
    proved = await edge.passwords.verify(command.password.reveal(), found.password.reveal() if found else None)
    if found is None or not proved:
        return NoteFailedLogIn(session=session, account=found.account if found else None)
    return OpenSession(
        session=session, account=found.account, locale=found.locale, roles=edge.grants.held(found.account)
    )


async def prepare_refresh(command: RefreshSession, edge: Edge) -> RenewSession:
    """Reads the refresh token; the roles are taken anew."""
    try:
        session, generation = edge.tokens.read_refresh(edge.context.tenant, command.refresh_token.reveal())
    except InvalidToken:
        raise Refused("invalid-token") from None
    row = await edge.find(FindSession(session=session))
    return RenewSession(session=session, generation=generation, roles=edge.grants.held(row.account) if row else ())


async def prepare_log_out(command: LogOut, edge: Edge) -> EndSession:
    """The session is that of the token."""
    access = edge.context.access
    if not isinstance(access, Authenticated) or not isinstance(access.actor.authentication, SessionProof):
        raise Refused("identity.no-session")
    return EndSession(session=access.actor.authentication.session)


def present_tokens(event: SessionOpened | SessionRenewed, edge: Edge) -> TokenPair:
    """Mints the tokens from what was recorded: a retry is given the same ones."""
    expires = event.at + ACCESS_TOKEN_LIFETIME
    claims = Claims(
        tenant=edge.context.tenant,
        account=event.account,
        session=event.session,
        locale=event.locale,
        roles=event.roles,
        issued=event.at,
        expires=expires,
    )
    return TokenPair(
        access_token=edge.tokens.mint(claims),
        refresh_token=edge.tokens.mint_refresh(edge.context.tenant, event.session, event.generation),
        expires_at=expires - timedelta(microseconds=expires.microsecond),
    )


def present_end(event: SessionEnded, edge: Edge) -> None:
    """A refresh that ended the session is told so; a log-out is answered with nothing."""
    if event.reason == "token-reused":
        raise Refused("invalid-token")
