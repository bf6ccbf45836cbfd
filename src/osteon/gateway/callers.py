"""Callers: who stands behind a request, from its host, its token and where it came from; and what was ruled about them."""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from osteon.context import (
    Access,
    Account,
    Actor,
    Agent,
    Authenticated,
    Authorization,
    Origin,
    Scope,
    SessionProof,
    Toggles,
    Unauthenticated,
)
from osteon.domain import MEMBER
from osteon.engine import Directory, Engine
from osteon.gateway.exchange import Request
from osteon.model import Identifier, Personal, Refused, ScopeId, SessionId
from osteon.ports.agents import Agents
from osteon.ports.directory import TenantEntry
from osteon.ports.policies import Policies, Question, RoleHeld, Ruling
from osteon.ports.tokens import InvalidToken

__all__ = ["Admission", "Caller", "Callers"]

K = TypeVar("K")
V = TypeVar("V")

_CALLERS = 10_000
_ORIGINS = 10_000
_ADMISSIONS = 1_000
_GUEST_BYTES = 16


class Admission(msgspec.Struct, frozen=True, gc=False):
    """What was ruled about a caller, an operation and a scope.

    It stands for as long as `grants` and `tree` are the generations of the account's grants and of the tree of scopes.
    """

    grants: int
    tree: int
    ruling: Ruling
    scope: Scope
    access: Access


class Caller(msgspec.Struct, gc=False):
    """Who sent a request, and in which tenant.

    Attributes:
        key_space: What keeps the idempotency keys of one actor, or of one guest's client, apart from those of others; None for a
            guest whose client has none.
        bucket: The name under which the account's rate is limited; empty for a guest.
        until: Milliseconds since 1970 at which the token expires.
        admissions: What was ruled, by operation, scope and second scope.
    """

    tenant: TenantEntry
    directory: Directory
    origin: Origin
    locale: str
    key_space: str | None
    actor: Actor | None = None
    guest: str | None = None
    session: SessionId | None = None
    bucket: str = ""
    until: int = 0
    toggles: Toggles = Toggles()
    admissions: dict[tuple[str, str | None, ScopeId | None], Admission] = {}


class Callers:
    """Recognises callers and admits them. Those with a verified token are remembered, up to a bound."""

    def __init__(self, engine: Engine, policies: Policies, agents: Agents, domain: str) -> None:
        """Makes it; tenants are subdomains of `domain`."""
        self._engine = engine
        self._clock = engine.ports.clock
        self._policies = policies
        self._agents = agents
        self._suffix = f".{domain}"
        self._known: dict[tuple[str, str, str | None, str], Caller] = {}
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

    def remembered(self, request: Request) -> Caller | None:
        """Who sent `request`, when that was verified before and still holds."""
        headers = request.headers
        token = headers.get("authorization")
        if token is None:
            return None
        caller = self._known.get((request.host, token, request.address, headers.get("user-agent", "")))
        if caller is None or caller.session is None or caller.until <= self._clock.milliseconds():
            return None
        directory, tenant = caller.directory, caller.tenant
        if directory.sessions.ended(caller.session) or directory.tenants.named(tenant.name) is not tenant:
            return None
        return caller

    async def caller(self, request: Request) -> Caller:
        """Who sent `request`.

        Raises:
            Refused: `unknown-host`, `invalid-token`, `invalid-header`.
        """
        tenant = await self.tenant(request.host)
        directory = self._engine.indexes.of(tenant.tenant)
        headers = request.headers
        agent = headers.get("user-agent", "")
        origin = self._origin(request.address, agent)
        authorization = headers.get("authorization")
        if authorization is None:
            locale = headers.get("accept-language", "en").split(",")[0].split(";")[0].strip() or "en"
            guest = _guest(headers)
            space = None if guest is None else f"guest-{guest}"
            return Caller(tenant, directory, origin, locale[:35], space, guest=guest)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("invalid-token")
        caller = self._verified(tenant, directory, origin, token.strip())
        _remember(self._known, (request.host, authorization, request.address, agent), caller, _CALLERS)
        return caller

    def admission(self, caller: Caller, operation: str, scope: str | None, also: ScopeId | None) -> Admission:
        """What the policy rules about an operation in a scope, None being the root; remembered while it stands.

        Args:
            caller: Who asks.
            operation: The wire name of the command or query.
            scope: The scope, as the client names it.
            also: The second scope of a command that touches two.

        Raises:
            Refused: `scope-not-found`, `unavailable`.
        """
        known = caller.admissions.get((operation, scope, also))
        directory = caller.directory
        grants = 0 if caller.actor is None else directory.grants.generation(caller.actor.account.account)
        tree = directory.scopes.generation
        if known is not None and known.grants == grants and known.tree == tree:
            return known
        path = _path(caller, scope)
        other = None if also is None else _path(caller, also)
        ruling = self._policies.decide(Question(operation, _roles(caller), path, other, caller.actor is None))
        authorization = Authorization(permission=operation, reason=ruling.reason, role=ruling.role)
        admission = Admission(grants, tree, ruling, Scope(path=path), _access(caller, authorization))
        if caller.actor is not None:
            _remember(caller.admissions, (operation, scope, also), admission, _ADMISSIONS)
        return admission

    def _verified(self, tenant: TenantEntry, directory: Directory, origin: Origin, token: str) -> Caller:
        try:
            claims = self._engine.ports.tokens.verify(tenant.tenant, token, self._clock.now())
        except InvalidToken:
            raise Refused("invalid-token") from None
        if directory.sessions.ended(claims.session):
            raise Refused("invalid-token")
        account = Account(account=claims.account, tenant=claims.tenant)
        return Caller(
            tenant,
            directory,
            origin,
            claims.locale,
            claims.account,
            actor=Actor(account=account, locale=claims.locale, authentication=SessionProof(session=claims.session)),
            session=claims.session,
            bucket=f"{tenant.tenant}/{claims.account}",
            until=int(claims.expires.timestamp() * 1000),
        )

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


def _path(caller: Caller, scope: str | None) -> tuple[ScopeId, ...]:
    root = caller.tenant.root
    path = caller.directory.scopes.path(root if scope is None else ScopeId(Identifier(scope)))
    if path is None and scope in (None, root):
        # The tenant is only being opened: its tree follows.
        raise Refused("unavailable", retryable=True)
    if path is None:
        raise Refused("scope-not-found", scope=scope)
    return path


def _roles(caller: Caller) -> tuple[RoleHeld, ...]:
    """The roles that the caller holds now: those granted, and what every account of the tenant has."""
    if caller.actor is None:
        return ()
    held = caller.directory.grants.held(caller.actor.account.account)
    return (RoleHeld(MEMBER.name, caller.tenant.root), *held)


def _access(caller: Caller, authorization: Authorization) -> Access:
    if caller.actor is None:
        return Unauthenticated(origin=caller.origin, authorization=authorization, guest=caller.guest)
    return Authenticated(actor=caller.actor, origin=caller.origin, authorization=authorization)


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
