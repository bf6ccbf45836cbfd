"""The invocation context: all that is known about one invocation, handed on as an argument and never looked up."""

from datetime import datetime

from osteon.context.access import Access, Account, Actor, Authenticated, Authorization, InternalProof
from osteon.context.toggles import Toggles
from osteon.context.trace import Trace
from osteon.model import AccountId, InvocationId, ScopeId, TenantId, Value, replace

__all__ = ["InvocationContext", "Scope"]


class Scope(Value):
    """A scope and where it stands: the identifiers from the tenant's root down to the scope itself."""

    path: tuple[ScopeId, ...]

    @property
    def id(self) -> ScopeId:
        """The scope itself."""
        return self.path[-1]

    @property
    def root(self) -> ScopeId:
        """The root scope of the tenant."""
        return self.path[0]


class InvocationContext(Value):
    """Everything about one invocation: where it happens, who asks, what it belongs to.

    `tenant` is the tenant in which it happens; the actor's own tenant is in `access` and differs only for staff with consent.
    `at` is the time at which the invocation entered the platform (UTC): a decision reads no other clock.
    """

    tenant: TenantId
    scope: Scope
    access: Access
    trace: Trace
    at: datetime
    toggles: Toggles = Toggles()

    @property
    def account(self) -> AccountId | None:
        """The account that acts; None for a guest."""
        return self.access.actor.account.account if isinstance(self.access, Authenticated) else None

    def fork(self, invocation: InvocationId) -> "InvocationContext":
        """The context of an invocation that this one causes."""
        return replace(self, trace=self.trace.fork(invocation))

    def by_service(self, service: Account, handler: str, permission: str) -> "InvocationContext":
        """The same context with `service` acting on behalf of whoever acted until now.

        Args:
            service: The account of the module whose reaction, saga or timer goes on.
            handler: The name of that reaction, saga or timer.
            permission: The wire name of the command that it sends.
        """
        access = self.access
        person = access.actor.on_behalf_of or access.actor.account if isinstance(access, Authenticated) else None
        locale = access.actor.locale if isinstance(access, Authenticated) else "en"
        actor = _actor(service, locale, handler, person)
        allowed = Authorization(permission=permission, reason="internal")
        return replace(self, access=Authenticated(actor=actor, origin=access.origin, authorization=allowed))


def _actor(service: Account, locale: str, handler: str, person: Account | None) -> Actor:
    return Actor(account=service, locale=locale, authentication=InternalProof(handler=handler), on_behalf_of=person)
