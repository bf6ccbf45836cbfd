"""The status of a running server: what waits, what is late, and which sagas will not go on by themselves."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from osteon.adapters.memory.clock import MemoryClock
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.app.embedded import Embedded
from osteon.app.inprocess import InProcess, in_process
from osteon.app.management import Management
from osteon.app.status import Status, StatusReport, findings
from osteon.domain import Away, Module, Occurrence, Product, Sink
from osteon.model import HOUSE, Identifier, ScopeId, named
from osteon.modules import PLATFORM
from osteon.ports.views import Standing
from tests.contracts.filed import fail
from tests.engine.counting import CounterOpened, OpenCounter, an_id, counting
from tests.engine.sending import Sender, until
from tests.engine.visiting import ReceivePatient, a_patient, product, visit

ANN, BOB = a_patient("Ann"), a_patient("Bob")

pytestmark = pytest.mark.anyio


class LateDrain:
    """A drain with one view that is made again."""

    restarts = 1
    drained = 0

    @property
    def standings(self) -> Collection[Standing]:
        """See `DrainProcess`."""
        return [Standing(tenant=HOUSE, view="person", entries=10, place=8, made=5, rate=2.0)]


class Unserved:
    """Management of a server that is not ready."""

    is_ready = False

    def gauges(self) -> dict[str, float]:
        """See `Management`."""
        return {"osteon_keys": 3.0, "osteon_keys_limit": 9.0, "osteon_entities": 7.0, "osteon_timers_waiting": 1.0}


class Place(NamedTuple):
    """A running installation whose clock stands still, and its status."""

    installation: InProcess
    clock: MemoryClock
    status: StatusReport

    def put(self, about: str, *, settled: bool, due: float | None = None) -> None:
        """Has a visit stand somewhere: heard of something now, and due in so many seconds."""
        now = self.clock.now()
        row: Any = visit.view.row
        fields = {
            "visit": Identifier(about),
            "scope": ScopeId(named(HOUSE, HOUSE, "root")),
            "settled": settled,
            "heard": self.installation.engine.identifiers.next(),
            "due": None if due is None else now + timedelta(seconds=due),
        }
        self.installation.engine.indexes.kept(HOUSE, visit.view.name).put(row(**fields))


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests run on asyncio."""
    return "asyncio"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = MemoryClock()
    async with in_process(product, clock=clock) as installation:
        yield Place(installation, clock, report(installation, tmp_path))


async def test_tells_what_waits_and_what_is_kept(place: Place) -> None:
    found = await place.status()
    assert (found.server.product, found.server.ready, found.tenants, found.drain_restarts) == ("surgery", False, 1, 1)
    assert found.entries > 0
    assert {each.name: (each.count, each.limit) for each in found.memory} == {"entities": (7, None), "keys": (3, 9)}
    assert (found.waiting, found.queues, found.dead_letters, found.head) == (0, (), 0, None)


async def test_tells_how_far_a_late_view_is(place: Place) -> None:
    found = await place.status()
    assert found.late == {"rebuilding": 1}
    (view,) = found.views
    assert (view.tenant, view.view, view.percent, view.lag, view.seconds_left) == ("house", "person", 50, 2, 2.5)


async def test_a_saga_that_waits_for_nothing_is_stuck_after_a_while(place: Place) -> None:
    place.put(ANN, settled=False)
    assert stuck(await place.status()) == []
    place.clock.jump(61)
    assert stuck(await place.status()) == [ANN]
    assert any(
        "is stuck: nothing came for 61 s" in each.what for each in findings(await place.status(), Path(".osteon"))
    )


async def test_a_saga_that_is_due_or_settled_is_not_stuck(place: Place) -> None:
    place.put(ANN, settled=False, due=3600)
    place.put(BOB, settled=False)
    place.put(BOB, settled=True)
    place.clock.jump(61)
    found = await place.status()
    assert stuck(found) == []
    assert [(each.saga, each.unsettled, each.seconds) for each in found.sagas] == [("visit", 1, 61.0)]
    assert found.timers == 1


async def test_sagas_are_counted_until_they_settle(place: Place) -> None:
    engine = place.installation.engine
    for patient in (ANN, BOB):
        await Sender(engine).ask(ReceivePatient(patient=patient))
        await until(lambda: not engine.reactions.running)
    # The first one has the room; the second waits to be reminded.
    found = await place.status()
    assert [(each.saga, each.unsettled) for each in found.sagas] == [("visit", 1)]
    assert found.timers == 1


async def test_a_sink_that_is_away_needs_a_hand(tmp_path: Path) -> None:
    async def away(batch: Sequence[Occurrence[Any]]) -> None:
        raise Away("the line is dead")

    clock, sink = MemoryClock(), Sink("ferry", events=[CounterOpened], deliver=away)
    ferrying = Product(
        "counting", [*PLATFORM, Module("counting", parts=[*counting.parts, sink], grants=counting.grants)]
    )
    async with in_process(ferrying, clock=clock) as installation:
        await Sender(installation.engine).ask(OpenCounter(counter=an_id("one")))

        def waits() -> bool:
            clock.advance(0.1)
            return any(each.state == "away" for each in installation.engine.sinks.standings)

        await until(waits)
        found = await report(installation, tmp_path)()
        (each,) = found.sinks
        assert (each.tenant, each.sink, each.state, each.reason) == ("house", "ferry", "away", "Away: the line is dead")
        assert each.lag > 0
        assert any("The sink 'ferry' of 'house' waits" in one.what for one in findings(found, tmp_path))


def report(installation: InProcess, data: Path) -> StatusReport:
    """The status of what runs in process."""
    unused = cast("Any", None)
    embedded = Embedded(
        engine=installation.engine,
        gateway=installation.gateway,
        log=unused,
        drain=cast("Any", LateDrain()),
        maintenance=unused,
        scheduler=cast("Any", MemoryScheduler(fail)),
        connections=unused,
    )
    return StatusReport(embedded, cast("Management", Unserved()), data)


def stuck(status: Status) -> list[str]:
    """What the stuck sagas are about."""
    assert status.stuck_count == len(status.stuck)
    return [each.about for each in status.stuck]
