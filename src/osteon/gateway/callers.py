"""Callers: who stands behind a request, from its host, its token and where it came from."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from osteon.context import (
    Access,
    Account,
    Actor,
    Agent,
    Authenticated,
    Authorization,
    Origin,
    SessionProof,
    Toggles,
    Unauthenticated,
)
from osteon.domain import MEMBER
from osteon.engine import Engine
from osteon.gateway.exchange import Request
from osteon.model import Personal, Refused
from osteon.ports.agents import Agents
from osteon.ports.directory import TenantEntry
from osteon.ports.policies import RoleHeld
from osteon.ports.tokens import Claims, InvalidToken

__all__ = ["Caller", "Callers"]

K = TypeVar("K")
V = TypeVar("V")

_TOKENS = 10_000
_ORIGINS = 10_000
_GUEST_BYTES = 16


class Caller(NamedTuple):
    """Who sent a request, and in which tenant.

    `guest` is the client's own key space when nobody is logged in; None when it has none.
    """

    tenant: TenantEntry
    origin: Origin
    locale: str
    actor: Actor | None = None
    guest: str | None = None
    toggles: Toggles = Toggles()

    @property
    def key_space(self) -> str | None:
        """What keeps the idempotency keys of one actor apart from those of another."""
        if self.actor is not None:
            return self.actor.account.account
        return None if self.guest is None else f"guest-{self.guest}"

    def access(self, authorization: Authorization) -> Access:
        """The access of an invocation by this caller, once it is decided."""
        if self.actor is None:
            return Unauthenticated(origin=self.origin, authorization=authorization, guest=self.guest)
        return Authenticated(actor=self.actor, origin=self.origin, authorization=authorization)


class Callers:
    """Recognises callers. Verified tokens and parsed origins are remembered, up to a bound."""

    def __init__(self, engine: Engine, agents: Agents, domain: str) -> None:
        """Makes it; tenants are subdomains of `domain`."""
        self._engine = engine
        self._agents = agents
        self._suffix = f".{domain}"
        self._tokens: dict[tuple[str, str], tuple[Claims, Actor, float]] = {}
        self._origins: dict[tuple[str | None, str], Origin] = {}

    async def tenant(self, host: str) -> TenantEntry:
        """The tenant that a host name belongs to, ready to be used.

        Raises:
            Refused: `unknown-host`.
        """
        name = host.removesuffix(self._suffix)
        entry = self._engine.indexes.tenants.named(name) if name != host else None
        if entry is None:
            raise Refused("unknown-host", host=host)
        if not self._engine.indexes.is_open(entry.tenant):
            await self._engine.open(entry.tenant)
        return entry

    async def caller(self, request: Request) -> Caller:
        """Who sent `request`.

        Raises:
            Refused: `unknown-host`, `invalid-token`, `invalid-header`.
        """
        tenant = await self.tenant(request.host)
        headers = request.headers
        origin = self._origin(request.address, headers.get("user-agent", ""))
        authorization = headers.get("authorization")
        if authorization is None:
            locale = headers.get("accept-language", "en").split(",")[0].split(";")[0].strip() or "en"
            return Caller(tenant, origin, locale[:35], guest=_guest(headers))
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("invalid-token")
        claims, actor = self._verified(tenant, token.strip())
        return Caller(tenant, origin, claims.locale, actor=actor)

    def roles(self, caller: Caller) -> tuple[RoleHeld, ...]:
        """The roles that the caller holds now: those granted, and what every account of the tenant has."""
        if caller.actor is None:
            return ()
        held = self._engine.indexes.grants(caller.tenant.tenant).held(caller.actor.account.account)
        return (RoleHeld(MEMBER.name, caller.tenant.root), *held)

    def _verified(self, tenant: TenantEntry, token: str) -> tuple[Claims, Actor]:
        now = self._engine.ports.clock.now()
        known = self._tokens.get((tenant.tenant, token))
        if known is None or known[2] <= now.timestamp():
            try:
                claims = self._engine.ports.tokens.verify(tenant.tenant, token, now)
            except InvalidToken:
                raise Refused("invalid-token") from None
            account = Account(account=claims.account, tenant=claims.tenant)
            actor = Actor(account=account, locale=claims.locale, authentication=SessionProof(session=claims.session))
            known = claims, actor, claims.expires.timestamp()
            _remember(self._tokens, (tenant.tenant, token), known, _TOKENS)
        claims, actor, _ = known
        if self._engine.indexes.sessions(tenant.tenant).ended(claims.session):
            raise Refused("invalid-token")
        return claims, actor

    def _origin(self, address: str | None, agent: str) -> Origin:
        known = self._origins.get((address, agent))
        if known is None:
            parsed = self._agents.parse(agent[:1000]) if agent else None
            known = Origin(
                address=None if address is None else Personal(address),
                agent=None if parsed is None or parsed == Agent() else Personal(parsed),
            )
            _remember(self._origins, (address, agent), known, _ORIGINS)
        return known


def _guest(headers: Mapping[str, str]) -> str | None:
    """The key space of a client that nobody is logged in at: a hash of its 128 random bits."""
    value = headers.get("osteon-guest")
    if value is None:
        return None
    if not _GUEST_BYTES <= len(value) <= 4 * _GUEST_BYTES:
        raise Refused("invalid-header", header="Osteon-Guest")
    return hashlib.blake2b(value.encode(), digest_size=_GUEST_BYTES).hexdigest()


def _remember(known: dict[K, V], key: K, value: V, bound: int) -> None:
    if len(known) >= bound:
        known.clear()
    known[key] = value
