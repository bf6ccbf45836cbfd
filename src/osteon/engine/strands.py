"""Strands: what one handler does about one thing is done in order.

What cannot be done is parked as a dead letter, and all that comes behind it on its strand waits there too, until an operator has it
replayed or passes it over. All other strands go on.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import msgspec
import structlog

from osteon.domain import Ask, Woken
from osteon.engine.issuing import Issuing
from osteon.engine.sending import Sending
from osteon.messages import Command, Event, Happened, wire_name
from osteon.model import OsteonError, ScopeId, TenantId, record_json
from osteon.ports.clock import Clock
from osteon.ports.dead_letters import Cause, Correction, DeadLetters, Failure, Letter, Strand
from osteon.ports.inbox import Delivery, Reply
from osteon.ports.scheduler import Scheduler

__all__ = ["Errand", "Handler", "Mend", "Strands", "Undone", "carried"]

OPERATIONS = "operations"
PAUSE = 60.0
LONGEST = 500


class Undone(OsteonError):
    """Raised by a handler when a command of its has no verdict that stands, after all attempts."""

    def __init__(self, failure: Failure) -> None:
        """Says what failed."""
        super().__init__(failure.error)
        self.failure = failure


class Handler(Protocol):
    """A reaction, a saga or a sink, as the engine runs it."""

    @property
    def name(self) -> str:
        """Its name, for ever."""
        ...

    def asks_nothing(self, errand: "Errand") -> bool:
        """Whether there is nothing to do about an event, as far as that can be told at once."""
        ...

    async def attempt(self, errand: "Errand", mend: "Mend | None") -> None:
        """Does what it does about an event; may raise anything, `Undone` if a command of its has no verdict.

        With `mend`, that command is sent in place of one of its own.
        """
        ...


class Mend(NamedTuple):
    """A corrected command, and which of the handler's commands it stands for."""

    ordinal: str
    command: Command[Any]

    @classmethod
    def over(cls, mend: "Mend | None", ordinal: str, ask: Ask) -> Ask:
        """What is asked: the corrected command, if it stands for this one."""
        if mend is None or mend.ordinal != ordinal:
            return ask
        return Ask(command=mend.command, scope=ask.scope, tenant=ask.tenant)


class Errand(NamedTuple):
    """What a handler is to do about an event; `done` is called once that is done, or parked.

    `key` tells it from all others of its strand. A wake-up has no cause; it was `due`, and seen to be so at the time `seen`.
    """

    handler: Handler
    strand: Strand
    key: str
    event: Event
    cause: Happened | None = None
    due: datetime | None = None
    done: Callable[[], None] = lambda: None
    seen: datetime | None = None


class _Resume(NamedTuple):
    """A strand is to go on; `key` is the letter for which there may be a correction."""

    strand: Strand
    key: str
    correction: Correction | None
    done: Callable[[], None]


class Strands:
    """Does errands: those of one strand in order, all strands beside one another."""

    def __init__(
        self,
        letters: Callable[[TenantId], Awaitable[DeadLetters]],
        at_hand: Callable[[TenantId], DeadLetters | None],
        root: Callable[[TenantId], ScopeId],
        recorded: Callable[[TenantId, Cause], Awaitable[tuple[Event, Happened]]],
        command: Callable[[str, msgspec.Raw], Command[Any]],
        issuing: Issuing,
        sending: Sending,
        clock: Clock,
        scheduler: Scheduler,
    ) -> None:
        """Puts it together.

        Args:
            letters: The dead letters of a tenant, which is opened for it.
            at_hand: The same at once, if the tenant is open.
            root: The root scope of a tenant that is open.
            recorded: What caused a dead letter, read again.
            command: A command of the product from its wire name and its fields.
            issuing: Makes the commands that keep dead letters.
            sending: Sends them.
            clock: Tells the time.
            scheduler: Starts what runs beside.
        """
        self._letters = letters
        self._at_hand = at_hand
        self._root = root
        self._recorded = recorded
        self._command = command
        self._issuing = issuing
        self._sending = sending
        self._clock = clock
        self._scheduler = scheduler
        self._handlers: dict[str, Handler] = {}
        self._queues: dict[Strand, deque[Errand | _Resume]] = {}
        self._log = structlog.get_logger("osteon.engine")

    def know(self, handlers: Sequence[Handler]) -> None:
        """Learns whose dead letters it may have to replay."""
        self._handlers |= {handler.name: handler for handler in handlers}

    @property
    def busy(self) -> int:
        """How many strands have something to do."""
        return len(self._queues)

    def is_busy(self, strand: Strand) -> bool:
        """Whether a strand has something to do."""
        return strand in self._queues

    def add(self, errand: Errand) -> None:
        """Does an errand once those before it on its strand are done or parked."""
        if errand.strand not in self._queues and errand.handler.asks_nothing(errand):
            letters = self._at_hand(errand.strand.tenant)
            if letters is not None and not letters.holds(errand.strand):
                errand.done()
                return
        self._enqueue(errand)

    def resume(self, strand: Strand, key: str, correction: Correction | None, done: Callable[[], None]) -> None:
        """Replays what waits on a strand, in order, until all is done or something fails again."""
        self._enqueue(_Resume(strand, key, correction, done))

    async def park(self, errand: Errand, failure: Failure) -> None:
        """Keeps an errand as a dead letter."""
        letters = await self._letters(errand.strand.tenant)
        self._log.error("parked", handler=errand.strand.handler, about=errand.strand.about, error=failure.error)
        await self._tell(
            errand.strand, letters.park(errand.strand.tenant, _letter(errand, failure), failure), errand.cause
        )

    def _enqueue(self, work: Errand | _Resume) -> None:
        queue = self._queues.get(work.strand)
        if queue is not None:
            queue.append(work)
        else:
            self._queues[work.strand] = deque([work])
            self._scheduler.spawn(self._follow(work.strand), "strand")

    async def _follow(self, strand: Strand) -> None:
        queue = self._queues[strand]
        while queue:
            work = queue[0]
            await (self._do(work) if isinstance(work, Errand) else self._replay(work))
            queue.popleft()
            work.done()
        del self._queues[strand]

    async def _do(self, errand: Errand) -> None:
        strand = errand.strand
        letters = await self._letters(strand.tenant)
        if letters.is_skipped(strand, errand.key):
            return
        if letters.holds(strand):
            failure: Failure | None = Failure(error="operations.held-up")
        else:
            failure = await self._attempt(errand, None)
        if failure is not None:
            await self.park(errand, failure)

    async def _replay(self, work: _Resume) -> None:
        tenant = work.strand.tenant
        letters = await self._letters(tenant)
        while (letter := letters.first(work.strand)) is not None:
            correction = work.correction if letter.key == work.key else None
            cause, failure = await self._again(work.strand, letter, correction)
            if failure is not None:
                await self._tell(work.strand, letters.failed(tenant, letter, failure), cause)
                return
            await self._tell(work.strand, letters.replayed(tenant, letter), cause)

    async def _again(
        self, strand: Strand, letter: Letter, correction: Correction | None
    ) -> tuple[Happened | None, Failure | None]:
        """Does what a dead letter holds; the cause, and why it failed again, if it did."""
        cause: Happened | None = None
        try:
            handler = self._handlers.get(strand.handler)
            if handler is None:
                return None, Failure(error=f"There is no '{strand.handler}' in the product any more.")
            event, cause = await self._found(strand.tenant, letter)
            mend = None
            if correction is not None:
                mend = Mend(letter.ordinal or "", self._command(correction.command, correction.body))
        except Exception as error:  # noqa: BLE001 - what was recorded long ago may be unreadable in any way
            return cause, _failure(error)
        errand = Errand(handler, strand, letter.key, event, cause, letter.due)
        return cause, await self._attempt(errand, mend)

    async def _found(self, tenant: TenantId, letter: Letter) -> tuple[Event, Happened | None]:
        if letter.cause is None:
            assert letter.due is not None
            return Woken(at=letter.due), None
        return await self._recorded(tenant, letter.cause)

    async def _attempt(self, errand: Errand, mend: Mend | None) -> Failure | None:
        try:
            await errand.handler.attempt(errand, mend)
        except Undone as undone:
            return undone.failure
        except Exception as error:  # noqa: BLE001 - a module may raise anything, and the others go on
            self._log.exception("a handler failed", handler=errand.handler.name, about=errand.strand.about)
            return _failure(error)
        return None

    async def _tell(self, strand: Strand, command: Command[Any], cause: Happened | None) -> None:
        """Records what became of a dead letter; goes on only once it is recorded, so that nothing is lost in between."""
        while True:
            if cause is None:
                root = self._root(strand.tenant)
                delivery = self._issuing.uncaused(strand.tenant, root, OPERATIONS, strand.handler, command)
            else:
                ask = Ask(command=command, scope=cause.entry.context.scope.root)
                delivery = self._issuing.caused(OPERATIONS, strand.handler, ask, cause)
            if (await self._sending.send(delivery)).verdict == "accepted":
                return
            await self._clock.sleep(PAUSE)


async def carried(sending: Sending, delivery: Delivery, ordinal: str) -> Reply:
    """Sends a command of a handler until its verdict stands.

    Raises:
        Undone: It has none, after all attempts.
    """
    reply = await sending.send(delivery)
    if reply.verdict in ("accepted", "rejected"):
        return reply
    error = reply.problem.key if reply.problem is not None else "unexpected"
    command = delivery.command
    body = msgspec.Raw(record_json(command))
    raise Undone(Failure(error=error, ordinal=ordinal, command=wire_name(type(command)), body=body))


def _letter(errand: Errand, failure: Failure) -> Letter:
    cause = None
    if errand.cause is not None:
        entry = errand.cause.entry
        number = [event.id for event in entry.events].index(errand.cause.event.id)
        cause = Cause(type=errand.cause.event.type, entity=entry.entity, position=entry.position.token, number=number)
    strand = errand.strand
    return Letter(
        handler=strand.handler,
        about=strand.about,
        key=errand.key,
        cause=cause,
        due=errand.due,
        ordinal=failure.ordinal,
    )


def _failure(error: Exception) -> Failure:
    return Failure(error=f"{type(error).__name__}: {error}"[:LONGEST])
