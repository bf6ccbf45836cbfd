"""The processor: decides commands one after another and hands each, with its verdict, to be recorded.

One thread serves all partitions of all tenants. State may run ahead of the journal; nothing leaves before it: no reply, no index,
no reaction.
"""

import asyncio
from typing import Any

import msgspec
import structlog

from osteon.domain import Accepted, Decision, Product, Rejected
from osteon.engine.batches import Batches, Committed, Pending, reply_of
from osteon.engine.cold import Cold, Place
from osteon.engine.deciding import CommandKind, command_kind, judge
from osteon.engine.memory import Entity, Known, Memory, TenantMemory
from osteon.engine.partition import PARTITIONS, partition_of
from osteon.engine.snapshots import Loaded, Loader
from osteon.engine.turns import LONG, Turns
from osteon.messages import Correlation, Entry, Position, Recorded, Verdict
from osteon.model import Identifiers, MessageId, Problem, TenantId, answer_json, decoder, is_identifier, record_json
from osteon.model import replace as changed
from osteon.ports.clock import Clock
from osteon.ports.history import PAST, History
from osteon.ports.inbox import Delivery, Replies, Reply
from osteon.ports.journal import Draft, Journal
from osteon.ports.scheduler import Scheduler

__all__ = ["Processor"]

_ENTRY = decoder(Entry)
_NOTHING = msgspec.Raw(b"null")
_UNAVAILABLE = Problem(key="unavailable", retryable=True)
_EXPIRED = Problem(key="expired", retryable=True)
_REUSED = Problem(key="reused-key")
_UNEXPECTED = Problem(key="unexpected", retryable=True)


class Processor:
    """Takes deliveries and decides.

    Attributes:
        cold: What waits for its entity to be loaded.
    """

    def __init__(
        self,
        product: Product,
        journal: Journal,
        history: History,
        replies: Replies,
        clock: Clock,
        identifiers: Identifiers,
        scheduler: Scheduler,
        memory: Memory,
        batches: Batches,
        loader: Loader,
    ) -> None:
        """Puts a processor together."""
        self._product = product
        self._kinds = {command: command_kind(product, command) for command in product.deciders}
        self._names: dict[type[Any], str] = {message.type: message.name for message in product.catalogue}
        self._journal = journal
        self._history = history
        self._replies = replies
        self._clock = clock
        self._identifiers = identifiers
        self._scheduler = scheduler
        self._memory = memory
        self._batches = batches
        self._loader = loader
        self._cold = self.cold = Cold()
        self._turns = Turns()
        self._tenants: dict[TenantId, TenantMemory] = {}
        self._opening: dict[TenantId, asyncio.Lock] = {}
        self._log = structlog.get_logger("osteon.engine")

    def last_batch(self, tenant: TenantId) -> int:
        """The number of the last durable batch with an entry of the tenant in it, since the start; 0 when there is none."""
        memory = self._tenants.get(tenant)
        return memory.last_batch if memory else 0

    @property
    def entries(self) -> int:
        """How many durable entries the tenants have that are open."""
        return sum(memory.durable_entries for memory in self._tenants.values())

    def has(self, tenant: TenantId, place: Position | int) -> bool:
        """Whether the tenant's journal has come to `place`: a position of an entry, or a count of entries."""
        memory = self._tenants.get(tenant)
        if memory is None:
            return False
        if isinstance(place, int):
            return place <= sum(memory.sequences)
        return place.partition < PARTITIONS and place.sequence <= memory.sequences[place.partition]

    def drained_entries(self, tenant: TenantId) -> int:
        """How many entries of the tenant its views hold at least."""
        memory = self._tenants.get(tenant)
        if memory is None:
            return 0
        if self._memory.drained() >= memory.last_batch:
            memory.drained_entries = memory.durable_entries
        return memory.drained_entries

    def lag(self, tenant: TenantId) -> int:
        """How many durable entries of the tenant its views may not hold."""
        memory = self._tenants.get(tenant)
        return memory.durable_entries - self.drained_entries(tenant) if memory else 0

    def committed(self, draft: Draft) -> Committed:
        """A recorded entry, read again; an event of a type that is not in the product any more is None."""
        entry = _ENTRY.decode(draft.body)
        events = [
            None if (message := self._product.catalogue.get(event.type)) is None else message.decoder.decode(event.body)
            for event in entry.events
        ]
        return Committed(draft.tenant, entry, tuple(events))

    async def open_tenant(self, tenant: TenantId) -> TenantMemory:
        """Takes a tenant's partitions over; does nothing when they are held already."""
        memory = self._tenants.get(tenant)
        if memory is not None:
            return memory
        # Taken over twice, the heads of its chains could be set back behind what was written in between.
        async with self._opening.setdefault(tenant, asyncio.Lock()):
            memory = self._tenants.get(tenant)
            if memory is None:
                heads = await self._journal.take_over(tenant)
                greatest_entity, greatest_external = await self._history.greatest(tenant)
                sequences = [heads.get(partition, 0) for partition in range(PARTITIONS)]
                memory = TenantMemory(tenant, sequences, greatest_entity, greatest_external)
                memory.durable_entries = memory.drained_entries = sum(sequences)
                self._tenants[tenant] = memory
        self._opening.pop(tenant, None)
        return memory

    def take(self, delivery: Delivery) -> None:
        """Decides a command now, or as soon as its tenant and its entity are in memory."""
        kind = self._kinds[type(delivery.command)]
        tenant = self._tenants.get(delivery.context.tenant)
        # Clients draw identifiers, so two kinds of entities may have the same.
        name = f"{kind.entity}/{delivery.entity}"
        place = (delivery.context.tenant, name)
        if self._cold.total and self._cold.has(place):
            self._cold.add(place, delivery)
            return
        entity = self._at_hand(tenant, name, delivery) if tenant is not None else None
        if tenant is not None and entity is not None:
            self._decide(tenant, kind, entity, delivery)
        else:
            self._cold.add(place, delivery)
            self._scheduler.spawn(self._warm(place), "warm")

    def _at_hand(self, tenant: TenantMemory, name: str, delivery: Delivery) -> Entity | None:
        """The entity, if memory alone can tell its state and whether the key was used."""
        entity = tenant.entities.get(name)
        if entity is None:
            if delivery.entity <= tenant.entity_floor:
                return None
            entity = Entity()
            self._memory.keep_entity(tenant, name, entity)
            return entity
        if f"{delivery.entity}/{delivery.key}" in tenant.verdicts:
            return entity
        external = delivery.key.rpartition("/")[2]
        return entity if external > tenant.external_floor and is_identifier(external) else None

    async def _warm(self, place: Place) -> None:
        """Brings an entity, and the verdicts of the keys that wait for it, into memory; then decides what waited."""
        cold, entity = self._cold, Entity()
        try:
            tenant = await self.open_tenant(place[0])
            await self._turns.take(place[0])
            entity = await self._load(tenant, place)
            # Memory is not to let go of it again while verdicts are looked up.
            entity.in_flight += 1
            while (delivery := cold.first(place)) is not None:
                await self._recall(tenant, delivery)
                self._decide(tenant, self._kinds[type(delivery.command)], entity, cold.pop(place))
                # Verdicts that are only ever asked for again come with no batch that would make room for them.
                self._memory.trim(2)
                if cold.first(place) is not None:
                    await self._turns.take(place[0])
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("loading an entity failed", tenant=place[0], entity=place[1])
        finally:
            entity.in_flight -= 1
            for delivery in cold.end(place):
                self._refuse(delivery, _UNAVAILABLE)

    async def _load(self, tenant: TenantMemory, place: Place) -> Entity:
        """The entity for which the first command waits. A long one is loaded in parts, between which others have their turn."""
        known = tenant.entities.get(place[1])
        if known is not None:
            return known
        entity_type, _, identifier = place[1].partition("/")
        loaded, read = Loaded(None, 0), 0
        if identifier <= tenant.entity_floor:
            self._memory.loads += 1
            async for loaded in self._loader.load(tenant.tenant, entity_type, identifier):
                if loaded.entries >= read + PAST:
                    read = loaded.entries
                    await self._turns.take(tenant.tenant, LONG)
        entity = Entity(loaded.state, since=loaded.entries)
        self._memory.keep_entity(tenant, place[1], entity)
        return entity

    async def _recall(self, tenant: TenantMemory, delivery: Delivery) -> None:
        """Brings a verdict recorded long ago back into memory."""
        verdict_key = f"{delivery.entity}/{delivery.key}"
        if verdict_key in tenant.verdicts:
            return
        self._memory.recalls += 1
        entry = await self._history.recorded(tenant.tenant, delivery.entity, delivery.key)
        if entry is not None and verdict_key not in tenant.verdicts:
            tenant.verdicts[verdict_key] = Known(entry.fingerprint, reply_of(entry))
            self._memory.keep_verdict(tenant, verdict_key)

    def _decide(self, tenant: TenantMemory, kind: CommandKind, entity: Entity, delivery: Delivery) -> None:
        verdict_key = f"{delivery.entity}/{delivery.key}"
        known = tenant.verdicts.get(verdict_key)
        if known is not None:
            self._answer_again(known, delivery)
            return
        if delivery.expires < self._clock.milliseconds():
            self._refuse(delivery, _EXPIRED)
            return
        verdict, decision = self._verdict(kind, entity.state, delivery)
        try:
            pending = self._pending(tenant, kind, entity, delivery, verdict_key, verdict, decision)
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            # Not even the fault can be recorded, such as when the command holds a secret.
            self._log.exception("nothing was recorded", command=kind.name, invocation=delivery.context.trace.current)
            self._refuse(delivery, _UNEXPECTED)
        else:
            self._batches.add(pending)

    def _answer_again(self, known: Known, delivery: Delivery) -> None:
        if known.fingerprint != delivery.fingerprint:
            self._refuse(delivery, _REUSED)
        elif known.reply is None:
            known.followers = known.followers or []
            known.followers.append(delivery)
        else:
            self._replies.deliver(delivery.context.trace.current, changed(known.reply, replayed=True))

    def _verdict(self, kind: CommandKind, state: Any, delivery: Delivery) -> tuple[Verdict, Decision]:
        try:
            return judge(kind, state, delivery.command, delivery.context)
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("deciding failed", command=kind.name, invocation=delivery.context.trace.current)
            return "faulted", Rejected(problem=_UNEXPECTED)

    def _pending(
        self,
        tenant: TenantMemory,
        kind: CommandKind,
        entity: Entity,
        delivery: Delivery,
        verdict_key: str,
        verdict: Verdict,
        decision: Decision,
    ) -> Pending:
        """Builds the entry and lets the state run ahead."""
        partition = partition_of(kind.entity, delivery.entity)
        position = Position(partition, tenant.sequences[partition] + 1)
        before = entity.state
        try:
            state, entry = self._entry(kind, delivery, before, position, verdict, decision)
            body = record_json(entry)
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("recording failed", command=kind.name, invocation=delivery.context.trace.current)
            decision = Rejected(problem=_UNEXPECTED)
            state, entry = self._entry(kind, delivery, before, position, "faulted", decision)
            body = record_json(entry)
        tenant.sequences[partition] += 1
        entity.state = state
        entity.in_flight += 1
        known = tenant.verdicts[verdict_key] = Known(delivery.fingerprint)
        return Pending(
            tenant=tenant.tenant,
            entry=entry,
            events=decision.events if isinstance(decision, Accepted) else (),
            draft=Draft("entry", tenant.tenant, position, body),
            memory=tenant,
            entity=entity,
            state_before=before,
            verdict_key=verdict_key,
            known=known,
        )

    def _entry(
        self,
        kind: CommandKind,
        delivery: Delivery,
        state: Any,
        position: Position,
        verdict: Verdict,
        decision: Decision,
    ) -> tuple[Any, Entry]:
        message: MessageId = self._identifiers.next()
        recorded: list[Recorded] = []
        answer, problem = _NOTHING, None
        if isinstance(decision, Accepted):
            for event in decision.events:
                state = kind.decider.fold(state, event)
                name, body = self._names[type(event)], msgspec.Raw(record_json(event))
                recorded.append(Recorded(id=self._identifiers.following(), type=name, body=body))
            if decision.answer is not None:
                answer = msgspec.Raw(answer_json(decision.answer))
        else:
            problem = decision.problem
        entry = Entry(
            position=position,
            entity_type=kind.entity,
            entity=delivery.entity,
            key=delivery.key,
            fingerprint=delivery.fingerprint,
            context=delivery.context,
            correlation=Correlation(id=message, originating=delivery.originating or message, parent=delivery.parent),
            command=Recorded(id=message, type=kind.name, body=msgspec.Raw(record_json(delivery.command))),
            verdict=verdict,
            problem=problem,
            answer=answer,
            events=tuple(recorded),
        )
        return state, entry

    def _refuse(self, delivery: Delivery, problem: Problem) -> None:
        current = delivery.context.trace.current
        self._replies.deliver(current, Reply.refused(current, problem))
