"""Issuing: commands that the platform itself asks, in the name of a module's service account."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from osteon.context import (
    Account,
    Actor,
    Authenticated,
    Authorization,
    InternalProof,
    InvocationContext,
    Origin,
    Scope,
    Trace,
)
from osteon.domain import Ask, Product
from osteon.messages import Command, Happened, wire_name
from osteon.model import (
    HOUSE,
    AccountId,
    Identifiers,
    InvocationId,
    Misdeclared,
    OsteonError,
    ScopeId,
    TenantId,
    named,
    replace,
)
from osteon.ports.clock import Clock
from osteon.ports.inbox import Delivery

__all__ = ["ForbiddenTenant", "Issuing", "service_account"]

LIFETIME = timedelta(hours=24)


class ForbiddenTenant(OsteonError):
    """Raised when a handler outside the tenant `house` asks something of another tenant."""


class Issuing:
    """Makes deliveries out of commands."""

    def __init__(
        self,
        product: Product,
        clock: Clock,
        identifiers: Identifiers,
        path: Callable[[TenantId, ScopeId], tuple[ScopeId, ...]],
    ) -> None:
        """Puts it together; `path` tells where a scope of a tenant stands."""
        self._product = product
        self._clock = clock
        self._identifiers = identifiers
        self._path = path

    def caused(self, module: str, handler: str, ask: Ask, cause: Happened, key: str | None = None) -> Delivery:
        """What a handler asks because of an event, on behalf of whoever let that happen.

        Without a key the command is a new one each time.

        Raises:
            Misdeclared: No module decides such a command.
            ForbiddenTenant: It is for another tenant, and what caused it did not happen in `house`.
        """
        before = cause.entry.context
        tenant = ask.tenant or before.tenant
        if before.tenant not in (tenant, HOUSE):
            raise ForbiddenTenant(f"'{handler}' asks something of another tenant; only what happens in 'house' may.")
        context = before.fork(self._identifiers.next())
        context = context.by_service(service_account(before.tenant, module), handler, wire_name(type(ask.command)))
        scope = Scope(path=self._path(tenant, ask.scope or before.scope.id))
        context = replace(context, tenant=tenant, scope=scope, at=self._clock.now())
        delivery = self._delivery(context, handler, ask.command, key)
        return replace(delivery, parent=cause.correlation.id, originating=cause.correlation.originating)

    def uncaused(
        self,
        tenant: TenantId,
        root: ScopeId,
        module: str,
        handler: str,
        command: Command[Any],
        key: str | None = None,
        since: datetime | None = None,
    ) -> Delivery:
        """What a handler asks because it is time, in the root scope of a tenant.

        It happens no earlier than `since`, when somebody looked at the clock, even if the clock was set back after that.
        """
        now = self._clock.now()
        invocation: InvocationId = self._identifiers.next()
        actor = Actor(
            account=service_account(tenant, module), locale="en", authentication=InternalProof(handler=handler)
        )
        allowed = Authorization(permission=wire_name(type(command)), reason="internal")
        context = InvocationContext(
            tenant=tenant,
            scope=Scope(path=(root,)),
            access=Authenticated(actor=actor, origin=Origin(), authorization=allowed),
            trace=Trace(action=invocation, external=invocation, originating=invocation, current=invocation),
            at=now if since is None else max(now, since),
        )
        return self._delivery(context, handler, command, key)

    def _delivery(self, context: InvocationContext, handler: str, command: Command[Any], key: str | None) -> Delivery:
        decider = self._product.deciders.get(type(command))
        if decider is None:
            raise Misdeclared(f"'{handler}' asks '{type(command).__name__}', which no module decides.")
        return Delivery(
            context=context,
            command=command,
            entity=getattr(command, decider.entity),
            key=key or f"{handler}/{context.trace.current}",
            fingerprint="internal",
            expires=int((context.at + LIFETIME).timestamp() * 1000),
        )


def service_account(tenant: TenantId, module: str) -> Account:
    """The account under which a module's handlers act in a tenant: always the same."""
    return Account(account=AccountId(named("", tenant, module)), tenant=tenant, kind="internal-service")
