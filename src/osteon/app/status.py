"""How a running server is, at one look: what `osteon status` shows, and what needs a hand."""

import shlex
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import osteon
from osteon.adapters.system.disk import SystemDisk
from osteon.app.embedded import Embedded
from osteon.app.heads import HeadFile
from osteon.app.management import Management, commit
from osteon.domain import Dues, Saga
from osteon.messages.heads import MalformedHead
from osteon.model import Identifier, TenantId, Value, milliseconds
from osteon.ports.dead_letters import Strand
from osteon.ports.views import Standing

__all__ = [
    "Bound",
    "BusySink",
    "Finding",
    "LateView",
    "SagaStatus",
    "ServerStatus",
    "Status",
    "StatusReport",
    "Stuck",
    "Waiting",
    "findings",
    "newest_head",
]

AnySaga = Saga[Any, Any, Any]

_QUIET = 60.0
_SHOWN = 20
_TOP = 5
_LEAST_FREE = 1 << 30
_LEAST_SHARE = 0.05


class ServerStatus(Value):
    """The process: what it runs, since when, and whether it answers requests."""

    product: str
    version: str
    commit: str | None
    since: datetime
    ready: bool


class Waiting(Value):
    """How many commands of a tenant wait for their turn."""

    tenant: str
    waiting: int


class Bound(Value):
    """How much of something is kept in memory, and how much may be; None where that is not known here."""

    name: str
    count: int
    limit: int | None = None


class LateView(Value):
    """A view of a tenant that does not follow.

    `lag` is how many entries the rows do not have from which queries are answered.
    """

    tenant: str
    view: str
    state: str
    percent: int
    lag: int
    seconds_left: float | None = None
    reason: str | None = None


class BusySink(Value):
    """A sink of a tenant that hands events on, or waits for the other side: how far it is behind, since when it waits, and why."""

    tenant: str
    sink: str
    state: str
    lag: int
    since: datetime | None = None
    reason: str | None = None


class Stuck(Value):
    """A saga that will not go on by itself: nothing is due, nothing is under way, or a dead letter is in its way."""

    tenant: str
    saga: str
    about: str
    seconds: float
    dead_letter: bool


class SagaStatus(Value):
    """The sagas of a kind that are not settled, and how long ago the most patient of them heard of anything."""

    saga: str
    unsettled: int
    seconds: float


class Status(Value):
    """How a running server is.

    Attributes:
        server: The process.
        tenants: How many there are.
        entries: How many durable entries those of them have that were asked anything since the start.
        batches: The number of the last durable batch.
        lag: How many durable entries are not in history and views.
        lag_limit: Beyond how many no more commands are taken.
        drain_restarts: How often the drain was started again.
        waiting: How many commands wait for their turn.
        queues: The tenants of which most wait.
        under_way: How many commands of reactions and sagas have no verdict yet.
        timers: How many sagas want to be woken one day.
        memory: What is kept in memory, and how much may be.
        late: How many views do not follow, by state.
        views: The first of them, those that stopped before all others.
        sagas: Those that are not settled, by kind.
        stuck: The first of those that will not go on by themselves.
        stuck_count: How many of those there are.
        dead_letters: How many wait.
        sinks: Those that have something to do, and which wait for the other side before all others.
        access_dropped: Refusals that were counted and not recorded.
        refused: How many requests were refused or rejected since the start, by problem.
        head: When the newest signed head of any journal was made; None where there is none.
        disk_free: The bytes that are free where the data folder is.
        disk_size: The bytes that there are.
    """

    server: ServerStatus
    tenants: int
    entries: int
    batches: int
    lag: int
    lag_limit: int
    drain_restarts: int
    waiting: int
    queues: tuple[Waiting, ...]
    under_way: int
    timers: int
    memory: tuple[Bound, ...]
    late: dict[str, int]
    views: tuple[LateView, ...]
    sagas: tuple[SagaStatus, ...]
    stuck: tuple[Stuck, ...]
    stuck_count: int
    dead_letters: int
    sinks: tuple[BusySink, ...]
    access_dropped: int
    refused: dict[str, int]
    head: datetime | None
    disk_free: int
    disk_size: int


class Finding(Value):
    """Something that needs a hand, and the command that mends it or tells more."""

    what: str
    mend: str


class StatusReport:
    """Looks at a server when asked: nothing is counted for it on the hot path."""

    def __init__(self, embedded: Embedded, management: Management, data: Path) -> None:
        """Looks from now on; the server counts as begun now."""
        self._embedded = embedded
        self._engine = embedded.engine
        self._management = management
        self._data = data
        self._since = self._engine.ports.clock.now()

    async def __call__(self) -> Status:
        """How it is now."""
        engine, drain = self._engine, self._embedded.drain
        # What lies in files is looked at beside the loop.
        free, size, head = await self._embedded.scheduler.blocking(self._files)
        views = sorted(drain.standings, key=lambda each: (each.state != "stopped", each.tenant, each.view))
        stuck = list(self._stuck())
        gauges = self._management.gauges()
        return Status(
            server=self._server(),
            tenants=len(engine.indexes.tenants.all()),
            entries=engine.processor.entries,
            batches=engine.batches.last,
            lag=engine.batches.look_at_lag(),
            lag_limit=engine.limits.lag,
            drain_restarts=drain.restarts,
            waiting=engine.inbox.waiting,
            queues=tuple(
                Waiting(tenant=self._name(tenant), waiting=count) for tenant, count in engine.inbox.longest(_TOP)
            ),
            under_way=engine.reactions.running,
            timers=engine.timers.waiting,
            memory=tuple(_bounds(gauges)),
            late=_counted(views),
            views=tuple(self._late(each) for each in views[:_SHOWN]),
            sagas=tuple(self._sagas()),
            stuck=tuple(stuck[:_SHOWN]),
            stuck_count=len(stuck),
            dead_letters=self._dead_letters(),
            sinks=tuple(self._sinks())[:_SHOWN],
            access_dropped=engine.recorder.dropped,
            refused=dict(self._embedded.gateway.refused),
            head=head,
            disk_free=free,
            disk_size=size,
        )

    def _server(self) -> ServerStatus:
        return ServerStatus(
            product=self._engine.product.name,
            version=osteon.__version__,
            commit=commit(),
            since=self._since,
            ready=self._management.is_ready,
        )

    def _files(self) -> tuple[int, int, datetime | None]:
        usage = shutil.disk_usage(self._data)
        return usage.free, usage.total, newest_head(self._data)

    def _late(self, standing: Standing) -> LateView:
        stop = standing.stop
        return LateView(
            tenant=self._name(standing.tenant),
            view=standing.view,
            state=standing.state,
            percent=standing.percent,
            lag=0 if standing.place is None else standing.entries - standing.place,
            seconds_left=standing.seconds_left,
            reason=None if stop is None else f"'{stop.event}': {stop.reason}",
        )

    def _unsettled(self) -> Iterator[tuple[TenantId, AnySaga, Dues, str, float]]:
        """Each saga that is not settled, and for how many seconds it has heard of nothing."""
        now = self._engine.ports.clock.milliseconds()
        indexes = self._engine.indexes
        for tenant in indexes.opened():
            for _, saga in self._engine.product.all_sagas:
                dues = indexes.kept(tenant, saga.view.name)
                assert isinstance(dues, Dues)
                for about, heard in dues.unsettled.items():
                    yield tenant, saga, dues, about, max(0, now - milliseconds(heard)) / 1000

    def _sagas(self) -> Iterator[SagaStatus]:
        found: dict[str, list[float]] = {}
        for _, saga, _, _, seconds in self._unsettled():
            found.setdefault(saga.name, []).append(seconds)
        for name, ages in sorted(found.items()):
            yield SagaStatus(saga=name, unsettled=len(ages), seconds=max(ages))

    def _stuck(self) -> Iterator[Stuck]:
        indexes, strands = self._engine.indexes, self._engine.strands
        for tenant, saga, dues, about, seconds in self._unsettled():
            strand = Strand(tenant, saga.name, Identifier(about))
            parked = indexes.dead_letters(tenant).holds(strand)
            if parked or (seconds > _QUIET and dues.due(about) is None and not strands.is_busy(strand)):
                name = self._name(tenant)
                yield Stuck(tenant=name, saga=saga.name, about=about, seconds=seconds, dead_letter=parked)

    def _dead_letters(self) -> int:
        indexes = self._engine.indexes
        return sum(indexes.dead_letters(tenant).waiting for tenant in indexes.opened())

    def _sinks(self) -> list[BusySink]:
        busy = [each for each in self._engine.sinks.standings if each.state != "idle"]
        return [
            BusySink(
                tenant=self._name(each.tenant),
                sink=each.sink,
                state=each.state,
                lag=max(0, self._engine.processor.drained_entries(each.tenant) - sum(each.place)),
                since=each.away,
                reason=each.error or None,
            )
            for each in sorted(busy, key=lambda each: (each.state != "away", each.tenant, each.sink))
        ]

    def _name(self, tenant: TenantId) -> str:
        entry = self._engine.indexes.tenants.with_id(tenant)
        return tenant if entry is None else entry.name


def newest_head(data: Path) -> datetime | None:
    """When the newest signed head in a data folder was made; None where there is none that can be read."""
    times: list[datetime] = []
    disk = SystemDisk(data)
    for folder in sorted((data / "tenants").glob("*")):
        try:
            newest = HeadFile(disk, TenantId(Identifier(folder.name))).newest()
        except (MalformedHead, OSError):
            # 'osteon journal verify --heads' says what is wrong with it.
            continue
        times += [newest.head.at] if newest else []
    return max(times, default=None)


def findings(status: Status, data: Path) -> Iterator[Finding]:
    """What needs a hand, gravest first; `data` stands in the commands that mend it."""
    said = "" if data == Path(".osteon") else f" --data {shlex.quote(str(data))}"
    if not status.server.ready:
        yield Finding(what="The server does not answer requests yet, or no more.", mend=f"osteon status --watch{said}")
    if status.disk_free < max(_LEAST_FREE, _LEAST_SHARE * status.disk_size):
        yield Finding(what="The disk is nearly full: commands will be refused.", mend=f"df -h {shlex.quote(str(data))}")
    if status.lag > status.lag_limit:
        what = f"The drain is {status.lag:,} entries behind: commands wait."
        yield Finding(what=what, mend=f"osteon views status{said}")
    yield from _of_views(status, said)
    yield from _of_what_follows(status, said)


def _of_views(status: Status, said: str) -> Iterator[Finding]:
    for view in status.views:
        if view.state == "stopped":
            what = f"The view '{view.view}' of '{view.tenant}' stopped at a {view.reason}."
            start = f"osteon views start {view.view} --tenant {view.tenant} --reason 'its code is mended'{said}"
            yield Finding(what=what, mend=start)
    if status.late.get("stopped", 0) > _SHOWN:
        yield Finding(what=f"{status.late['stopped']:,} views stopped in all.", mend=f"osteon views list{said}")


def _of_what_follows(status: Status, said: str) -> Iterator[Finding]:
    if status.dead_letters:
        yield Finding(what=f"{status.dead_letters:,} dead letters wait.", mend=f"osteon letters list{said}")
    for sink in status.sinks:
        if sink.since is not None:
            what = f"The sink '{sink.sink}' of '{sink.tenant}' waits for the other side, {sink.lag:,} entries behind: {sink.reason}."
            yield Finding(what=what, mend=f"osteon status --watch{said}")
    for stuck in status.stuck:
        why = "a dead letter is in its way" if stuck.dead_letter else f"nothing came for {stuck.seconds:,.0f} s"
        what = f"The saga '{stuck.saga}' of '{stuck.tenant}' about {stuck.about} is stuck: {why}."
        yield Finding(what=what, mend=f"osteon journal show --tenant {stuck.tenant} --entity {stuck.about}{said}")
    if status.stuck_count > len(status.stuck):
        what = f"{status.stuck_count:,} sagas are stuck in all."
        yield Finding(what=what, mend=f"osteon status --json{said}")


def _bounds(gauges: Mapping[str, float]) -> Iterator[Bound]:
    """What is kept in memory: every metric that has a limit beside it, and what is kept of entities and verdicts."""
    for name, count in sorted(gauges.items()):
        limit = gauges.get(f"{name}_limit")
        if limit is not None or name in ("osteon_entities", "osteon_verdicts"):
            said = name.removeprefix("osteon_").replace("_", " ")
            yield Bound(name=said, count=int(count), limit=None if limit is None else int(limit))


def _counted(standings: list[Standing]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for each in standings:
        counted[each.state] = counted.get(each.state, 0) + 1
    return counted
