"""The runner of reactions: what has happened is handed to them, and what they ask is sent, each command once.

Their place is a batch number, recorded at least once a second while it moves: every command caused by that batch or an earlier one
has a verdict. After a start what follows the place is given again; the key of a command drops what was done.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import msgspec
import structlog

from osteon.context import Account, InvocationContext, Scope
from osteon.domain import Ask, Module, Product, Reaction
from osteon.engine.batches import Batches, Committed
from osteon.engine.processor import Processor
from osteon.messages import Happened, Position, wire_name
from osteon.model import (
    HOUSE,
    AccountId,
    Identifiers,
    Misdeclared,
    OsteonError,
    Refused,
    ScopeId,
    TenantId,
    named,
    replace,
)
from osteon.ports.clock import Clock
from osteon.ports.inbox import Delivery, Inbox, Replies, Reply
from osteon.ports.journal import Draft, Journal
from osteon.ports.scheduler import Scheduler

__all__ = ["ForbiddenTenant", "ReactionRunner", "service_account"]

_LIFETIME = timedelta(hours=24)
_FAULTS = 6
_GROWTH = 4


class ForbiddenTenant(OsteonError):
    """Raised when a reaction outside the tenant `house` asks something of another tenant."""


class ReactionRunner:
    """Follows the journal for all reactions of a product."""

    def __init__(
        self,
        product: Product,
        processor: Processor,
        batches: Batches,
        inbox: Inbox,
        replies: Replies,
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
        self._inbox = inbox
        self._replies = replies
        self._clock = clock
        self._identifiers = identifiers
        self._scheduler = scheduler
        self._log = structlog.get_logger("osteon.reactions")
        self._reactions: dict[type[Any], list[tuple[Module, Reaction[Any]]]] = {}
        for module, reaction in product.all_reactions:
            for event in reaction.events:
                self._reactions.setdefault(event, []).append((module, reaction))
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
        asked: list[list[int]] = []
        for each in committed:
            for number, event in enumerate(each.events):
                kind: type[Any] = event.__class__
                for module, reaction in self._reactions.get(kind, ()):
                    if not asked:
                        asked.append([batch, 0])
                        self._running.append(asked[0])
                    self._react(module, reaction, event, each.entry.happened(number), asked[0])
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
                self._delivery(module, reaction, ask, happened, f"{happened.correlation.id}/{reaction.name}/{ordinal}")
                for ordinal, ask in enumerate(reaction.react(event, happened.entry.context))
            ]
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            # One module's mistake must not end the process, nor end it again after each start.
            self._log.exception("a reaction failed", reaction=reaction.name, cause=happened.correlation.id)
            return
        for delivery in asked:
            running[1] += 1
            self._scheduler.spawn(self._send(delivery, running), "reaction")

    def _delivery(self, module: Module, reaction: Reaction[Any], ask: Ask, happened: Happened, key: str) -> Delivery:
        context = self._context(module, reaction, ask, happened.entry.context)
        decider = self._product.deciders.get(type(ask.command))
        if decider is None:
            raise Misdeclared(f"'{reaction.name}' asks '{type(ask.command).__name__}', which no module decides.")
        expires = context.at + _LIFETIME
        return Delivery(
            context=context,
            command=ask.command,
            entity=getattr(ask.command, decider.entity),
            key=key,
            fingerprint="internal",
            expires=int(expires.timestamp() * 1000),
            parent=happened.correlation.id,
            originating=happened.correlation.originating,
        )

    def _context(
        self, module: Module, reaction: Reaction[Any], ask: Ask, cause: InvocationContext
    ) -> InvocationContext:
        tenant = ask.tenant or cause.tenant
        if cause.tenant not in (tenant, HOUSE):
            raise ForbiddenTenant(
                f"'{reaction.name}' asks something of another tenant; only what happens in 'house' may."
            )
        service = service_account(cause.tenant, module.name)
        context = cause.fork(self._identifiers.next())
        context = context.by_service(service, reaction.name, wire_name(type(ask.command)))
        scope = ask.scope or cause.scope.id
        return replace(context, tenant=tenant, scope=Scope(path=self._path(tenant, scope)), at=self._clock.now())

    async def _send(self, delivery: Delivery, running: list[int]) -> None:
        """Sends until there is a verdict that stands, with growing pauses."""
        faults = 0
        for attempt in count():
            reply = await self._ask(delivery)
            faults += reply.verdict == "faulted"
            if reply.verdict in ("accepted", "rejected"):
                break
            if faults == _FAULTS or (reply.problem is not None and reply.problem.key == "expired"):
                self._log.error("a reaction gave up", command=wire_name(type(delivery.command)), key=delivery.key)
                break
            await self._clock.sleep(0.1 * 4 ** min(attempt, _GROWTH))
        running[1] -= 1
        self._move(running[0])

    async def _ask(self, delivery: Delivery) -> Reply:
        current = delivery.context.trace.current
        reply = self._replies.expect(current)
        try:
            self._inbox.put(delivery)
        except Refused as full:
            self._replies.deliver(current, Reply.refused(current, full.problem))
        return await reply

    def _move(self, batch: int) -> None:
        while self._running and not self._running[0][1]:
            self._place = max(self._place, self._running.popleft()[0])
        if not self._running:
            self._place = max(self._place, batch)


def service_account(tenant: TenantId, module: str) -> Account:
    """The account under which a module's reactions act in a tenant: always the same."""
    return Account(account=AccountId(named("", tenant, module)), tenant=tenant, kind="internal-service")
