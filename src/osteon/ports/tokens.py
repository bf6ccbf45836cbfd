"""Tokens: what a client carries to prove its session."""

from datetime import datetime
from typing import Any, Protocol

from osteon.model import AccountId, OsteonError, SessionId, TenantId, Value
from osteon.ports.policies import RoleHeld

__all__ = ["Claims", "InvalidToken", "Tokens"]


class Claims(Value):
    """What an access token says; the roles are for clients, authority is decided by current grants."""

    tenant: TenantId
    account: AccountId
    session: SessionId
    locale: str
    roles: tuple[RoleHeld, ...]
    issued: datetime
    expires: datetime


class InvalidToken(OsteonError):
    """Raised when a token is malformed, forged, expired, or made for another tenant."""


class Tokens(Protocol):
    """Mints and checks tokens, with a signing key of its own for each tenant. Minting the same twice gives the same."""

    def mint(self, claims: Claims) -> str:
        """An access token: a signed JWT."""
        ...

    def verify(self, tenant: TenantId, token: str, now: datetime) -> Claims:
        """What a token says.

        Raises:
            InvalidToken: It is not a valid token of that tenant at that time.
        """
        ...

    def mint_refresh(self, tenant: TenantId, session: SessionId, generation: int) -> str:
        """The refresh token of a session's generation: it names both and proves that we made it."""
        ...

    def read_refresh(self, tenant: TenantId, token: str) -> tuple[SessionId, int]:
        """The session and generation of a refresh token.

        Raises:
            InvalidToken: We did not make it for that tenant.
        """
        ...

    def public_keys(self, tenant: TenantId) -> dict[str, Any]:
        """The tenant's public keys as a JSON Web Key Set (RFC 7517)."""
        ...
