"""Clients and the net between: what is asked, again and again until it is answered, and what was answered."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec

from osteon.messages import Command
from osteon.model import Identifiers, Refused, TenantId
from osteon.ports.inbox import Reply
from tests.simulation.loop import SimLoop
from tests.simulation.machine import SimClock, SimEntropy
from tests.simulation.node import Arrival, Node
from tests.simulation.product import (
    BIG,
    TENANTS,
    CounterId,
    FindCounter,
    FindTally,
    OpenCounter,
    ParcelId,
    RaiseCounter,
    SendParcel,
    an_id,
)
from tests.simulation.world import World

__all__ = ["Acknowledged", "Client", "Net", "NetFaults", "Seen", "Workload"]

_PATIENCE = 1.0
_AGAIN = ("unavailable", "busy", "views.behind", "views.rebuilding", "expired", "unexpected")


class NetFaults(NamedTuple):
    """How often something goes wrong on the way, in permille; `delay` is the longest in milliseconds."""

    drop: int = 0
    double: int = 0
    delay: int = 1


class Workload(NamedTuple):
    """How much is asked: so many clients, commands of each, counters, tenants; and whether some parcels are cursed."""

    clients: int = 3
    commands: int = 6
    counters: int = 3
    tenants: int = 1
    cursed: bool = False


class Acknowledged(NamedTuple):
    """A command with a verdict that stands, and when it was first sent and first answered."""

    arrival: Arrival
    verdict: str
    answer: bytes
    invocation: str
    position: str
    begun: int
    ended: int


class Seen(NamedTuple):
    """A counter as a query showed it, behind a command that was answered before."""

    tenant: TenantId
    counter: CounterId
    times: int
    total: int
    revision: int
    behind: Acknowledged | None


class Net:
    """Brings what is sent to whoever serves now: late, twice, out of order, or never."""

    def __init__(self, world: World) -> None:
        """Delivers at once, until there are faults."""
        self._world = world
        self._draws = world.stream("net")
        self.faults = NetFaults()
        self.serving: Callable[[], Node | None] = lambda: None

    def send(self, loop: SimLoop, deliver: Callable[[], None]) -> None:
        """Delivers on a loop."""
        if self._draws.chance(self.faults.drop):
            self._world.hit("message dropped")
            return
        loop.call_later(self._delay(), deliver)
        if self._draws.chance(self.faults.double):
            self._world.hit("message doubled")
            loop.call_later(self._delay(), deliver)

    def _delay(self) -> float:
        return 0.001 * self._draws.below(self.faults.delay + 1)


class Client:
    """Somebody who asks, one thing after another."""

    def __init__(self, world: World, net: Net, loop: SimLoop, name: str, workload: Workload, draws: str) -> None:
        """Asks nothing before `run`."""
        self._world = world
        self._net = net
        self._loop = loop
        self._draws = world.stream(draws)
        self._workload = workload
        clock = SimClock(world, self._draws.below(3) * -1000.0)
        entropy = SimEntropy(f"{world.seed}/{name}")
        self._identifiers = Identifiers(clock.milliseconds, entropy.bytes)
        self.name = name
        self.done = False
        self.acknowledged: list[Acknowledged] = []
        self.seen: list[Seen] = []

    async def run(self) -> None:
        """Asks all that is to be asked."""
        for number in range(self._workload.commands):
            kind = self._draws.below(15)
            if kind >= 12:
                await self._ask(self._parcel())
            elif kind == 11 and self.acknowledged:
                await self._reuse(self._one_of_mine())
            elif kind >= 9 and self.acknowledged:
                await self.again(self._one_of_mine())
            elif kind >= 7:
                await self._look()
            else:
                await self._ask(self._arrival(number, kind))
            await asyncio.sleep(0.001 * self._draws.below(200))
        self.done = True

    async def again(self, first: Acknowledged) -> None:
        """Asks under a key that was answered before: the same verdict must come."""
        reply = await self._until_final(first.arrival)
        self._world.hit("key asked again")
        told = (reply.verdict, reply.answer, reply.invocation, reply.position)
        if told != (first.verdict, first.answer, first.invocation, first.position):
            was = f"{first.verdict} {first.answer.decode()} at {first.position}"
            now = f"{reply.verdict} {reply.answer.decode()} at {reply.position}"
            self._world.breaks("same-verdict", f"{first.arrival.key} was {was}, and is {now}")

    async def look(self, tenant: TenantId, query: FindCounter | FindTally, behind: Acknowledged | None) -> Seen | None:
        """Finds a counter, behind a command that was answered; None while there is none."""
        counter = query.counter
        while True:
            told = await self._query(tenant, query, behind.position if behind else None)
            if isinstance(told, bytes):
                row = msgspec.json.decode(told)
                seen = Seen(tenant, counter, row["times"], row["total"], row.get("revision", 0), behind)
                self.seen.append(seen)
                return seen
            if isinstance(told, Refused):
                self._world.hit(f"query answered {told.problem.key}")
            if isinstance(told, Refused) and told.problem.key == "counting.not-found":
                if behind is not None and behind.verdict == "accepted":
                    self._world.breaks("read-your-writes", f"{counter} is not there behind {behind.position}")
                return None
            await asyncio.sleep(0.3)

    def _arrival(self, number: int, kind: int) -> Arrival:
        below, workload = self._draws.below, self._workload
        tenant, counter = TENANTS[below(workload.tenants)], self._counter()
        # Small amounts first, as zero is the quiet choice.
        amount = 1 + below(9) if kind < 3 else BIG + below(9) if kind < 5 else -1
        opens = number == 0 or kind == 6
        command: Command[Any] = OpenCounter(counter=counter) if opens else RaiseCounter(counter=counter, amount=amount)
        key = f"key-{number}" if below(5) == 4 else str(self._identifiers.next())
        return Arrival(tenant, self.name, key, command)

    def _parcel(self) -> Arrival:
        below, workload = self._draws.below, self._workload
        tenant, target = TENANTS[below(workload.tenants)], self._counter()
        # Some are too heavy to be taken.
        amount, rest = 1 + below(9), (0, 1, 3)[below(3)]
        parcel = ParcelId(self._identifiers.next())
        command = SendParcel(parcel=parcel, target=target, amount=amount, rest=rest)
        return Arrival(tenant, self.name, str(self._identifiers.next()), command)

    def _counter(self) -> CounterId:
        number = self._draws.below(self._workload.counters + 1)
        return an_id("sum/0") if number == self._workload.counters else an_id(number)

    def _one_of_mine(self) -> Acknowledged:
        return self.acknowledged[self._draws.below(len(self.acknowledged))]

    async def _ask(self, arrival: Arrival) -> None:
        begun = self._world.steps
        reply = await self._until_final(arrival)
        assert reply.verdict is not None
        assert reply.position is not None
        ended = self._world.steps
        self.acknowledged.append(
            Acknowledged(arrival, reply.verdict, reply.answer, reply.invocation, reply.position, begun, ended)
        )
        self._world.say(self.name, "hears {} {} for {}", reply.verdict, reply.answer.decode(), arrival.key)

    async def _reuse(self, first: Acknowledged) -> None:
        """Asks for something else under a key that was answered before: that is refused."""
        command = first.arrival.command
        other: Command[Any]
        if isinstance(command, SendParcel):
            other = SendParcel(parcel=command.parcel, target=command.target, amount=77, rest=0)
        else:
            other = RaiseCounter(counter=command.counter, amount=77)
        arrival = Arrival(first.arrival.tenant, first.arrival.account, first.arrival.key, other)
        reply = await self._until_final(arrival)
        self._world.hit("key reused")
        if reply.problem is None or reply.problem.key != "reused-key":
            self._world.breaks("same-verdict", f"{arrival.key} was taken for something else: {reply.verdict}")

    async def _look(self) -> None:
        behind = self._one_of_mine() if self.acknowledged else None
        find = FindTally if self._draws.below(2) else FindCounter
        if behind is None:
            await self.look(TENANTS[0], find(counter=self._counter()), None)
        elif isinstance(behind.arrival.command, SendParcel):
            await self.look(behind.arrival.tenant, find(counter=behind.arrival.command.target), None)
        else:
            await self.look(behind.arrival.tenant, find(counter=behind.arrival.command.counter), behind)

    async def _until_final(self, arrival: Arrival) -> Reply:
        """Asks until there is a verdict that stands, or a refusal that will not change."""
        while True:
            reply = await self._exchange(
                lambda node, answer: node.command(arrival, answer),
                f"asks {arrival.key} {type(arrival.command).__name__}",
            )
            if reply is not None and reply.replayed:
                self._world.hit("verdict replayed")
            if reply is not None and reply.verdict in ("accepted", "rejected"):
                return cast("Reply", reply)
            if reply is not None and (reply.problem is None or reply.problem.key not in _AGAIN):
                return cast("Reply", reply)
            if reply is not None:
                self._world.hit(f"answered {reply.problem.key}")
            await asyncio.sleep(0.05 + 0.05 * self._draws.below(10))

    async def _query(self, tenant: TenantId, query: FindCounter | FindTally, after: str | None) -> Any:
        return await self._exchange(lambda node, answer: node.query(tenant, query, after, answer), "looks")

    async def _exchange(self, ask: Callable[[Node, Callable[[Any], None]], None], what: str) -> Any:
        """Sends once; the first answer that comes in time, else None."""
        node = self._net.serving()
        if node is None:
            return None
        future: asyncio.Future[Any] = self._loop.create_future()

        def answered(told: Any) -> None:
            if not future.done():
                future.set_result(told)

        self._world.say(self.name, "{}", what)
        self._net.send(node.loop, lambda: ask(node, lambda told: self._net.send(self._loop, lambda: answered(told))))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await future
        except TimeoutError:
            return None
