"""Access: who asks, from where, proved how, and what was decided about it."""

from typing import Literal

from osteon.model import AccountId, Personal, SessionId, TenantId, Value

__all__ = [
    "Access",
    "Account",
    "Actor",
    "Agent",
    "ApiKeyProof",
    "Authenticated",
    "Authentication",
    "Authorization",
    "InternalProof",
    "Origin",
    "SessionProof",
    "Unauthenticated",
]


class Account(Value):
    """An account of a tenant."""

    account: AccountId
    tenant: TenantId
    kind: Literal["user", "internal-service", "external-service"] = "user"


class SessionProof(Value, tag="session"):
    """The actor holds a token of a session that began with a log-in."""

    session: SessionId


class ApiKeyProof(Value, tag="api-key"):
    """The actor presented an API key; only its hash is known here."""

    hash: str


class InternalProof(Value, tag="internal"):
    """A part of the platform acts by itself: a reaction, a saga, a timer, the genesis of the world.

    `person` is who sat at the keyboard of the machine when an operator acted: the name under which the machine knows them, as
    they have no account of any tenant.
    """

    handler: str
    person: str | None = None


Authentication = SessionProof | ApiKeyProof | InternalProof


class Actor(Value):
    """Who acts.

    `impersonated_by` is the account really at the keyboard when somebody is allowed to act *as* this one;
    `on_behalf_of` is the account for which this one works, such as the person whose command a service carries on.
    """

    account: Account
    locale: str
    authentication: Authentication
    impersonated_by: Account | None = None
    on_behalf_of: Account | None = None


class Agent(Value):
    """What the client's User-Agent header says, parsed; a part that is not recognised is None."""

    browser: str | None = None
    system: str | None = None
    device: str | None = None


class Origin(Value):
    """Where an invocation came from; personal, as it tells where a person was and with what."""

    address: Personal[str] | None = None
    agent: Personal[Agent] | None = None


class Authorization(Value):
    """The decision of the gateway: taken once, carried with the invocation, never asked again.

    `reason` is that of the policy (`granted`, `guest`, `internal`), or `operator`; `role` is the role that granted it.
    """

    permission: str
    reason: str
    role: str | None = None


class Authenticated(Value, tag="authenticated"):
    """The access of somebody known."""

    actor: Actor
    origin: Origin
    authorization: Authorization


class Unauthenticated(Value, tag="unauthenticated"):
    """The access of somebody not known; `guest` names the client's own key space, if it has one."""

    origin: Origin
    authorization: Authorization
    guest: str | None = None


Access = Authenticated | Unauthenticated
