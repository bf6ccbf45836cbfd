"""A node: one start of an installation on the simulated machine, wired as the embedded profile is."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import apsw
from msgspec.json import decode

from osteon.adapters.commitlog import CommitLog, UpkeepFailed, known_place
from osteon.adapters.commitlog.journal import LogJournal
from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.memory.passwords import MemoryPasswords
from osteon.adapters.memory.replies import MemoryReplies
from osteon.adapters.memory.tokens import MemoryTokens
from osteon.adapters.sqlite import Settings, SqliteAccessLog, SqliteHistory, SqliteSnapshots, SqliteViews
from osteon.app.drain_process import DrainProcess
from osteon.context import InvocationContext
from osteon.domain import Product
from osteon.domain.testing import context
from osteon.engine import Engine, Limits, Ports, tables
from osteon.engine.place import read_places
from osteon.model import HOUSE, AccountId, InvocationId, Refused, TenantId, named, replace
from osteon.ports.inbox import Delivery, Replies, Reply
from osteon.ports.scheduler import Lane
from tests.simulation.disk import SimDisk
from tests.simulation.drain import DrainParts, SimDrain
from tests.simulation.machine import Machine, SharedConnections, SimClock, SimEntropy, SimScheduler
from tests.simulation.product import (
    Directory,
    FindCounter,
    FindTally,
    RaiseCounter,
    Standing,
    entity_of,
    products,
    root_of,
)

__all__ = ["LOG", "Arrival", "Node", "Sizes", "Watch"]

LOG = "log"
_TABLES = [tables(product) for product in products]
_LIFETIME = 30_000


class Sizes(NamedTuple):
    """How much a node keeps, small enough for its bounds to be met.

    Attributes:
        segment: The length of a segment of the log in bytes.
        chunk: How many records the drain files together.
        limits: The engine's.
    """

    segment: int
    chunk: int
    limits: Limits


class Watch(Protocol):
    """Somebody who looks on."""

    def replied(self, reply: Reply) -> None:
        """A reply leaves the engine."""
        ...

    def failed(self, fault: BaseException) -> None:
        """Something ended a process, or kept it from starting."""
        ...

    def retiring(self) -> None:
        """Segments of the log are about to be given up."""
        ...


class Node:
    """A server process with its drain. It ends by being killed, or by a fault that it must not outlive."""

    def __init__(self, machine: Machine, sizes: "Sizes", offset: float, revision: int, watch: "Watch") -> None:
        """Begins to start, with the product as it is after so many changes."""
        self._product: Product = products[revision]
        self._tables = _TABLES[revision]
        self._machine = machine
        self._world = machine.world
        self._sizes = sizes
        self._watch = watch
        self.loop = machine.loop("server")
        self.process = self.loop.process
        self.clock = SimClock(self._world, offset)
        self.connections: SharedConnections | None = None
        self.engine: Engine | None = None
        self.drain: SimDrain | None = None
        self.refusal: Exception | None = None
        """Why it did not start."""
        self._installation = b""
        self._entropy = SimEntropy(f"{self._world.seed}/{self.process.name}")
        self._files = len(machine.vfs.files)
        self.process.at_end.append(self._ended)
        self.loop.call_soon(lambda: self.loop.create_task(self._start(), name="start"))

    @property
    def ready(self) -> bool:
        """Whether it serves."""
        return self.engine is not None and not self.process.dead

    @property
    def gone(self) -> bool:
        """Whether neither the server nor a drain of it runs any more."""
        return self.process.dead and (self.drain is None or self.drain.process.dead)

    @property
    def lagging(self) -> bool:
        """Whether a view does not follow."""
        drain = self.engine.ports.drain if self.engine is not None else None
        assert isinstance(drain, DrainProcess)
        return bool(drain.standings)

    def kill(self) -> None:
        """Ends it and its drain, as a SIGKILL to all of them."""
        self._world.kill(self.process)
        if self.drain is not None:
            self.drain.kill()

    def begin_drain(self) -> SimDrain:
        """Starts a drain; called by the real holder of the drain."""
        assert self.connections is not None
        parts = DrainParts(
            product=self._product,
            tables=self._tables,
            disk=SimDisk(self._machine.platter),
            keyring=lambda: KeyfileKeyring(SimDisk(self._machine.platter), self._entropy, self._installation),
            connections=self.connections,
        )
        loop = self._machine.loop("drain")
        loop.process.at_end.append(self._purge)
        drain = self.drain = SimDrain(self._world, loop, parts, self.process, self._drain_failed)
        return drain

    def command(self, arrival: "Arrival", answer: Callable[[Reply], None]) -> None:
        """A command arrives: what the gateway does with it."""
        if self.ready:
            self.loop.create_task(self._command(arrival, answer), name="command")

    def query(
        self, tenant: TenantId, query: FindCounter | FindTally, after: str | None, answer: Callable[[Any], None]
    ) -> None:
        """A query arrives."""
        if self.ready:
            self.loop.create_task(self._query(tenant, query, after, answer), name="query")

    async def _start(self) -> None:
        self._world.say(self.process.name, "starts")
        try:
            engine = await self._wired()
        except Exception as fault:  # noqa: BLE001  # told apart below
            if not self.process.dead:
                self.refusal = fault
                self._world.say(self.process.name, "does not start: {}: {}", type(fault).__name__, fault)
                self._watch.failed(fault)
                self.kill()
            return
        self.engine = engine
        self._world.say(self.process.name, "serves")

    async def _wired(self) -> Engine:
        machine = self._machine
        disk, clock, entropy = SimDisk(machine.platter), self.clock, self._entropy
        scheduler = SimScheduler(self._world, self.process, self._failed)
        log = CommitLog.recover(disk, LOG, known=known_place(disk, LOG), segment_size=self._sizes.segment, spares=2)
        if log.recovery.torn:
            self._world.hit("torn frame dropped")
        self._installation = installation_key(disk, entropy)
        keyring = KeyfileKeyring(disk, entropy, self._installation)
        keyring.create(HOUSE)
        settings = Settings(writable=True, vfs=machine.vfs_name, encrypted=False, exclusive=True)
        connections = self.connections = SharedConnections(disk, "", keyring, settings)
        machine.kept(connections)
        history = SqliteHistory(connections, keyring, scheduler)
        access_log = SqliteAccessLog(connections, keyring, scheduler)
        journal = LogJournal(
            log,
            disk,
            LOG,
            keyring,
            scheduler.lane("journal"),
            lambda tenant: (history.heads(tenant), access_log.head(tenant)),
        )
        upkeep = scheduler.lane("upkeep")
        drain = DrainProcess(
            "simulated",
            "",
            b"",
            clock,
            scheduler,
            durable=lambda: log.place,
            retire=lambda segment: upkeep.run(lambda: self._retire(journal, segment)),
        )
        drain.start()
        await drain.come_through(log.place.frame)
        ports = Ports(
            journal=journal,
            history=history,
            snapshots=SqliteSnapshots(connections),
            views=SqliteViews(connections, self._tables, scheduler),
            access_log=access_log,
            drain=drain,
            replies=_WatchedReplies(MemoryReplies(), self._watch.replied),
            passwords=MemoryPasswords(),
            tokens=MemoryTokens(),
            keyring=keyring,
            clock=clock,
            entropy=entropy,
            scheduler=scheduler,
        )
        engine = Engine(self._product, ports, self._sizes.limits)
        await engine.start()
        scheduler.spawn(_upkeep(upkeep, journal, clock), "upkeep")
        return engine

    def _retire(self, journal: LogJournal, segment: int) -> None:
        self._watch.retiring()
        if segment > 1:
            self._world.hit("segment retired")
        journal.retire(segment)

    async def _command(self, arrival: "Arrival", answer: Callable[[Reply], None]) -> None:
        assert self.engine is not None
        engine = self.engine
        current: InvocationId = engine.identifiers.next()
        try:
            await engine.open(arrival.tenant)
            expected = engine.ports.replies.expect(current)
            engine.inbox.put(self._delivery(arrival, current))
        except Refused as refused:
            answer(Reply.refused(current, refused.problem))
            return
        except (OSError, apsw.Error) as fault:
            self._world.say(self.process.name, "cannot open {}: {}", arrival.tenant[-1], fault)
            return
        reply = await expected
        self._look_at_index(arrival, reply)
        answer(reply)

    def _look_at_index(self, arrival: "Arrival", reply: Reply) -> None:
        """What is decided by must be up to date when a reply leaves."""
        assert self.engine is not None
        if reply.verdict == "accepted" and isinstance(arrival.command, RaiseCounter):
            directory = cast("Directory", self.engine.indexes.grants(arrival.tenant))
            row = directory.rows.get(arrival.command.counter)
            if row is None or row.times < decode(reply.answer, type=Standing).times:
                self._world.breaks("index", f"{arrival.key} was answered, and the index holds {row}")

    def _delivery(self, arrival: "Arrival", current: InvocationId) -> Delivery:
        made = self._context(arrival.tenant)
        return Delivery(
            context=replace(made, trace=replace(made.trace, current=current, originating=current)),
            command=arrival.command,
            entity=entity_of(arrival.command),
            key=f"{arrival.account}/{arrival.key}",
            fingerprint=repr(arrival.command),
            expires=self.clock.milliseconds() + _LIFETIME,
        )

    async def _query(
        self, tenant: TenantId, query: FindCounter | FindTally, after: str | None, answer: Callable[[Any], None]
    ) -> None:
        assert self.engine is not None
        engine = self.engine
        try:
            await engine.open(tenant)
            made = self._context(tenant)
            answered = await engine.reader.ask(query, made, read_places(after) if after else [], _no_edge)
            engine.recorder.answered(made, "find-counter", b"{}", answered.rows)
        except Refused as refused:
            answer(refused)
        except (OSError, apsw.Error) as fault:
            self._world.say(self.process.name, "cannot answer: {}", fault)
        else:
            answer(answered.body)

    def _context(self, tenant: TenantId) -> InvocationContext:
        root = root_of(tenant)
        account = AccountId(named(tenant, tenant, "someone"))
        return context(tenant=tenant, scope=(root,), account=account, at=self.clock.now())

    def _failed(self, name: str, fault: BaseException) -> None:
        """A task of the server has failed: the process ends."""
        self._world.say(self.process.name, "ends, as '{}' failed: {}: {}", name, type(fault).__name__, fault)
        self._watch.failed(fault)
        self._world.kill(self.process)

    def _drain_failed(self, fault: Exception) -> None:
        self._watch.failed(fault)

    def _ended(self) -> None:
        if self.gone:
            self._purge()

    def _purge(self) -> None:
        """A drain is gone, and what it had open with it; its server opens files anew."""
        for file in self._machine.vfs.files[self._files :]:
            file.abandon()
        self._files = len(self._machine.vfs.files)
        if self.connections is not None:
            self.connections.lose()


class Arrival:
    """A command as it comes over the net."""

    def __init__(self, tenant: TenantId, account: str, key: str, command: Any) -> None:
        """What is asked, by whom, under which key."""
        self.tenant, self.account, self.key, self.command = tenant, account, key, command


class _WatchedReplies:
    """The port `Replies`; somebody sees each reply when it leaves."""

    def __init__(self, replies: Replies, seen: Callable[[Reply], None]) -> None:
        self._replies = replies
        self._seen = seen
        self.expect = replies.expect

    def deliver(self, invocation: InvocationId, reply: Reply) -> None:
        self._seen(reply)
        self._replies.deliver(invocation, reply)


async def _upkeep(lane: Lane, journal: LogJournal, clock: SimClock) -> None:
    while True:
        await clock.sleep(1.0)
        try:
            await lane.run(journal.prepare)
        except UpkeepFailed:
            continue


def _no_edge() -> Any:
    raise AssertionError("No module here answers by itself.")
