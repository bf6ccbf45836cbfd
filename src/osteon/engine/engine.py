"""The engine: all that runs a product over its ports, as one thing to start and to hold on to."""

import contextlib
from typing import NamedTuple

from osteon.domain import Product
from osteon.engine.access import AccessRecorder
from osteon.engine.batches import Batches, Limits
from osteon.engine.edge import Capabilities
from osteon.engine.inbox import FairInbox
from osteon.engine.indexes import Indexes
from osteon.engine.memory import Memory
from osteon.engine.processor import Processor
from osteon.engine.reactions import ReactionRunner
from osteon.engine.reader import Reader
from osteon.engine.sending import Sending
from osteon.engine.timers import Timers
from osteon.model import HOUSE, Identifiers, Refused, ScopeId, TenantId
from osteon.ports.access_log import AccessLog
from osteon.ports.clock import Clock
from osteon.ports.drain import Drain
from osteon.ports.entropy import Entropy
from osteon.ports.history import History
from osteon.ports.inbox import Replies
from osteon.ports.journal import Journal
from osteon.ports.keyring import Keyring
from osteon.ports.passwords import Passwords
from osteon.ports.scheduler import Scheduler
from osteon.ports.tokens import Tokens
from osteon.ports.views import Views

__all__ = ["Engine", "Ports"]


class Ports(NamedTuple):
    """What the engine runs over."""

    journal: Journal
    history: History
    views: Views
    access_log: AccessLog
    drain: Drain
    replies: Replies
    passwords: Passwords
    tokens: Tokens
    keyring: Keyring
    clock: Clock
    entropy: Entropy
    scheduler: Scheduler


class Engine:
    """A product, running. Its parts are public: the gateway, the console of the operator and the tests talk to them."""

    def __init__(self, product: Product, ports: Ports, limits: Limits | None = None) -> None:
        """Puts the parts together; nothing runs before `start`."""
        self.product = product
        self.ports = ports
        clock, drain = ports.clock, ports.drain
        self.identifiers = Identifiers(clock.milliseconds, ports.entropy.bytes)
        limits = limits or Limits()
        self.memory = Memory(lambda: drain.drained, limits.entities, limits.verdicts)
        self.batches = Batches(ports.journal, ports.replies, clock, self.memory, lambda: drain.drained, limits)
        self.processor = Processor(
            product,
            ports.journal,
            ports.history,
            ports.replies,
            clock,
            self.identifiers,
            ports.scheduler,
            self.memory,
            self.batches,
            drained=lambda: drain.drained,
        )
        self.inbox = FairInbox(self.processor.take, self.batches)
        self.indexes = Indexes(product, ports.views)
        self.reader = Reader(product, ports.views, ports.history, self.indexes, drain, self.processor)
        self.recorder = AccessRecorder(self.batches, ports.journal, clock)
        self.sending = Sending(self.inbox, ports.replies, clock)
        self.reactions = ReactionRunner(
            product,
            self.processor,
            self.batches,
            self.sending,
            clock,
            self.identifiers,
            ports.scheduler,
            path=self._path,
        )
        self.timers = Timers(product, self.indexes, self.sending, clock, self.identifiers, ports.scheduler)
        self.capabilities = Capabilities(
            ports.passwords, ports.tokens, ports.history, ports.access_log, self.indexes, self.reader
        )
        self.batches.follow_with(self.indexes)
        self.batches.follow_with(_Advance(drain))
        self.batches.follow_with(self.reactions)

    async def start(self) -> None:
        """Opens `house`, starts what runs in the background, and gives reactions again what they may not have seen.

        Everything durable must be drained by now.
        """
        self.ports.scheduler.spawn(self.batches.run(), "batches")
        self.ports.scheduler.spawn(self._breathe(), "inbox")
        self.ports.scheduler.spawn(self.recorder.run(), "access log")
        self.ports.scheduler.spawn(self.reactions.run(), "reactions")
        await self.open(HOUSE)
        self.reactions.resume(self.ports.journal)
        if self.product.all_sagas:
            self.ports.scheduler.spawn(self._keep_time(), "timers")

    async def open(self, tenant: TenantId) -> None:
        """Makes a tenant ready: its partitions, its indexes. Costs nothing when it is ready.

        Raises:
            Refused: With `views.behind`, when what is durable is not drained soon enough.
        """
        if self.indexes.is_open(tenant):
            return
        await self.processor.open_tenant(tenant)
        while not self.indexes.is_open(tenant):
            batch = self.processor.last_batch(tenant)
            if not await self.ports.drain.reached(batch, 10.0):
                raise Refused("views.behind", retryable=True)
            read = await self.indexes.read(tenant)
            if self.processor.last_batch(tenant) == batch:
                self.indexes.install(tenant, read)

    async def _keep_time(self) -> None:
        """Wakes sagas, once a second; also those of tenants that nobody asks anything of."""
        while True:
            for entry in self.indexes.tenants.all():
                # A tenant whose views are late is looked at again in a second.
                with contextlib.suppress(Refused):
                    await self.open(entry.tenant)
            self.timers.wake()
            await self.ports.clock.sleep(1.0)

    async def _breathe(self) -> None:
        """Lets commands in again that were held back while the drain was too far behind."""
        while True:
            await self.ports.clock.sleep(0.05)
            self.batches.look_at_lag()
            self.inbox.pump()

    def _path(self, tenant: TenantId, scope: ScopeId) -> tuple[ScopeId, ...]:
        """Where a scope stands; a scope that is only being opened is its own root."""
        known = self.indexes.scopes(tenant).path(scope) if self.indexes.is_open(tenant) else None
        return known or (scope,)


class _Advance:
    """Tells the drain how far it may go."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain

    def follow(self, batch: int, committed: object) -> None:
        """See `Follower.follow`."""
        self._drain.advance(batch)
