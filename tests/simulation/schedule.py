"""One schedule: a machine, clients, faults; then no faults, a last power cut, every key once more, and a look at the disk."""

import asyncio
import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

import apsw
import structlog

from osteon.adapters.commitlog import Damaged, LogBroken
from osteon.app.drain_process import NotDrained
from osteon.model import Refused, TenantId
from osteon.ports.disk import Locked
from osteon.ports.inbox import Reply
from tests.simulation.backups import Backup
from tests.simulation.checks import Findings, Oracle, check_backup, check_everything
from tests.simulation.clients import Acknowledged, Client, Net, NetFaults
from tests.simulation.disk import DiskFaults, Inode
from tests.simulation.drain import SimDrain, simulated_drains
from tests.simulation.faults import Chaos, Profile
from tests.simulation.machine import Machine, SharedConnections
from tests.simulation.node import Node
from tests.simulation.product import REVISIONS, TENANTS, CounterId, FindCounter, FindTally, SendParcel, Weather
from tests.simulation.raw import RawHistory, read_frames, read_history
from tests.simulation.sqlite import repeatable_sqlite
from tests.simulation.world import Broken, Line, Process, Tape, World

__all__ = ["Outcome", "Stop", "run_schedule"]

_FAULTY, _PATIENT = 10.0, 300.0
_STEPS = 40_000
_TROUBLES = ("kill", "power", "drain", "orphan", "second", "storm", "full", "jump", "flip", "revise", "backup")
_JUMPS = (0.0, 3600.0, -3600.0, 5.0, -5.0, 7200.0, -7200.0)
_VIEWS = ("counter", "tally", "dispatch")
_BY_THE_DISK = (LogBroken, OSError, apsw.Error, NotDrained, Refused)
_DAMAGE = (
    "Damaged",
    "DamagedFile",
    "Misfiled",
    "Unreadable",
    "KeyMissing",
    "FoldFailed",
    "NotADBError",
    "CorruptError",
)


class Stop(NamedTuple):
    """Where a crash sweep stops the server: before an operation of the disk, and what is lost then.

    `lost` is `nothing` for a kill, `all` for a power cut that loses whatever is not synced, `some` for one that tears.
    """

    operation: int
    lost: str


class Outcome(NamedTuple):
    """What became of a schedule."""

    broken: list[Broken]
    trace: list[Line]
    taken: dict[str, dict[int, int]]
    hits: dict[str, int]
    steps: int
    operations: int
    acknowledged: int
    files: dict[str, Inode]


def run_schedule(seed: int | str, profile: Profile, tape: Tape | None = None, stop: Stop | None = None) -> Outcome:
    """Runs one schedule: the same whenever and wherever it is run with the same arguments and the same code."""
    world = World(seed, tape)
    with _quiet_logs(world), repeatable_sqlite():
        schedule = Schedule(world, profile, stop)
        with simulated_drains(schedule.begin_drain, profile.sizes.chunk):
            try:
                schedule.run()
            finally:
                schedule.end()
    return schedule.outcome


class Schedule:
    """A schedule that runs."""

    def __init__(self, world: World, profile: Profile, stop: Stop | None) -> None:
        """Puts a machine and its clients together."""
        self._world = world
        self._profile = profile
        self._stop = stop
        world.shuffled = profile.shuffled
        self._machine = Machine(world)
        self._platter = self._machine.platter
        self._platter.faults = profile.disk
        self._platter.stop_at = stop.operation if stop else 0
        self._oracle = Oracle(world, self._platter)
        self._net = Net(world)
        self._net.faults = profile.net
        self._net.serving = lambda: self._node
        loop = self._machine.loop("clients")
        self._clients = [
            Client(world, self._net, loop, f"client-{number}", profile.workload, f"client-{number}")
            for number in range(profile.workload.clients)
        ]
        self._draws = world.stream("chaos")
        self._chaos: Chaos | None = profile.chaos
        self._node: Node | None = None
        self._all_nodes: list[Node] = []
        self._offset = self._furthest = 0.0
        self._revision = 0
        self._backup: Backup | None = None
        self._whole: Backup | None = None
        self._faulty = profile != Profile(profile.workload, profile.sizes)
        self._flipped: tuple[Inode, int] | None = None
        self._hold = False
        self._look_again = asyncio.Event()
        self._storms = 0
        Weather.storm = Weather.squall = False
        Weather.tenants = TENANTS[: profile.workload.tenants]
        Weather.cursed = profile.workload.cursed
        for client in self._clients:
            self._spawn(loop, client.run, client.name)
        chaos = self._machine.loop("chaos")
        self._spawn(chaos, self._keep_running, "starts")
        if profile.chaos.every:
            self._spawn(chaos, self._trouble, "trouble")
        self._loop = loop
        self.outcome = Outcome([], [], {}, {}, 0, 0, 0, {})

    # What goes wrong.

    def begin_drain(self) -> SimDrain:
        """Begins a drain for the node whose turn it is."""
        process = self._world.current
        drain = next(node for node in self._all_nodes if node.process is process).begin_drain()
        drain.process.at_end.append(self._look_again.set)
        return drain

    def replied(self, reply: Reply) -> None:
        """See `Watch`."""
        self._oracle.replied(reply)

    def retiring(self) -> None:
        """See `Watch`."""
        self._oracle.look()

    def failed(self, fault: BaseException) -> None:
        """See `Watch`: what may happen to a process depends on what is done to it."""
        kind = type(fault).__name__
        if self._flipped is not None and isinstance(fault, (Damaged, NotDrained)):
            return
        self._world.hit(f"process ended by {kind}")
        if "UNIQUE constraint failed: journal.entity, journal.key" in str(fault):
            self._world.breaks("exactly-once", f"the history has the entry of a key already: {fault}")
        elif kind in _DAMAGE or (isinstance(fault, NotDrained) and any(each in str(fault) for each in _DAMAGE)):
            self._world.breaks("whole", f"{kind}: {fault}")
        elif isinstance(fault, Locked):
            return
        elif not isinstance(fault, _BY_THE_DISK) or not self._faulty:
            self._world.breaks("no-fault", f"{kind}: {fault}")

    async def _keep_running(self) -> None:
        """Starts a server whenever there is none."""
        stopped = False
        while True:
            node = self._node
            if node is None or (node.gone and not self._hold):
                if self._stop is not None and node is not None and not stopped:
                    stopped = True
                    self._lose(self._stop.lost)
                elif node is not None and self._chaos is not None and self._draws.chance(self._chaos.after):
                    self._cut()
                self._node = self._start()
            self._look_again.clear()
            await self._look_again.wait()
            await asyncio.sleep(0.02)

    def _start(self) -> Node:
        node = Node(self._machine, self._profile.sizes, self._offset, self._revision, self)
        node.process.at_end.append(self._look_again.set)
        self._all_nodes.append(node)
        return node

    def _lose(self, lost: str) -> None:
        if lost == "all":
            self._platter.power_cut(lambda count: 0)
        elif lost == "some":
            self._platter.power_cut()

    def _open_files(self) -> SharedConnections | None:
        """The connections of whoever has the tenants' files open now."""
        open_now = [node for node in self._all_nodes if not node.gone and node.connections is not None]
        return open_now[0].connections if open_now else None

    def _last_backup(self) -> Backup | None:
        return self._backup if self._backup is not None and self._backup.whole else self._whole

    def _cut(self) -> None:
        for node in self._all_nodes:
            node.kill()
        if self._backup is not None:
            self._world.kill(self._backup.process)
        self._world.say("machine", "loses power")
        self._platter.power_cut()

    async def _trouble(self) -> None:
        """Looks every so often whether something is to go wrong."""
        while True:
            await asyncio.sleep(self._profile.chaos.every)
            node, chaos, chance = self._node, self._chaos, self._draws.chance
            if chaos is None:
                return
            if node is None or node.process.dead:
                continue
            await self._cause(node, next((what for what in _TROUBLES if chance(getattr(chaos, what))), ""))

    async def _cause(self, node: Node, what: str) -> None:
        """Lets one thing go wrong."""
        match what:
            case "kill":
                self._kill(node, "the server is killed")
            case "power":
                self._cut()
            case "drain" if node.drain is not None and not node.drain.process.dead:
                self._say_hit("the drain is killed")
                node.drain.kill()
            case "orphan":
                self._say_hit("the server is killed, its drain goes on")
                self._world.kill(node.process)
            case "second":
                self._start()
            case "storm":
                await self._storm()
            case "full":
                await self._full()
            case "jump":
                self._jump(node)
            case "flip":
                await self._flip(node)
            case _:
                self._maintain(node, what)

    def _maintain(self, node: Node, what: str) -> None:
        """Lets one thing happen that is no fault, in the midst of faults."""
        match what:
            case "revise" if self._revision + 1 < REVISIONS:
                self._revision += 1
                self._kill(node, "another release starts")
            case "backup" if self._backup is None or self._backup.whole or self._backup.process.dead:
                self._whole = self._last_backup()
                self._backup = Backup(self._machine, self._open_files)
            case _:
                pass

    def _say_hit(self, what: str) -> None:
        self._world.hit(what)
        self._world.say("machine", what)

    def _kill(self, node: Node, what: str) -> None:
        self._say_hit(what)
        node.kill()

    async def _storm(self) -> None:
        # A reaction gives up after six faults; there are never so many.
        self._storms += 1
        if self._storms > 2:
            return
        squall = bool(self._draws.below(2))
        self._say_hit("a squall" if squall else "a storm")
        Weather.storm, Weather.squall = not squall, squall
        await asyncio.sleep(0.9)
        Weather.storm = Weather.squall = False

    async def _full(self) -> None:
        self._say_hit("the disk is full")
        self._platter.full = True
        await asyncio.sleep(0.5)
        self._platter.full = False

    def _jump(self, node: Node) -> None:
        offset = _JUMPS[self._draws.below(len(_JUMPS))]
        self._say_hit("the clock jumps ahead" if offset > self._offset else "the clock jumps back")
        self._set_clock(offset, node)

    def _set_clock(self, offset: float, node: Node | None) -> None:
        self._offset, self._furthest = offset, max(offset, self._furthest)
        if node is not None:
            node.clock.offset = offset

    async def _flip(self, node: Node) -> None:
        """Flips a bit in a frame that is known to be synced: the next start must refuse, and the one after mending not."""
        self._hold = True
        self._kill(node, "the server is killed, and a bit is flipped")
        self._flip_somewhere()
        while self._flipped is not None:
            node = self._node = self._start()
            while not node.gone and not node.ready:
                await asyncio.sleep(0.02)
            refused = isinstance(node.refusal, Damaged)
            if refused or node.ready or self._chaos is None:
                self._mend(node, refused)
        self._hold = False
        self._look_again.set()

    def _flip_somewhere(self) -> None:
        known = self._platter.names.get("log/known")
        if known is None or len(known.cache) < 28:
            return
        _, _, last = struct.unpack_from(">QQQ", known.cache)
        segments = [inode for name, inode in sorted(self._platter.names.items()) if name.startswith("log/segment-")]
        frames = [(inode, frame) for inode in segments for frame in read_frames(inode.cache) if frame.number <= last]
        if not frames:
            return
        # Half the time the last one, which would pass for torn if nobody knew of it.
        inode, frame = frames[-1 - max(0, self._draws.below(2 * len(frames)) - len(frames))]
        at = 8 * frame.start + self._draws.below(8 * (frame.end - frame.start))
        self._turn_bit(inode, at)
        self._flipped = inode, at

    def _mend(self, node: Node, refused: bool) -> None:
        assert self._flipped is not None
        if refused:
            self._say_hit("damage refused")
        elif node.ready:
            self._world.breaks("damage", "a bit of a synced frame was flipped, and the server started")
        node.kill()
        self._turn_bit(*self._flipped)
        self._flipped = None

    def _turn_bit(self, inode: Inode, at: int) -> None:
        for image in (inode.cache, inode.durable):
            if at >> 3 < len(image):
                image[at >> 3] ^= 1 << (at & 7)

    # How it goes.

    def run(self) -> None:
        """Runs it to its end, or to the first thing that is broken."""
        world = self._world
        calm = world.run(lambda: self._all_done() or bool(world.broken), _FAULTY)
        self._calm_down()
        if world.broken:
            return
        if not calm:
            world.hit("clients not done when faults stopped")
        if not self._comes("all clients are served", self._all_done):
            return
        if not self._settles():
            return
        self._last_power_cut()

    def end(self) -> None:
        """Ends everything; tells what became of it."""
        world = self._world
        taken, names = world.taken(), self._platter.names
        self._machine.end()
        acknowledged = sum(len(client.acknowledged) for client in self._clients)
        operations = self._platter.operations
        self.outcome = Outcome(
            world.broken, world.trace, taken, world.hits, world.steps, operations, acknowledged, names
        )

    def _last_power_cut(self) -> None:
        world = self._world
        self._cut()
        self._ask_again()
        self._ask_for_all()
        if not self._comes("all is answered again", self._all_done) or not self._settles():
            return
        self._ask_for_tallies()
        if not self._comes("all is shown again", self._all_done):
            return
        self._cut()
        histories = self._read_histories()
        if histories is None or world.broken:
            return
        findings = Findings(self._platter, histories)
        seen = [each for client in self._clients for each in client.seen]
        check_everything(world, findings, self._acknowledged(), seen)
        backup = self._last_backup()
        if backup is not None and not world.broken:
            self._restore(backup, findings)

    def _restore(self, backup: Backup, before: Findings) -> None:
        """Puts a backup in the place of the disk: what was acknowledged before it was begun is there, and it goes on."""
        world = self._world
        world.hit("backup restored")
        world.say("machine", "has nothing but {}", backup.process.name)
        self._platter = backup.image(self._platter)
        self._machine.change_disk(self._platter)
        self._oracle = Oracle(world, self._platter)
        histories = self._read_histories()
        if histories is None:
            return
        check_backup(world, Findings(self._platter, histories), before)
        if world.broken:
            return
        self._look_again.set()
        if not self._settles():
            return
        self._cut()
        histories = self._read_histories()
        if histories is not None and not world.broken:
            kept = [each for each in self._acknowledged() if each.ended < backup.begun]
            check_everything(world, Findings(self._platter, histories), kept, [])

    def _calm_down(self) -> None:
        """Faults stop."""
        self._world.say("machine", "works from now on")
        self._chaos = None
        self._platter.faults = DiskFaults()
        self._platter.full = False
        self._net.faults = NetFaults()
        # What was due by a clock that was ahead is not to be waited for.
        self._set_clock(self._furthest, self._node)
        Weather.storm = Weather.squall = False

    def _all_done(self) -> bool:
        for client in self._clients:  # noqa: SIM110  # it is asked at each step, and this is the fastest
            if not client.done:
                return False
        return True

    def _acknowledged(self) -> list[Acknowledged]:
        return [each for client in self._clients for each in client.acknowledged]

    def _comes(self, what: str, until: Callable[[], bool]) -> bool:
        """Waits, without faults, for what must come."""
        world = self._world
        came = world.run(lambda: until() or bool(world.broken), _PATIENT, _STEPS)
        if not came and not world.broken:
            world.breaks("finishes", f"it does not come to this: {what}")
        return came and not world.broken

    def _settles(self) -> bool:
        """Whether reactions have done their work, and the drain is where the log is."""
        return self._comes("nothing is under way any more", self._is_settled)

    def _is_settled(self) -> bool:
        node = self._node
        if node is None or not node.ready or node.engine is None:
            return False
        engine = node.engine
        if engine.reactions.running or engine.strands.busy or engine.ports.drain.drained < engine.batches.last:
            return False
        if node.lagging or len(engine.indexes.opened()) < len(Weather.tenants):
            return False
        # What waits for a time behind a dead letter is parked, too.
        return engine.timers.waiting <= sum(engine.indexes.dead_letters(each).waiting for each in Weather.tenants)

    def _ask_again(self) -> None:
        """Every client asks once more for everything that it was told."""

        def again(client: Client) -> Callable[[], Any]:
            async def ask() -> None:
                for each in list(client.acknowledged):
                    await client.again(each)
                client.done = True

            return ask

        for client in self._clients:
            client.done = False
            self._spawn(self._loop, again(client), client.name)

    def _ask_for_all(self) -> None:
        """Somebody looks at every counter behind the last command that raised it."""
        last = self._last_of_counters()
        client = Client(self._world, self._net, self._loop, "onlooker", self._profile.workload, "onlooker")
        self._clients.append(client)

        async def look() -> None:
            for (tenant, counter), each in last.items():
                await client.look(tenant, FindCounter(counter=counter), each)
            client.done = True

        self._spawn(self._loop, look, client.name)

    def _ask_for_tallies(self) -> None:
        """Somebody looks at every tally, once all follow: it must be one of the last release."""
        client = self._clients[-1]
        client.done = False

        async def look() -> None:
            for (tenant, counter), each in self._last_of_counters().items():
                seen = await client.look(tenant, FindTally(counter=counter), each)
                if seen is not None and seen.revision != self._revision + 1:
                    told = f"{counter} was folded by release {seen.revision}"
                    self._world.breaks("rebuilt", f"{told}, and this is {self._revision + 1}")
            client.done = True

        self._spawn(self._loop, look, client.name)

    def _last_of_counters(self) -> dict[tuple[TenantId, CounterId], Acknowledged]:
        return {
            (each.arrival.tenant, each.arrival.command.counter): each
            for each in self._acknowledged()
            if not isinstance(each.arrival.command, SendParcel)
        }

    def _read_histories(self) -> dict[str, RawHistory] | None:
        histories: dict[str, RawHistory] = {}
        self._world.current = Process("onlooker")
        self._platter.stop_at = 0
        for tenant in TENANTS:
            path = f"tenants/{tenant}/history.db"
            if path in self._platter.names:
                try:
                    histories[tenant] = read_history(path, self._machine.vfs_name, _VIEWS)
                except apsw.Error as fault:
                    self._world.breaks("whole", f"{path}: {type(fault).__name__}: {fault}")
                    return None
        return histories

    def _spawn(self, loop: Any, work: Callable[[], Any], name: str) -> None:
        def begin() -> None:
            task = loop.create_task(work(), name=name)
            task.add_done_callback(self._ended)

        loop.call_soon(begin)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._world.breaks("no-fault", f"{task.get_name()}: {type(fault).__name__}: {fault}")


@contextmanager
def _quiet_logs(world: World) -> Generator[None]:
    """Turns what is logged into lines of the trace."""

    def to_trace(logger: Any, method: str, event: Any) -> Any:
        world.say(world.current.name, "logs: {}", event.get("event"))
        world.hit(f"logged: {event.get('event')}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[to_trace], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
