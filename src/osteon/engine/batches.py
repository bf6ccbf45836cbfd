"""Batches: decided commands on their way to the journal.

Once a batch is durable, indexes and reactions learn of it and the replies leave. When it cannot be recorded, what was built on it
is undone and its callers are told `unavailable`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from osteon.engine.memory import Entity, Known, Memory, TenantMemory
from osteon.engine.snapshots import SnapshotRequests
from osteon.messages import Entry
from osteon.model import InvocationId, Problem, TenantId, replace
from osteon.ports.clock import Clock
from osteon.ports.inbox import Delivery, Replies, Reply
from osteon.ports.journal import AppendFailed, Draft, Journal

__all__ = ["Batches", "Committed", "Follower", "Limits", "Pending", "reply_of"]

BATCH_BYTES = 8 << 20
"""Above this, what was decided goes into several batches."""

_UNAVAILABLE = Problem(key="unavailable", retryable=True)


class Limits(NamedTuple):
    """Bounds of the engine.

    Attributes:
        entities: How many entities may stay in memory.
        verdicts: How many recorded verdicts.
        batch: How many commands are recorded together.
        lag: How many entries the drain may be behind before commands wait.
        share: How many commands of one tenant may wait.
        waiting: How many commands of all tenants.
        snapshot: After how many entries of an entity a snapshot of it is made.
    """

    entities: int = 50_000
    verdicts: int = 20_000
    batch: int = 256
    lag: int = 50_000
    share: int = 2_000
    waiting: int = 10_000
    snapshot: int = 200


class Committed(msgspec.Struct, gc=False):
    """A recorded command, as those who follow the journal are given it: the events as the decider made them."""

    tenant: TenantId
    entry: Entry
    events: tuple[Any, ...]


class Pending(Committed, gc=False):
    """A decided command whose entry is on its way to the journal, with all that is needed to undo it."""

    draft: Draft
    memory: TenantMemory
    entity: Entity
    state_before: Any
    verdict_key: str
    known: Known


class Follower(Protocol):
    """Is told of every batch once it is durable, before the replies to it leave."""

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """A batch has become durable; entries in order."""
        ...


class Batches:
    """Records what the processor decided, one batch at a time."""

    def __init__(
        self,
        journal: Journal,
        replies: Replies,
        clock: Clock,
        memory: Memory,
        drained: Callable[[], int],
        limits: Limits,
        snapshots: SnapshotRequests,
    ) -> None:
        """Begins empty; `run` records.

        Args:
            journal: Where batches go.
            replies: Where verdicts go once they are durable.
            clock: Tells the time.
            memory: Keeps the verdicts.
            drained: The last batch that is in history and views.
            limits: Bounds.
            snapshots: Told of entities that have come far since their last one.
        """
        self._journal = journal
        self._replies = replies
        self._clock = clock
        self._memory = memory
        self._drained = drained
        self._limits = limits
        self._snapshots = snapshots
        self._undrained: deque[tuple[int, int]] = deque()
        self._lag = 0
        self._open: list[Pending] = []
        self._bytes = 0
        self._extra: list[Draft] = []
        self._work = asyncio.Event()
        self._followers: list[Follower] = []
        self._room: Callable[[], None] = lambda: None
        self._log = structlog.get_logger("osteon.engine")
        self.last = 0

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

    def add(self, pending: Pending) -> None:
        """Records a decided command with the next batch; its reply leaves then."""
        self._open.append(pending)
        self._bytes += len(pending.draft.body)
        self._work.set()

    def add_aside(self, draft: Draft) -> None:
        """Records something that is no entry, with the next batch; nobody waits for it."""
        self._extra.append(draft)

    def flush_aside(self) -> None:
        """Records what was set aside now, even when no command comes."""
        if self._extra:
            self._work.set()

    async def run(self) -> None:
        """Records batches, one at a time, for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._open or self._extra:
                await self._commit()

    async def _commit(self) -> None:
        batch = self._first()
        extra, self._extra = self._extra, []
        self._room()
        try:
            number = await self._journal.append([*[pending.draft for pending in batch], *extra])
        except AppendFailed as failure:
            self._log.error("a batch was not recorded", entries=len(batch), reason=str(failure))
            self._undo([*batch, *self._open])
            self._extra = extra + self._extra
            self._open, self._bytes = [], 0
            await self._clock.sleep(0.05)
        else:
            self._settle(number, batch)

    def _first(self) -> list[Pending]:
        """What goes into the next batch: all there is, or as much as surely fits into a segment of the log."""
        batch, self._open = self._open, []
        if self._bytes > BATCH_BYTES:
            room = BATCH_BYTES
            fits = 0
            for pending in batch:
                room -= len(pending.draft.body)
                if room < 0 and fits:
                    break
                fits += 1
            batch, self._open = batch[:fits], batch[fits:]
        self._bytes = sum(len(pending.draft.body) for pending in self._open)
        return batch

    def _settle(self, number: int, batch: Sequence[Pending]) -> None:
        """The batch is durable: indexes and reactions learn of it, then the replies leave."""
        self.last = number
        self._undrained.append((number, len(batch)))
        self._lag += len(batch)
        self.look_at_lag()
        for pending in batch:
            memory, entity = pending.memory, pending.entity
            memory.last_batch = number
            memory.durable_entries += 1
            entity.in_flight -= 1
            entity.batch = number
            entity.since += 1
            if entity.since >= self._limits.snapshot:
                entity.since = 0
                self._snapshots.ask(memory.tenant, pending.entry.entity_type, pending.entry.entity)
        for follower in self._followers:
            follower.follow(number, batch)
        for pending in batch:
            self._answer(pending, number)
        self._memory.trim(2 * len(batch) + 16)

    def _answer(self, pending: Pending, number: int) -> None:
        entry, known = pending.entry, pending.known
        reply = known.reply = reply_of(entry)
        if entry.verdict == "faulted":
            # An unexpected error is run again under the same key.
            del pending.memory.verdicts[pending.verdict_key]
        else:
            known.batch = number
            self._memory.keep_verdict(pending.memory, pending.verdict_key)
        self._replies.deliver(reply.invocation, reply)
        if known.followers:
            again = replace(reply, replayed=True)
            for follower in known.followers:
                self._replies.deliver(follower.context.trace.current, again)
            known.followers = None

    def _undo(self, pendings: Sequence[Pending]) -> None:
        """Forgets what was decided but not recorded, newest first, and tells whoever waits that it may or may not have happened."""
        for pending in reversed(pendings):
            pending.memory.sequences[pending.draft.position.partition] -= 1
            pending.entity.state = pending.state_before
            pending.entity.in_flight -= 1
            del pending.memory.verdicts[pending.verdict_key]
            for waiting in (pending.entry.context.trace.current, *_invocations(pending.known.followers)):
                self._replies.deliver(waiting, Reply.refused(waiting, _UNAVAILABLE))


def reply_of(entry: Entry) -> Reply:
    """What is answered to the command of an entry."""
    return Reply(
        verdict=entry.verdict,
        problem=entry.problem,
        answer=bytes(entry.answer),
        invocation=entry.context.trace.current,
        position=entry.position.token,
        events=entry.events,
    )


def _invocations(deliveries: Sequence[Delivery] | None) -> list[InvocationId]:
    return [delivery.context.trace.current for delivery in deliveries or ()]
