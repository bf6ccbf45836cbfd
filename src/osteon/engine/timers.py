"""Timers: wakes the sagas whose time has come.

When a saga wants to be woken stands in its last event, and is kept in memory by an index of its view. So there is no list of timers
that could be lost: what a start reads from the views is all there is.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from osteon.context import Actor, Authenticated, Authorization, InternalProof, InvocationContext, Origin, Scope, Trace
from osteon.domain import Dues, Module, Product, Saga, Woken
from osteon.engine.indexes import Indexes
from osteon.engine.reactions import service_account
from osteon.engine.sending import Sending
from osteon.messages import wire_name
from osteon.model import Identifier, Identifiers, InvocationId, TenantId
from osteon.ports.clock import Clock
from osteon.ports.inbox import Delivery
from osteon.ports.scheduler import Scheduler

__all__ = ["Timers"]

AnySaga = Saga[Any, Any, Any]

_LIFETIME = timedelta(hours=24)


class Timers:
    """Knows which sagas of the opened tenants are due."""

    def __init__(
        self,
        product: Product,
        indexes: Indexes,
        sending: Sending,
        clock: Clock,
        identifiers: Identifiers,
        scheduler: Scheduler,
    ) -> None:
        """Puts it together."""
        self._sagas: list[tuple[Module, AnySaga]] = product.all_sagas
        self._indexes = indexes
        self._sending = sending
        self._clock = clock
        self._identifiers = identifiers
        self._scheduler = scheduler

    @property
    def waiting(self) -> int:
        """How many sagas want to be woken one day."""
        return sum(len(dues) for *_, dues in self._all_dues())

    def wake(self) -> None:
        """Wakes whatever is due now."""
        now = self._clock.now()
        for tenant, module, saga, dues in self._all_dues():
            for about, due in dues.until(now):
                # Once there is a verdict, the saga has said anew when it is due, if ever.
                self._scheduler.spawn(self._send(self._delivery(tenant, module, saga, about, due)), "timer")

    async def _send(self, delivery: Delivery) -> None:
        await self._sending.send(delivery)

    def _delivery(self, tenant: TenantId, module: Module, saga: AnySaga, about: str, due: datetime) -> Delivery:
        command = saga.told(about, Woken(at=due))
        invocation: InvocationId = self._identifiers.next()
        now = self._clock.now()
        root = self._indexes.root(tenant)
        actor = Actor(
            account=service_account(tenant, module.name),
            locale="en",
            authentication=InternalProof(handler=saga.name),
        )
        allowed = Authorization(permission=wire_name(type(command)), reason="internal")
        context = InvocationContext(
            tenant=tenant,
            scope=Scope(path=(root,)),
            access=Authenticated(actor=actor, origin=Origin(), authorization=allowed),
            trace=Trace(action=invocation, external=invocation, originating=invocation, current=invocation),
            at=now,
        )
        return Delivery(
            context=context,
            command=command,
            entity=Identifier(about),
            # The same time of the same saga wakes it once, whoever asks.
            key=f"{saga.name}/woken/{due.isoformat()}",
            fingerprint="internal",
            expires=int((now + _LIFETIME).timestamp() * 1000),
        )

    def _all_dues(self) -> Iterator[tuple[TenantId, Module, AnySaga, Dues]]:
        for tenant in self._indexes.opened():
            for module, saga in self._sagas:
                dues = self._indexes.kept(tenant, saga.view.name)
                assert isinstance(dues, Dues)
                yield tenant, module, saga, dues
