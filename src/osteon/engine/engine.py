"""The engine: all that runs a product over its ports, as one thing to start and to hold on to."""

import contextlib
from typing import Any, NamedTuple, cast

import msgspec

from osteon.domain import Product
from osteon.engine.access import AccessRecorder
from osteon.engine.batches import Batches, Limits
from osteon.engine.edge import Capabilities
from osteon.engine.handlers import ReactionHandler, SagaHandler
from osteon.engine.inbox import FairInbox
from osteon.engine.indexes import Indexes
from osteon.engine.issuing import Issuing
from osteon.engine.memory import Memory
from osteon.engine.processor import Processor
from osteon.engine.reactions import ReactionRunner
from osteon.engine.reader import Reader
from osteon.engine.sending import Sending
from osteon.engine.sinks import SinkRunner
from osteon.engine.snapshots import Loader, SnapshotRequests, States
from osteon.engine.strands import Strands
from osteon.engine.timers import Timers
from osteon.messages import Command, Entry, Event, Happened, Position, Record
from osteon.model import HOUSE, Identifiers, Refused, ScopeId, TenantId, decoder
from osteon.ports.access_log import AccessLog
from osteon.ports.clock import Clock
from osteon.ports.dead_letters import Cause, DeadLetters
from osteon.ports.drain import Drain
from osteon.ports.entropy import Entropy
from osteon.ports.history import History
from osteon.ports.inbox import Replies
from osteon.ports.journal import Journal
from osteon.ports.keyring import Keyring
from osteon.ports.passwords import Passwords
from osteon.ports.scheduler import Scheduler
from osteon.ports.sink_places import SinkPlaces
from osteon.ports.snapshots import Snapshots
from osteon.ports.tokens import Tokens
from osteon.ports.views import Views

__all__ = ["Engine", "Ports"]

_ENTRY = decoder(Entry)


class Ports(NamedTuple):
    """What the engine runs over."""

    journal: Journal
    history: History
    snapshots: Snapshots
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
        self.limits = limits = limits or Limits()
        self.memory = Memory(lambda: drain.drained, limits.entities, limits.verdicts)
        states = States(product, ports.keyring)
        self.batches = Batches(
            ports.journal,
            ports.replies,
            clock,
            self.memory,
            lambda: drain.drained,
            limits,
            SnapshotRequests(states, drain),
        )
        self.loader = Loader(states, ports.history, ports.snapshots)
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
            self.loader,
        )
        self.inbox = FairInbox(self.processor.take, self.batches, limits.share, limits.waiting, self.processor.cold)
        self.indexes = Indexes(product, ports.views)
        self.reader = Reader(product, ports.views, ports.history, self.indexes, drain, self.processor)
        self.recorder = AccessRecorder(self.batches, ports.journal, clock)
        self.sending = Sending(self.inbox, ports.replies, clock)
        self.issuing = Issuing(product, clock, self.identifiers, self._path)
        self.strands = Strands(
            self._dead_letters,
            self._dead_letters_at_hand,
            self.indexes.root,
            self._recorded,
            self._command,
            self.issuing,
            self.sending,
            clock,
            ports.scheduler,
        )
        reactions = [
            ReactionHandler(module, reaction, self.issuing, self.sending) for module, reaction in product.all_reactions
        ]
        sagas = [
            SagaHandler(product, module, saga, self.issuing, self.sending, self.indexes.root)
            for module, saga in product.all_sagas
        ]
        self.strands.know([*reactions, *sagas])
        self.reactions = ReactionRunner(
            [*reactions, *sagas], self.indexes.letters, self.strands, self.processor, self.batches, clock
        )
        self.timers = Timers(sagas, self.indexes, self.strands, clock)
        self.sinks = SinkRunner(
            product,
            self._drained,
            ports.history,
            ports.keyring,
            self.strands,
            self.issuing,
            self.sending,
            clock,
            ports.scheduler,
        )
        self.capabilities = Capabilities(
            ports.passwords, ports.tokens, ports.history, ports.access_log, self.indexes, self.reader
        )
        self.batches.follow_with(self.indexes)
        self.batches.follow_with(_Advance(drain))
        self.batches.follow_with(self.reactions)
        if product.all_sinks:
            self.batches.follow_with(self.sinks)

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
        if self.product.all_sagas or self.product.all_sinks:
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
                raise Refused("views.behind", retryable=True, entries=self.processor.lag(tenant))
            read = await self.indexes.read(tenant)
            if self.processor.last_batch(tenant) == batch:
                self.indexes.install(tenant, read)

    async def _keep_time(self) -> None:
        """Wakes sagas, once a second; also those of tenants that nobody asks anything of, and their sinks once."""
        looked: set[TenantId] = set()
        while True:
            for entry in self.indexes.tenants.all():
                # A tenant whose views are late is looked at again in a second.
                with contextlib.suppress(Refused):
                    await self.open(entry.tenant)
                    if entry.tenant not in looked:
                        looked.add(entry.tenant)
                        self.sinks.look(entry.tenant)
            self.timers.wake()
            await self.ports.clock.sleep(1.0)

    async def _breathe(self) -> None:
        """Lets commands in again that were held back while the drain was too far behind."""
        while True:
            await self.ports.clock.sleep(0.05)
            self.batches.look_at_lag()
            self.inbox.pump()

    async def _ready(self, tenant: TenantId) -> None:
        """Opens a tenant, however long its views take."""
        while not self.indexes.is_open(tenant):
            with contextlib.suppress(Refused):
                await self.open(tenant)

    async def _dead_letters(self, tenant: TenantId) -> DeadLetters:
        await self._ready(tenant)
        return self.indexes.dead_letters(tenant)

    def _dead_letters_at_hand(self, tenant: TenantId) -> DeadLetters | None:
        return self.indexes.dead_letters(tenant) if self.indexes.is_open(tenant) else None

    async def _drained(self, tenant: TenantId) -> tuple[SinkPlaces, DeadLetters, ScopeId]:
        """What sinks must know of a tenant, once its history holds all that is durable by now."""
        await self._ready(tenant)
        while not await self.ports.drain.reached(self.processor.last_batch(tenant), 10.0):
            pass
        indexes = self.indexes
        return indexes.sink_places(tenant), indexes.dead_letters(tenant), indexes.root(tenant)

    async def _recorded(self, tenant: TenantId, cause: Cause) -> tuple[Event, Happened]:
        """What caused something, from the history."""
        await self._drained(tenant)
        place = Position.of(cause.position)
        found = await self.ports.history.scan(tenant, place._replace(sequence=place.sequence - 1))
        record = Record.of(found[0][1])
        entry = _ENTRY.decode(self.ports.keyring.open(tenant, record.sealed, record.place))
        happened = entry.happened(cause.number)
        event = self.product.catalogue[happened.event.type].decoder.decode(happened.event.body)
        return cast("Event", event), happened

    def _command(self, name: str, body: msgspec.Raw) -> Command[Any]:
        return cast("Command[Any]", self.product.catalogue[name].decoder.decode(body))

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
