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
from osteon.model import Refused
from osteon.ports.disk import Locked
from osteon.ports.inbox import Reply
from tests.simulation.checks import Findings, Oracle, check_everything
from tests.simulation.clients import TENANTS, Acknowledged, Client, Net, NetFaults
from tests.simulation.disk import DiskFaults, Inode
from tests.simulation.drain import SimDrain, simulated_drains
from tests.simulation.faults import Chaos, Profile
from tests.simulation.machine import Machine
from tests.simulation.node import Node
from tests.simulation.product import Weather
from tests.simulation.raw import RawHistory, read_frames, read_history
from tests.simulation.sqlite import repeatable_sqlite
from tests.simulation.world import Broken, Line, Process, Tape, World

__all__ = ["Outcome", "Stop", "run_schedule"]

_FAULTY, _PATIENT = 60.0, 300.0
_STEPS = 40_000
_TROUBLES = ("kill", "power", "drain", "orphan", "second", "storm", "full", "jump", "flip")
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
        self._offset = 0.0
        self._faulty = profile != Profile(profile.workload, profile.sizes)
        self._flipped: tuple[Inode, int] | None = None
        self._hold = False
        self._storms = 0
        Weather.storm = Weather.squall = False
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
        return next(node for node in self._all_nodes if node.process is process).begin_drain()

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
            await asyncio.sleep(0.02)

    def _start(self) -> Node:
        node = Node(self._machine, self._profile.sizes, self._offset, self)
        self._all_nodes.append(node)
        return node

    def _lose(self, lost: str) -> None:
        if lost == "all":
            self._platter.power_cut(lambda count: 0)
        elif lost == "some":
            self._platter.power_cut()

    def _cut(self) -> None:
        for node in self._all_nodes:
            node.kill()
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
        self._say_hit("the clock jumps")
        self._offset = (self._draws.below(5) - 2) * 3600.0
        node.clock.offset = self._offset

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
        self._cut()
        histories = self._read_histories()
        if histories is None or world.broken:
            return
        findings = Findings(self._platter, histories)
        seen = [each for client in self._clients for each in client.seen]
        check_everything(world, findings, self._acknowledged(), seen)

    def _calm_down(self) -> None:
        """Faults stop."""
        self._world.say("machine", "works from now on")
        self._chaos = None
        self._platter.faults = DiskFaults()
        self._platter.full = False
        self._net.faults = NetFaults()
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
        return not engine.reactions.running and engine.ports.drain.drained >= engine.batches.last

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
        last = {(each.arrival.tenant, each.arrival.command.counter): each for each in self._acknowledged()}
        client = Client(self._world, self._net, self._loop, "onlooker", self._profile.workload, "onlooker")
        self._clients.append(client)

        async def look() -> None:
            for (tenant, counter), each in last.items():
                await client.look(tenant, counter, each)
            client.done = True

        self._spawn(self._loop, look, client.name)

    def _read_histories(self) -> dict[str, RawHistory] | None:
        histories: dict[str, RawHistory] = {}
        self._world.current = Process("onlooker")
        self._platter.stop_at = 0
        for tenant in TENANTS:
            path = f"tenants/{tenant}/history.db"
            if path in self._platter.names:
                try:
                    histories[tenant] = read_history(path, self._machine.vfs_name, "counter")
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
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[to_trace], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
