"""The processor: decides commands one after another, records each with its verdict, and answers once that is durable.

One thread serves all partitions of all tenants. State may run ahead of the journal; nothing leaves before it: no reply, no index,
no reaction. When a batch cannot be recorded, what was built on it is undone and its callers are told `unavailable`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from osteon.domain import Accepted, Decider, Decision, Product, Rejected
from osteon.engine.memory import Entity, Memory, Settled, TenantMemory, Waiting
from osteon.engine.partition import PARTITIONS, partition_of
from osteon.messages import Correlation, Entry, Position, Recorded, Verdict
from osteon.model import Identifiers, MessageId, Problem, TenantId, answer_json, decoder, is_identifier, record_json
from osteon.ports.clock import Clock
from osteon.ports.history import History
from osteon.ports.inbox import Delivery, Replies, Reply
from osteon.ports.journal import AppendFailed, Draft, Journal
from osteon.ports.scheduler import Scheduler

__all__ = ["Committed", "Follower", "Limits", "Processor"]

AnyDecider = Decider[Any, Any, Any, Any, Any]

_ENTRY = decoder(Entry)
_NOTHING = msgspec.Raw(b"null")
_UNAVAILABLE = Problem(key="unavailable", retryable=True)
_EXPIRED = Problem(key="expired", retryable=True)
_REUSED = Problem(key="reused-key")
_UNEXPECTED = Problem(key="unexpected", retryable=True)


class Limits(NamedTuple):
    """Bounds of the processor: entities and verdicts in memory, commands in a batch, entries that the drain may be behind."""

    entities: int = 50_000
    verdicts: int = 20_000
    batch: int = 256
    lag: int = 50_000


class Committed(NamedTuple):
    """A recorded command, as those who follow the journal are given it: the events as the decider made them."""

    tenant: TenantId
    entry: Entry
    events: tuple[Any, ...]


class Follower(Protocol):
    """Is told of every batch once it is durable, before the replies to it leave."""

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """A batch has become durable; entries in order."""
        ...


class _Pending(NamedTuple):
    """A decided command whose entry is on its way to the journal, with all that is needed to undo it."""

    delivery: Delivery
    tenant: TenantMemory
    verdict_key: str
    partition: int
    entity: Entity
    state_before: Any
    reply: Reply
    committed: Committed
    draft: Draft


class Processor:
    """Takes deliveries, decides, records, replies."""

    def __init__(
        self,
        product: Product,
        journal: Journal,
        history: History,
        replies: Replies,
        clock: Clock,
        identifiers: Identifiers,
        scheduler: Scheduler,
        drained: Callable[[], int],
        limits: Limits | None = None,
    ) -> None:
        """Puts a processor together; `start` runs it."""
        self._product = product
        self._names: dict[type[Any], str] = {message.type: message.name for message in product.catalogue}
        self._journal = journal
        self._history = history
        self._replies = replies
        self._clock = clock
        self._identifiers = identifiers
        self._scheduler = scheduler
        self._limits = limits or Limits()
        self._drained = drained
        self._memory = Memory(drained, self._limits.entities, self._limits.verdicts)
        self._tenants: dict[TenantId, TenantMemory] = {}
        self._cold: dict[tuple[TenantId, str], deque[Delivery]] = {}
        self._undrained: deque[tuple[int, int]] = deque()
        self._lag = 0
        self._open: list[_Pending] = []
        self._extra: list[Draft] = []
        self._work = asyncio.Event()
        self._followers: list[Follower] = []
        self._room: Callable[[], None] = lambda: None
        self._log = structlog.get_logger("osteon.engine")
        self.committed_batch = 0

    @property
    def memory(self) -> Memory:
        """What is kept in memory: its sizes are metrics."""
        return self._memory

    @property
    def ready(self) -> bool:
        """Whether another command fits into the batch that is being filled, and the drain is not too far behind."""
        return len(self._open) < self._limits.batch and self._lag <= self._limits.lag

    @property
    def undrained(self) -> int:
        """How many durable entries were not in history and views when somebody last looked."""
        return self._lag

    def look_at_lag(self) -> int:
        """How many durable entries are not in history and views yet."""
        drained = self._drained()
        while self._undrained and self._undrained[0][0] <= drained:
            self._lag -= self._undrained.popleft()[1]
        return self._lag

    def follow_with(self, follower: Follower) -> None:
        """Tells `follower` of every durable batch from now on, in the order in which followers were added."""
        self._followers.append(follower)

    def when_room(self, room: Callable[[], None]) -> None:
        """Calls `room` whenever a batch has gone and commands can be taken again."""
        self._room = room

    def last_batch(self, tenant: TenantId) -> int:
        """The number of the last durable batch with an entry of the tenant in it, since the start; 0 when there is none."""
        memory = self._tenants.get(tenant)
        return memory.last_batch if memory else 0

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
        if self._drained() >= memory.last_batch:
            memory.drained_entries = memory.durable_entries
        return memory.drained_entries

    def record_aside(self, draft: Draft) -> None:
        """Records something that is no entry, with the next batch; nobody waits for it."""
        self._extra.append(draft)

    def flush_aside(self) -> None:
        """Records what was set aside now, even when no command comes."""
        if self._extra:
            self._work.set()

    def committed(self, draft: Draft) -> Committed:
        """A recorded entry, read again."""
        entry = _ENTRY.decode(draft.body)
        events = (self._product.catalogue[event.type].decoder.decode(event.body) for event in entry.events)
        return Committed(draft.tenant, entry, tuple(events))

    async def open_tenant(self, tenant: TenantId) -> TenantMemory:
        """Takes a tenant's partitions over; does nothing when they are held already."""
        memory = self._tenants.get(tenant)
        if memory is None:
            heads = await self._journal.take_over(tenant)
            greatest_entity, greatest_external = await self._history.greatest(tenant)
            sequences = [heads.get(partition, 0) for partition in range(PARTITIONS)]
            memory = TenantMemory(tenant, sequences, greatest_entity, greatest_external)
            memory.durable_entries = memory.drained_entries = sum(sequences)
            memory = self._tenants.setdefault(tenant, memory)
        return memory

    def take(self, delivery: Delivery) -> None:
        """Decides a command now, or as soon as its tenant and its entity are in memory."""
        tenant = self._tenants.get(delivery.context.tenant)
        decider = self._product.deciders[type(delivery.command)]
        # Clients draw identifiers, so two kinds of entities may have the same.
        name = f"{decider.entity}/{delivery.entity}"
        place = (delivery.context.tenant, name)
        queue = self._cold.get(place)
        if queue is not None:
            queue.append(delivery)
        elif tenant is not None and self._is_warm(tenant, name, delivery):
            self._decide(tenant, name, delivery)
        else:
            self._cold[place] = deque([delivery])
            self._scheduler.spawn(self._warm(place), "warm")

    async def run(self) -> None:
        """Records batches, one at a time, for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._open or self._extra:
                await self._commit()

    def _is_warm(self, tenant: TenantMemory, name: str, delivery: Delivery) -> bool:
        """Whether memory alone can tell the entity's state and whether the key was used."""
        entity = tenant.entities.get(name)
        if entity is None:
            if delivery.entity <= tenant.entity_floor:
                return False
            self._memory.keep_entity(tenant, name, Entity())
            return True
        if f"{delivery.entity}/{delivery.key}" in tenant.verdicts:
            return True
        external = delivery.key.rpartition("/")[2]
        return external > tenant.external_floor and is_identifier(external)

    async def _warm(self, place: tuple[TenantId, str]) -> None:
        """Brings an entity, and the verdicts of the keys that wait for it, into memory; then decides what waited."""
        queue = self._cold[place]
        entity = Entity()
        try:
            tenant = await self.open_tenant(place[0])
            entity = await self._load(tenant, place[1], queue[0])
            # Memory is not to let go of it again while verdicts are looked up.
            entity.in_flight += 1
            while queue:
                await self._recall(tenant, queue[0])
                self._decide(tenant, place[1], queue.popleft())
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("loading an entity failed", tenant=place[0], entity=place[1])
            for delivery in queue:
                self._refuse(delivery, _UNAVAILABLE)
        finally:
            entity.in_flight -= 1
            del self._cold[place]

    async def _load(self, tenant: TenantMemory, name: str, delivery: Delivery) -> Entity:
        known = tenant.entities.get(name)
        if known is not None:
            return known
        decider = self._product.deciders[type(delivery.command)]
        state: Any = None
        if delivery.entity <= tenant.entity_floor:
            for entry in await self._history.entity(tenant.tenant, delivery.entity):
                for event in entry.events if entry.entity_type == decider.entity else ():
                    state = decider.fold(state, self._product.catalogue[event.type].decoder.decode(event.body))
        entity = Entity(state)
        self._memory.keep_entity(tenant, name, entity)
        return entity

    async def _recall(self, tenant: TenantMemory, delivery: Delivery) -> None:
        """Brings a verdict recorded long ago back into memory."""
        verdict_key = f"{delivery.entity}/{delivery.key}"
        if verdict_key in tenant.verdicts:
            return
        entry = await self._history.recorded(tenant.tenant, delivery.entity, delivery.key)
        if entry is not None and verdict_key not in tenant.verdicts:
            self._memory.keep_verdict(tenant, verdict_key, Settled(entry.fingerprint, _reply(entry), 0))

    def _decide(self, tenant: TenantMemory, name: str, delivery: Delivery) -> None:
        verdict_key = f"{delivery.entity}/{delivery.key}"
        known = tenant.verdicts.get(verdict_key)
        if known is not None:
            self._answer_again(known, delivery)
        elif delivery.expires < self._clock.milliseconds():
            self._refuse(delivery, _EXPIRED)
        else:
            decider = self._product.deciders[type(delivery.command)]
            entity = tenant.entities[name]
            verdict, decision = self._verdict(decider, entity.state, delivery)
            try:
                self._record(tenant, delivery, verdict_key, decider, entity, verdict, decision)
            except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
                # Not even the fault can be recorded, such as when the command holds a secret.
                self._log.exception("nothing was recorded", entity=name, invocation=delivery.context.trace.current)
                self._refuse(delivery, _UNEXPECTED)

    def _answer_again(self, known: Settled | Waiting, delivery: Delivery) -> None:
        if known.fingerprint != delivery.fingerprint:
            self._refuse(delivery, _REUSED)
        elif isinstance(known, Waiting):
            known.followers = [*(known.followers or ()), delivery]
        else:
            self._replies.deliver(delivery.context.trace.current, known.reply._replace(replayed=True))

    def _verdict(self, decider: AnyDecider, state: Any, delivery: Delivery) -> tuple[Verdict, Decision]:
        command, context = delivery.command, delivery.context
        module = self._product.module_of(decider)
        creates = isinstance(command, decider.creating)
        if creates and state is not None:
            return "rejected", Rejected(problem=Problem(key=f"{module}.already-exists"))
        if not creates and (state is None or getattr(state, "scope", context.scope.root) != context.scope.id):
            return "rejected", Rejected(problem=Problem(key=f"{module}.not-found"))
        try:
            decision = self._ask(decider, command, state, delivery)
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("deciding failed", command=self._names[type(command)], invocation=context.trace.current)
            return "faulted", Rejected(problem=_UNEXPECTED)
        return ("accepted" if isinstance(decision, Accepted) else "rejected"), decision

    def _ask(self, decider: AnyDecider, command: Any, state: Any, delivery: Delivery) -> Decision:
        if state is None:
            return decider.create(command, delivery.context)
        if decider.decide is None:
            raise AssertionError(f"'{decider.entity}' takes no command but those that make one.")
        return decider.decide(command, state, delivery.context)

    def _record(
        self,
        tenant: TenantMemory,
        delivery: Delivery,
        verdict_key: str,
        decider: AnyDecider,
        entity: Entity,
        verdict: Verdict,
        decision: Decision,
    ) -> None:
        """Builds the entry, lets the state run ahead, and puts the entry into the open batch."""
        partition = partition_of(decider.entity, delivery.entity)
        position = Position(partition, tenant.sequences[partition] + 1)
        try:
            state, entry = self._entry(delivery, decider, entity.state, position, verdict, decision)
            body = record_json(entry)
        except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("recording failed", entity=decider.entity, invocation=delivery.context.trace.current)
            verdict, decision = "faulted", Rejected(problem=_UNEXPECTED)
            state, entry = self._entry(delivery, decider, entity.state, position, verdict, decision)
            body = record_json(entry)
        events = decision.events if isinstance(decision, Accepted) else ()
        pending = _Pending(
            delivery=delivery,
            tenant=tenant,
            verdict_key=verdict_key,
            partition=partition,
            entity=entity,
            state_before=entity.state,
            reply=_reply(entry),
            committed=Committed(tenant.tenant, entry, events),
            draft=Draft("entry", tenant.tenant, position, body),
        )
        tenant.sequences[partition] += 1
        entity.state = state
        entity.in_flight += 1
        tenant.verdicts[verdict_key] = Waiting(delivery.fingerprint)
        self._open.append(pending)
        self._work.set()

    def _entry(
        self,
        delivery: Delivery,
        decider: AnyDecider,
        state: Any,
        position: Position,
        verdict: Verdict,
        decision: Decision,
    ) -> tuple[Any, Entry]:
        message = MessageId(self._identifiers.next())
        recorded: list[Recorded] = []
        answer, problem = _NOTHING, None
        if isinstance(decision, Accepted):
            for event in decision.events:
                state = decider.fold(state, event)
                body = msgspec.Raw(record_json(event))
                recorded.append(
                    Recorded(id=MessageId(self._identifiers.next()), type=self._names[type(event)], body=body)
                )
            if decision.answer is not None:
                answer = msgspec.Raw(answer_json(decision.answer))
        else:
            problem = decision.problem
        command = delivery.command
        entry = Entry(
            position=position,
            entity_type=decider.entity,
            entity=delivery.entity,
            key=delivery.key,
            fingerprint=delivery.fingerprint,
            context=delivery.context,
            correlation=Correlation(id=message, originating=delivery.originating or message, parent=delivery.parent),
            command=Recorded(id=message, type=self._names[type(command)], body=msgspec.Raw(record_json(command))),
            verdict=verdict,
            problem=problem,
            answer=answer,
            events=tuple(recorded),
        )
        return state, entry

    async def _commit(self) -> None:
        batch, self._open = self._open, []
        extra, self._extra = self._extra, []
        self._room()
        try:
            number = await self._journal.append([*(pending.draft for pending in batch), *extra])
        except AppendFailed as failure:
            self._log.error("a batch was not recorded", entries=len(batch), reason=str(failure))
            self._undo([*batch, *self._open])
            self._extra = extra + self._extra
            self._open = []
            await self._clock.sleep(0.05)
        else:
            self._settle(number, batch)

    def _settle(self, number: int, batch: Sequence[_Pending]) -> None:
        """The batch is durable: indexes and reactions learn of it, then the replies leave."""
        self.committed_batch = number
        self._undrained.append((number, len(batch)))
        self._lag += len(batch)
        self.look_at_lag()
        for pending in batch:
            pending.tenant.last_batch = number
            pending.tenant.durable_entries += 1
            pending.entity.in_flight -= 1
            pending.entity.batch = number
        committed = [pending.committed for pending in batch]
        for follower in self._followers:
            follower.follow(number, committed)
        for pending in batch:
            self._answer(pending, number)
        self._memory.trim(2 * len(batch) + 16)

    def _answer(self, pending: _Pending, number: int) -> None:
        waiting = pending.tenant.verdicts.pop(pending.verdict_key)
        if pending.reply.verdict != "faulted":
            settled = Settled(pending.delivery.fingerprint, pending.reply, number)
            self._memory.keep_verdict(pending.tenant, pending.verdict_key, settled)
        self._replies.deliver(pending.delivery.context.trace.current, pending.reply)
        for follower in waiting.followers or () if isinstance(waiting, Waiting) else ():
            self._replies.deliver(follower.context.trace.current, pending.reply._replace(replayed=True))

    def _undo(self, pendings: Sequence[_Pending]) -> None:
        """Forgets what was decided but not recorded, newest first, and tells whoever waits that it may or may not have happened."""
        for pending in reversed(pendings):
            pending.tenant.sequences[pending.partition] -= 1
            pending.entity.state = pending.state_before
            pending.entity.in_flight -= 1
            waiting = pending.tenant.verdicts.pop(pending.verdict_key)
            self._refuse(pending.delivery, _UNAVAILABLE)
            for follower in waiting.followers or () if isinstance(waiting, Waiting) else ():
                self._refuse(follower, _UNAVAILABLE)

    def _refuse(self, delivery: Delivery, problem: Problem) -> None:
        current = delivery.context.trace.current
        self._replies.deliver(current, Reply(None, problem, b"null", current, None))


def _reply(entry: Entry) -> Reply:
    return Reply(
        verdict=entry.verdict,
        problem=entry.problem,
        answer=bytes(entry.answer),
        invocation=entry.context.trace.current,
        position=entry.position.token,
        events=entry.events,
    )
