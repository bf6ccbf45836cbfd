"""Handlers: reactions and sagas, each from an event to the commands that it asks."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime
from typing import Any, cast

from osteon.domain import Ask, Asked, Module, Product, Reaction, Refusal, Saga, Woken
from osteon.engine.issuing import Issuing
from osteon.engine.sending import Sending
from osteon.engine.strands import Errand, Mend, carried
from osteon.messages import Command, Event, Happened
from osteon.model import Identifier, ScopeId, TenantId
from osteon.ports.dead_letters import Strand

__all__ = ["ReactionHandler", "SagaHandler"]


class ReactionHandler:
    """Asks what a reaction says, each command once."""

    def __init__(self, module: Module, reaction: Reaction[Any], issuing: Issuing, sending: Sending) -> None:
        """Runs `reaction` in the name of its module."""
        self.name = reaction.name
        self.events = reaction.events
        self._module = module.name
        self._reaction = reaction
        self._issuing = issuing
        self._sending = sending

    def errand(self, event: Event, cause: Happened, done: Callable[[], None]) -> Errand:
        """What is to be done about an event: in order with what else happens to the same entity."""
        strand = Strand(cause.entry.context.tenant, self.name, cause.entry.entity)
        return Errand(self, strand, cause.correlation.id, event, cause, None, done)

    def asks_nothing(self, errand: Errand) -> bool:
        """See `Handler.asks_nothing`: the function is pure, so it may be called twice."""
        assert errand.cause is not None
        try:
            return not self._reaction.react(errand.event, errand.cause.entry.context)
        except Exception:  # noqa: BLE001 - a module may raise anything; the attempt tells it
            return False

    async def attempt(self, errand: Errand, mend: Mend | None) -> None:
        """See `Handler.attempt`; what it asks is sent at once, and all of it even if some fails."""
        cause = errand.cause
        assert cause is not None
        asks = self._reaction.react(errand.event, cause.entry.context)
        mended = [Mend.over(mend, str(ordinal), ask) for ordinal, ask in enumerate(asks)]
        deliveries = [
            self._issuing.caused(self._module, self.name, ask, cause, _key(errand, ordinal))
            for ordinal, ask in enumerate(mended)
        ]
        await _all(carried(self._sending, each, str(ordinal)) for ordinal, each in enumerate(deliveries))


class SagaHandler:
    """Tells a saga of events, of time, and of what was refused; and sends what it asks."""

    def __init__(
        self,
        product: Product,
        module: Module,
        saga: Saga[Any, Any, Any],
        issuing: Issuing,
        sending: Sending,
        root: Callable[[TenantId], ScopeId],
    ) -> None:
        """Runs `saga` in the name of its module; `root` tells the root scope of a tenant that is open."""
        self.name = saga.name
        self.events: tuple[type[Any], ...] = (*saga.events, saga.begun, saga.advanced)
        self.view = saga.view.name
        self._own = (saga.begun, saga.advanced)
        self._catalogue = product.catalogue
        self._module = module.name
        self._saga = saga
        self._issuing = issuing
        self._sending = sending
        self._root = root

    def errand(self, event: Event, cause: Happened, done: Callable[[], None]) -> Errand:
        """What is to be done about an event: in order with all else that the same saga is told or asks."""
        field = self.name if isinstance(event, self._own) else self._saga.about
        strand = Strand(cause.entry.context.tenant, self.name, getattr(event, field))
        return Errand(self, strand, cause.correlation.id, event, cause, None, done)

    def asks_nothing(self, errand: Errand) -> bool:
        """See `Handler.asks_nothing`."""
        return isinstance(errand.event, self._own) and not cast("Any", errand.event).asks

    def waking(self, tenant: TenantId, about: Identifier, due: datetime, now: datetime) -> Errand:
        """What is to be done when a saga's time has come: once for the same time, whoever asks."""
        strand, key = Strand(tenant, self.name, about), f"woken/{due.isoformat()}"
        return Errand(self, strand, key, Woken(at=due), due=due, seen=now)

    async def attempt(self, errand: Errand, mend: Mend | None) -> None:
        """See `Handler.attempt`."""
        if isinstance(errand.event, self._own):
            await _all(
                self._send(errand, ordinal, asked, mend) for ordinal, asked in enumerate(cast("Any", errand.event).asks)
            )
        else:
            await self._tell(errand, errand.event, "step", mend)

    async def _tell(self, errand: Errand, event: Event, ordinal: str, mend: Mend | None) -> None:
        about, cause = errand.strand.about, errand.cause
        if cause is None:
            root = self._root(errand.strand.tenant)
            told = Mend.over(mend, ordinal, Ask(command=self._saga.told(about, event))).command
            key = f"{self.name}/{errand.key}"
            delivery = self._issuing.uncaused(
                errand.strand.tenant, root, self._module, self.name, told, key, errand.seen or errand.due
            )
        else:
            ask = Ask(command=self._saga.told(about, event, cause.event.id), scope=cause.entry.context.scope.root)
            ask = Mend.over(mend, ordinal, ask)
            delivery = self._issuing.caused(self._module, self.name, ask, cause, _key(errand, ordinal))
        await carried(self._sending, delivery, ordinal)

    async def _send(self, errand: Errand, ordinal: int, asked: Asked, mend: Mend | None) -> None:
        """Sends a command of a saga, and tells the saga when that is rejected."""
        cause = errand.cause
        assert cause is not None
        command = cast("Command[Any]", self._catalogue[asked.type].decoder.decode(asked.body))
        ask = Ask(command=command, scope=asked.scope or cause.entry.context.scope.root, tenant=asked.tenant)
        ask = Mend.over(mend, str(ordinal), ask)
        delivery = self._issuing.caused(self._module, self.name, ask, cause, _key(errand, ordinal))
        reply = await carried(self._sending, delivery, str(ordinal))
        if reply.verdict == "rejected" and reply.problem is not None:
            refusal = Refusal(command=asked.type, problem=reply.problem)
            if self._saga.hears(refusal):
                await self._tell(errand, refusal, f"{ordinal}-refused", mend)


async def _all(sent: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Awaits all, even when some fail; then raises the first failure."""
    for result in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _key(errand: Errand, ordinal: int | str) -> str:
    """The key of a command of a handler: the same whenever it is asked because of the same event."""
    return f"{errand.handler.name}/{ordinal}/{errand.key}"
