"""The directory: what the gateway must know before anything is decided, kept in memory by the modules' indexes."""

from collections.abc import Sequence
from typing import Protocol

from osteon.model import AccountId, ScopeId, SessionId, TenantId, Value
from osteon.ports.policies import RoleHeld

__all__ = ["Grants", "Scopes", "Sessions", "TenantEntry", "Tenants"]


class TenantEntry(Value):
    """A tenant as the gateway sees it; `name` is its subdomain, `root` its root scope."""

    tenant: TenantId
    name: str
    type: str
    root: ScopeId


class Tenants(Protocol):
    """All tenants of the installation; known from the tenant `house`."""

    def named(self, name: str) -> TenantEntry | None:
        """The tenant with that subdomain."""
        ...

    def with_id(self, tenant: TenantId) -> TenantEntry | None:
        """The tenant with that identifier."""
        ...

    def all(self) -> Sequence[TenantEntry]:
        """Every tenant, oldest first."""
        ...


class Scopes(Protocol):
    """The scope tree of one tenant."""

    @property
    def generation(self) -> int:
        """Grows with every change of the tree."""
        ...

    def path(self, scope: ScopeId) -> tuple[ScopeId, ...] | None:
        """The identifiers from the root down to `scope`; None when there is no such scope."""
        ...

    def below(self, scope: ScopeId) -> Sequence[ScopeId]:
        """`scope` and everything below it; nothing when there is no such scope."""
        ...


class Grants(Protocol):
    """The roles that accounts of one tenant hold."""

    def held(self, account: AccountId) -> tuple[RoleHeld, ...]:
        """What an account holds now."""
        ...

    def generation(self, account: AccountId) -> int:
        """Grows with every change of what the account holds."""
        ...


class Sessions(Protocol):
    """The sessions of one tenant."""

    def ended(self, session: SessionId) -> bool:
        """Whether a session has ended before its last access token has."""
        ...
