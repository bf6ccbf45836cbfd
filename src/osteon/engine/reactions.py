"""The runner of reactions: what has happened is handed to them, and what they ask is sent, each command once.

Their place is a batch number, recorded at least once a second while it moves: every command caused by that batch or an earlier one
has a verdict. After a start what follows the place is given again; the key of a command drops what was done.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

import msgspec
import structlog

from osteon.context import Account, InvocationContext, Scope
from osteon.domain import Ask, Asked, Module, Product, Reaction, Refusal, Saga
from osteon.engine.batches import Batches, Committed
from osteon.engine.processor import Processor
from osteon.engine.sending import Sending
from osteon.messages import Command, Event, Happened, Position, wire_name
from osteon.model import (
    HOUSE,
    AccountId,
    Identifiers,
    Misdeclared,
    OsteonError,
    ScopeId,
    TenantId,
    named,
    replace,
)
from osteon.ports.clock import Clock
from osteon.ports.inbox import Delivery, Reply
from osteon.ports.journal import Draft, Journal
from osteon.ports.scheduler import Scheduler

__all__ = ["ForbiddenTenant", "ReactionRunner", "service_account"]

AnySaga = Saga[Any, Any, Any]

_LIFETIME = timedelta(hours=24)


class ForbiddenTenant(OsteonError):
    """Raised when a reaction outside the tenant `house` asks something of another tenant."""


class _Sent(NamedTuple):
    """A command on its way, and the count of those that its batch caused."""

    delivery: Delivery
    running: list[int]


class ReactionRunner:
    """Follows the journal for all reactions and sagas of a product."""

    def __init__(
        self,
        product: Product,
        processor: Processor,
        batches: Batches,
        sending: Sending,
        clock: Clock,
        identifiers: Identifiers,
        scheduler: Scheduler,
        path: Callable[[TenantId, ScopeId], tuple[ScopeId, ...]],
    ) -> None:
        """Puts a runner together; `path` tells where a scope of a tenant stands."""
        self._path = path
        self._product = product
        self._processor = processor
        self._batches = batches
        self._sending = sending
        self._clock = clock
        self._identifiers = identifiers
        self._scheduler = scheduler
        self._log = structlog.get_logger("osteon.reactions")
        self._reactions: dict[type[Any], list[tuple[Module, Reaction[Any]]]] = {}
        for module, reaction in product.all_reactions:
            for event in reaction.events:
                self._reactions.setdefault(event, []).append((module, reaction))
        self._followed: dict[type[Any], list[tuple[Module, AnySaga]]] = {}
        self._steps: dict[type[Any], tuple[Module, AnySaga]] = {}
        for module, saga in product.all_sagas:
            self._steps |= {saga.begun: (module, saga), saga.advanced: (module, saga)}
            for event in saga.events:
                self._followed.setdefault(event, []).append((module, saga))
        self._turns: dict[tuple[TenantId, str, str], deque[_Sent]] = {}
        self._running: deque[list[int]] = deque()
        self._place = 0
        self._recorded = 0

    @property
    def running(self) -> int:
        """How many commands of reactions have no verdict yet."""
        return sum(batch[1] for batch in self._running)

    def resume(self, journal: Journal) -> None:
        """Gives again what was recorded behind the place; what was done then is dropped by its key."""
        for batch, drafts in journal.unsettled():
            entries = [draft for draft in drafts if draft.kind == "entry"]
            self.follow(batch, [self._processor.committed(draft) for draft in entries])

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """See `Follower.follow`."""
        running: list[list[int]] = []
        for each in committed:
            for number, event in enumerate(each.events):
                kind: type[Any] = event.__class__
                reactions, sagas, step = self._reactions.get(kind), self._followed.get(kind), self._steps.get(kind)
                if reactions is None and sagas is None and step is None:
                    continue
                if not running:
                    running.append([batch, 0])
                    self._running.append(running[0])
                happened = each.entry.happened(number)
                for module, reaction in reactions or ():
                    self._react(module, reaction, event, happened, running[0])
                for module, saga in sagas or ():
                    self._tell(module, saga, getattr(event, saga.about), event, happened, running[0])
                if step is not None:
                    self._go_on(*step, event, happened, running[0])
        if committed:
            self._move(batch)

    async def run(self) -> None:
        """Records the place, once a second while it moves, for ever."""
        while True:
            await self._clock.sleep(1.0)
            if self._place > self._recorded:
                self._recorded = self._place
                body = msgspec.json.encode({"batch": self._place})
                self._batches.add_aside(Draft("place", HOUSE, Position(0, self._place), body))
                self._batches.flush_aside()

    def _react(
        self, module: Module, reaction: Reaction[Any], event: Any, happened: Happened, running: list[int]
    ) -> None:
        try:
            asked = [
                self._delivery(module, reaction.name, ask, happened, ordinal)
                for ordinal, ask in enumerate(reaction.react(event, happened.entry.context))
            ]
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            # One module's mistake must not end the process, nor end it again after each start.
            self._log.exception("a reaction failed", reaction=reaction.name, cause=happened.correlation.id)
            return
        for delivery in asked:
            running[1] += 1
            self._scheduler.spawn(self._sent(delivery, running), "reaction")

    def _tell(
        self,
        module: Module,
        saga: AnySaga,
        about: str,
        event: Event,
        happened: Happened,
        running: list[int],
        ordinal: str = "step",
    ) -> None:
        """Tells a saga of an event, once it has heard of those before."""
        root = happened.entry.context.scope.root
        try:
            ask = Ask(command=saga.told(about, event, happened.event.id), scope=root)
            delivery = self._delivery(module, saga.name, ask, happened, ordinal)
        except Exception:  # noqa: BLE001 - what one event holds must not end the process, nor end it again after each start
            self._log.exception("a saga was not told", saga=saga.name, cause=happened.correlation.id)
            return
        running[1] += 1
        turn = (delivery.context.tenant, saga.name, about)
        sent = _Sent(delivery, running)
        waiting = self._turns.get(turn)
        if waiting is not None:
            waiting.append(sent)
        else:
            self._turns[turn] = deque([sent])
            self._scheduler.spawn(self._take_turns(turn), "saga")

    async def _take_turns(self, turn: tuple[TenantId, str, str]) -> None:
        waiting = self._turns[turn]
        while waiting:
            await self._send(*waiting[0])
            waiting.popleft()
        del self._turns[turn]

    def _go_on(self, module: Module, saga: AnySaga, event: Any, happened: Happened, running: list[int]) -> None:
        """Sends what a saga asked."""
        for ordinal, asked in enumerate(event.asks):
            try:
                command = self._product.catalogue[asked.type].decoder.decode(asked.body)
                scope = asked.scope or happened.entry.context.scope.root
                ask = Ask(command=cast("Command[Any]", command), scope=scope, tenant=asked.tenant)
                delivery = self._delivery(module, saga.name, ask, happened, ordinal)
            except Exception:  # noqa: BLE001 - such as a command that is not in the product any more
                self._log.exception("a saga's command was not sent", saga=saga.name, command=asked.type)
                continue
            running[1] += 1
            self._scheduler.spawn(
                self._send_for(module, saga, getattr(event, saga.name), asked, delivery, happened, running), "saga"
            )

    async def _send_for(
        self,
        module: Module,
        saga: AnySaga,
        about: str,
        asked: Asked,
        delivery: Delivery,
        happened: Happened,
        running: list[int],
    ) -> None:
        """Sends a command of a saga, and tells it when that is rejected."""
        running[1] += 1
        reply = await self._send(delivery, running)
        if reply.verdict == "rejected" and reply.problem is not None:
            refusal = Refusal(command=asked.type, problem=reply.problem)
            if saga.hears(refusal):
                self._tell(module, saga, about, refusal, happened, running, delivery.key.split("/")[1] + "-refused")
        running[1] -= 1
        self._move(running[0])

    def _delivery(self, module: Module, handler: str, ask: Ask, happened: Happened, ordinal: int | str) -> Delivery:
        """The command of a handler; `ordinal` tells it from others that the same handler makes of the same event."""
        context = self._context(module, handler, ask, happened.entry.context)
        decider = self._product.deciders.get(type(ask.command))
        if decider is None:
            raise Misdeclared(f"'{handler}' asks '{type(ask.command).__name__}', which no module decides.")
        expires = context.at + _LIFETIME
        return Delivery(
            context=context,
            command=ask.command,
            entity=getattr(ask.command, decider.entity),
            key=f"{handler}/{ordinal}/{happened.correlation.id}",
            fingerprint="internal",
            expires=int(expires.timestamp() * 1000),
            parent=happened.correlation.id,
            originating=happened.correlation.originating,
        )

    def _context(self, module: Module, handler: str, ask: Ask, cause: InvocationContext) -> InvocationContext:
        tenant = ask.tenant or cause.tenant
        if cause.tenant not in (tenant, HOUSE):
            raise ForbiddenTenant(f"'{handler}' asks something of another tenant; only what happens in 'house' may.")
        service = service_account(cause.tenant, module.name)
        context = cause.fork(self._identifiers.next())
        context = context.by_service(service, handler, wire_name(type(ask.command)))
        scope = ask.scope or cause.scope.id
        return replace(context, tenant=tenant, scope=Scope(path=self._path(tenant, scope)), at=self._clock.now())

    async def _sent(self, delivery: Delivery, running: list[int]) -> None:
        await self._send(delivery, running)

    async def _send(self, delivery: Delivery, running: list[int]) -> Reply:
        """Sends until there is a verdict that stands; the place may then move past what caused it."""
        reply = await self._sending.send(delivery)
        running[1] -= 1
        self._move(running[0])
        return reply

    def _move(self, batch: int) -> None:
        while self._running and not self._running[0][1]:
            self._place = max(self._place, self._running.popleft()[0])
        if not self._running:
            self._place = max(self._place, batch)


def service_account(tenant: TenantId, module: str) -> Account:
    """The account under which a module's reactions act in a tenant: always the same."""
    return Account(account=AccountId(named("", tenant, module)), tenant=tenant, kind="internal-service")
