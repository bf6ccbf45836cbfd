"""The runner of sinks: hands events on from the history, each sink in each tenant at its own pace.

The place of a sink is an entity of the tenant, moved after each batch. So a batch may come again after a crash, under the same keys,
and none is left out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
import structlog

from osteon.domain import Away, Occurrence, Product, Sink
from osteon.engine.batches import Committed
from osteon.engine.issuing import Issuing
from osteon.engine.partition import PARTITIONS
from osteon.engine.sending import Sending
from osteon.engine.strands import Errand, Mend, Strands
from osteon.messages import Entry, Event, Happened, Position, Record
from osteon.model import ScopeId, TenantId, decoder
from osteon.ports.clock import Clock
from osteon.ports.dead_letters import DeadLetters, Failure, Strand
from osteon.ports.history import History
from osteon.ports.keyring import Keyring
from osteon.ports.scheduler import Scheduler
from osteon.ports.sink_places import SinkPlaces

__all__ = ["SinkHandler", "SinkRunner", "SinkStanding"]

AnySink = Sink[Any]

LINGER, LONGEST_PAUSE = 0.5, 60.0
TRIES = 3
SLICE, STRIDE = 50, 1_000
"""Entries that are decoded in one go; entries without anything for a sink after which its place is recorded all the same."""

_ENTRY = decoder(Entry)


class SinkHandler:
    """Hands one event on: how a dead letter of a sink is done again."""

    def __init__(self, sink: AnySink) -> None:
        """Hands on to `sink`."""
        self.name = sink.name
        self._sink = sink

    def asks_nothing(self, errand: Errand) -> bool:
        """See `Handler.asks_nothing`."""
        return False

    async def attempt(self, errand: Errand, mend: Mend | None) -> None:
        """See `Handler.attempt`; a sink asks no command that could be corrected."""
        if mend is not None:
            raise ValueError("A sink sends no command, so there is none to correct.")
        assert errand.cause is not None
        await self._sink.deliver([Occurrence(errand.cause.event.id, errand.event, errand.cause)])


class SinkStanding(msgspec.Struct):
    """Where a sink stands in a tenant.

    Attributes:
        place: The last sequence of each partition that it is done with; empty before it was first looked at.
        recorded: The place as it was last recorded.
        delivered: Events handed on since the start of the process.
        unrecorded: Events handed on since the place was last recorded.
        state: Whether it has nothing to do, hands on, or waits for the other side.
        error: Why it waits.
        away: Since when it waits.
    """

    tenant: TenantId
    sink: str
    place: list[int]
    recorded: int = 0
    delivered: int = 0
    unrecorded: int = 0
    state: Literal["idle", "delivering", "away"] = "idle"
    error: str = ""
    away: datetime | None = None
    more: bool = False
    running: bool = False


class SinkRunner:
    """Follows the journal for all sinks of a product."""

    def __init__(
        self,
        product: Product,
        opened: Callable[[TenantId], Awaitable[tuple[SinkPlaces, DeadLetters, ScopeId]]],
        history: History,
        keyring: Keyring,
        strands: Strands,
        issuing: Issuing,
        sending: Sending,
        clock: Clock,
        scheduler: Scheduler,
    ) -> None:
        """Puts it together; `opened` awaits that the history of a tenant holds all that is durable, and tells what is known of it."""
        self._product = product
        self._opened = opened
        self._history = history
        self._keyring = keyring
        self._strands = strands
        self._issuing = issuing
        self._sending = sending
        self._clock = clock
        self._scheduler = scheduler
        self._log = structlog.get_logger("osteon.sinks")
        self._handlers = {sink.name: SinkHandler(sink) for _, sink in product.all_sinks}
        self._followed: dict[type[Any], list[AnySink]] = {}
        for _, sink in product.all_sinks:
            for event in sink.events:
                self._followed.setdefault(event, []).append(sink)
        self._standings: dict[tuple[TenantId, str], SinkStanding] = {}
        strands.know(list(self._handlers.values()))

    @property
    def standings(self) -> Sequence[SinkStanding]:
        """Where each sink stands in each tenant in which it had something to do."""
        return list(self._standings.values())

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """See `Follower.follow`."""
        for each in committed:
            for event in each.events:
                kind: type[Any] = event.__class__
                for sink in self._followed.get(kind, ()):
                    self._wake(sink, each.tenant)

    def look(self, tenant: TenantId) -> None:
        """Goes on with all sinks of a tenant, wherever they are: after a start."""
        for _, sink in self._product.all_sinks:
            self._wake(sink, tenant)

    def _wake(self, sink: AnySink, tenant: TenantId) -> None:
        standing = self._standings.get((tenant, sink.name))
        if standing is None:
            standing = self._standings[tenant, sink.name] = SinkStanding(tenant, sink.name, [])
        standing.more = True
        if not standing.running:
            standing.running = True
            self._scheduler.spawn(self._run(sink, standing), "sink")

    async def _run(self, sink: AnySink, standing: SinkStanding) -> None:
        while standing.more:
            # What happens meanwhile goes along in the same batch.
            await self._clock.sleep(LINGER)
            standing.more = False
            await self._catch_up(sink, standing)
        standing.running = False

    async def _catch_up(self, sink: AnySink, standing: SinkStanding) -> None:
        places, letters, root = await self._opened(standing.tenant)
        if not standing.place:
            standing.place = list(places.place(sink.name) or [0] * PARTITIONS)
            standing.recorded = sum(standing.place)
        standing.state = "delivering"
        for partition in range(PARTITIONS):
            while records := await self._history.scan(standing.tenant, Position(partition, standing.place[partition])):
                for start in range(0, len(records), SLICE):
                    await self._slice(sink, standing, letters, root, records[start : start + SLICE])
                    await self._record(standing, places, root, STRIDE)
        await self._record(standing, places, root, sink.batch)
        standing.state = "idle"

    async def _slice(
        self,
        sink: AnySink,
        standing: SinkStanding,
        letters: DeadLetters,
        root: ScopeId,
        records: Sequence[tuple[Position, bytes]],
    ) -> None:
        """Hands on what a few records hold for the sink."""
        found: list[Occurrence[Any]] = []
        for _, stored in records:
            found += self._occurrences(sink, standing.tenant, stored)
        await asyncio.sleep(0)
        for start in range(0, len(found), sink.batch):
            part = found[start : start + sink.batch]
            await self._hand_on(sink, standing, letters, part)
            standing.unrecorded += len(part)
        last = records[-1][0]
        standing.place[last.partition] = last.sequence

    def _occurrences(self, sink: AnySink, tenant: TenantId, stored: bytes) -> list[Occurrence[Any]]:
        record = Record.of(stored)
        entry = _ENTRY.decode(self._keyring.open(tenant, record.sealed, record.place))
        found: list[Occurrence[Any]] = []
        for number, event in enumerate(entry.events):
            message = self._product.catalogue.get(event.type)
            if message is not None and message.type in sink.events:
                found.append(Occurrence(event.id, message.decoder.decode(event.body), entry.happened(number)))
        return found

    async def _hand_on(
        self, sink: AnySink, standing: SinkStanding, letters: DeadLetters, batch: Sequence[Occurrence[Any]]
    ) -> None:
        """Returns once each is handed on, or parked."""
        free: list[Occurrence[Any]] = []
        for each in batch:
            strand = _strand(standing, each)
            if letters.is_skipped(strand, each.key):
                continue
            if letters.holds(strand):
                await self._park(standing, each, Failure(error="operations.held-up"))
            else:
                free.append(each)
        if free and not await self._delivered(sink, standing, free):
            for each in free:
                held = letters.holds(_strand(standing, each))
                failure = Failure(error="operations.held-up") if held else await self._alone(sink, standing, each)
                if failure is not None:
                    await self._park(standing, each, failure)

    async def _delivered(self, sink: AnySink, standing: SinkStanding, batch: Sequence[Occurrence[Any]]) -> bool:
        """Hands a batch on, for as long as the other side is away; False when something in it cannot be delivered."""
        pause = 1.0
        while True:
            try:
                await sink.deliver(batch)
            except (Away, OSError) as away:
                standing.state, standing.error = "away", f"{type(away).__name__}: {away}"
                standing.away = standing.away or self._clock.now()
                self._log.warning("a sink waits", sink=sink.name, tenant=standing.tenant, error=standing.error)
                await self._clock.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:  # noqa: BLE001 - a module may raise anything, and the others go on
                self._log.exception("a batch was not handed on", sink=sink.name, tenant=standing.tenant)
                standing.state, standing.error, standing.away = "delivering", "", None
                return False
            else:
                standing.state, standing.error, standing.away = "delivering", "", None
                standing.delivered += len(batch)
                return True

    async def _alone(self, sink: AnySink, standing: SinkStanding, each: Occurrence[Any]) -> Failure | None:
        """Hands one event on, a few times over; why not, in the end."""
        for attempt in range(TRIES):
            if await self._delivered(sink, standing, [each]):
                return None
            await self._clock.sleep(0.1 * 4**attempt)
        return Failure(error="operations.not-delivered")

    async def _park(self, standing: SinkStanding, each: Occurrence[Any], failure: Failure) -> None:
        handler = self._handlers[standing.sink]
        event: Event = each.event
        happened: Happened = each.happened
        await self._strands.park(Errand(handler, _strand(standing, each), each.key, event, happened), failure)

    async def _record(self, standing: SinkStanding, places: SinkPlaces, root: ScopeId, stride: int) -> None:
        """Records the place, if anything was handed on since, or if it has moved by `stride`."""
        moved = sum(standing.place) - standing.recorded
        if not standing.unrecorded and moved < stride:
            return
        delivered, place = standing.unrecorded, list(standing.place)
        command = places.move(standing.tenant, standing.sink, place, delivered)
        delivery = self._issuing.uncaused(standing.tenant, root, "operations", standing.sink, command)
        # Not recorded, a part comes again after a start; so it is no reason to stop.
        if (await self._sending.send(delivery)).verdict == "accepted":
            standing.unrecorded -= delivered
            standing.recorded = sum(place)


def _strand(standing: SinkStanding, each: Occurrence[Any]) -> Strand:
    return Strand(standing.tenant, standing.sink, each.happened.entry.entity)
