"""Bounds: nothing grows with the load, nothing holds up the loop, and a noisy tenant costs the others no more than its turn."""

import asyncio
from pathlib import Path
from typing import cast

import apsw
import pytest

from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.sqlite import Connections, Settings, SqliteFiling, SqliteHistory
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.domain.testing import context
from osteon.engine import Limits, tables
from osteon.messages import ENTRY, Command, Record
from osteon.model import HOUSE, Identifier, InvocationId, Refused, ScopeId, TenantId, named, replace
from osteon.ports.history import PAST, History
from osteon.ports.inbox import Delivery, Reply
from tests.contracts.filed import fail, identifier, run
from tests.engine import counting
from tests.engine.counting import AddToCounter, CounterRaised, OpenCounter, an_id, product
from tests.engine.sending import HeldUp, Sender, until
from tests.engine.test_eviction import drained

pytestmark = pytest.mark.anyio

ACME, GLOBEX = TenantId(identifier(1)), TenantId(identifier(2))
ONE = an_id("one")
LONG = 12 * PAST


@pytest.fixture
def storage() -> Storage:
    """Where everything is recorded."""
    return Storage()


@pytest.fixture
def journal(storage: Storage, anyio_backend: str) -> HeldUp:  # its event belongs to that loop
    """The journal before it."""
    return HeldUp.on(storage)


async def test_a_long_entity_is_loaded_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with in_process(product, limits=Limits(entities=1, verdicts=1, snapshot=LONG * 2)) as installation:
        sender = Sender(installation.engine)
        await grown(installation, sender)
        folds: list[int] = []
        monkeypatch.setattr(counting.counter, "evolve", counted_by(folds))
        waiting = sender.send(AddToCounter(counter=ONE, amount=1))
        others: list[Reply] = []
        folded_between = [0]
        while not waiting.done():
            before = len(folds)
            await asyncio.sleep(0)
            folded_between.append(len(folds) - before)
            if len(folded_between) % 3 == 0 and len(others) < 6:
                others.append(await sender.ask(AddToCounter(counter=an_id("hot"), amount=1)))
        assert (await waiting).answer == f"{LONG + 1}".encode()
        assert len(folds) > LONG
        # Between two looks of somebody else, no more than a part was folded; and others were answered meanwhile.
        assert max(folded_between) <= PAST + 6
        assert [reply.verdict for reply in others] == ["accepted"] * 6


async def test_a_snapshot_spares_what_came_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async with in_process(product, limits=Limits(entities=1, verdicts=1, snapshot=50)) as installation:
        sender = Sender(installation.engine)
        await grown(installation, sender)
        folds: list[int] = []
        monkeypatch.setattr(counting.counter, "evolve", counted_by(folds))
        assert (await sender.ask(AddToCounter(counter=ONE, amount=1))).answer == f"{LONG + 1}".encode()
        assert len(folds) <= 2 * 50


async def test_a_flood_of_one_tenant_costs_another_its_turn_only(storage: Storage, journal: HeldUp) -> None:
    limits = Limits(batch=16, share=2_000, waiting=10_000)
    async with in_process(product, storage=storage, journal=journal, limits=limits) as installation:
        for tenant in (ACME, GLOBEX):
            await put(installation, tenant, OpenCounter(counter=ONE))
        journal.open.clear()
        flood = put_until_refused(installation, ACME, "too-many-requests")
        assert len(flood) >= limits.share
        quiet = put(installation, GLOBEX, AddToCounter(counter=ONE, amount=1))
        journal.open.set()
        assert (await quiet).verdict == "accepted"
        # What was before it: the batch that was on its way, the one that was filled, and its turn in the one behind these.
        batches = [
            [Record.of(each) for each in batch if Record.of(each).kind == ENTRY] for batch in storage.tape.batches
        ]
        floods = [number for number, batch in enumerate(batches) if len(batch) > 1]
        turn = next(number for number in floods if any(each.tenant == GLOBEX for each in batches[number]))
        assert floods.index(turn) <= 2
        assert {reply.verdict for reply in await asyncio.gather(*flood)} == {"accepted"}


async def test_a_full_inbox_is_everybodys(storage: Storage, journal: HeldUp) -> None:
    limits = Limits(batch=4, share=20, waiting=50)
    async with in_process(product, storage=storage, journal=journal, limits=limits) as installation:
        journal.open.clear()
        tenants = [TenantId(identifier(number)) for number in range(1, 4)]
        put_until_refused(installation, tenants[0], "too-many-requests")
        put_until_refused(installation, tenants[1], "too-many-requests")
        put_until_refused(installation, tenants[2], "busy")
        journal.open.set()
        await until(lambda: not installation.engine.inbox.waiting and not installation.engine.processor.cold.total)


async def test_cold_entities_count_as_waiting_commands(storage: Storage) -> None:
    limits = Limits(entities=1, verdicts=1, batch=64, share=20, waiting=30)
    async with in_process(product, storage=storage, limits=limits) as installation:
        history = await long_ago(installation)
        flood = [put(installation, HOUSE, AddToCounter(counter=an_id(number), amount=1)) for number in range(20)]
        with pytest.raises(Refused) as caught:
            put(installation, HOUSE, AddToCounter(counter=an_id(21), amount=1))
        assert caught.value.problem.key == "too-many-requests"
        assert installation.engine.processor.cold.total == 20
        quiet = put(installation, ACME, OpenCounter(counter=ONE))
        await until(quiet.done)
        assert not any(task.done() for task in flood)
        history.answers.set()
        assert [(await task).verdict for task in flood] == ["accepted"] * 20
        assert installation.engine.processor.cold.total == installation.engine.processor.cold.of(HOUSE) == 0


async def test_a_failed_load_lets_its_commands_go(storage: Storage) -> None:
    limits = Limits(entities=1, verdicts=1)
    async with in_process(product, storage=storage, limits=limits) as installation:
        history = await long_ago(installation)
        history.fault = OSError("the disk is gone")
        history.answers.set()
        waiting = [put(installation, HOUSE, AddToCounter(counter=an_id(0), amount=1)) for _ in range(3)]
        assert [problem_of(await task) for task in waiting] == ["unavailable"] * 3
        assert installation.engine.processor.cold.total == 0


async def test_verdicts_that_are_asked_for_again_do_not_stay() -> None:
    limits = Limits(entities=3, verdicts=3)
    async with in_process(product, limits=limits) as installation:
        sender = Sender(installation.engine)
        keys = [f"01J00000000000000000000{number:03}" for number in range(100, 200)]
        for number, key in enumerate(keys):
            await sender.ask(OpenCounter(counter=an_id(number)), key)
        await drained(installation)
        batch = installation.engine.batches.last
        for number, key in enumerate(keys):
            assert (await sender.ask(OpenCounter(counter=an_id(number)), key)).replayed
        assert installation.engine.batches.last == batch
        entities, verdicts = installation.engine.memory.sizes
        assert entities <= limits.entities + 2
        assert verdicts <= limits.verdicts + 2
        assert installation.engine.memory.recalls >= 90


def test_connections_stay_within_their_bound(tmp_path: Path) -> None:
    disk, entropy = SystemDisk(tmp_path), SystemEntropy()
    keyring = KeyfileKeyring(disk, entropy, installation_key(disk, entropy), remembered=5)
    writing = Connections(disk, str(tmp_path), keyring, Settings(writable=True, connections=4))
    reading = Connections(disk, str(tmp_path), keyring, Settings(connections=4, cache=512))
    filing = SqliteFiling(writing, tables(product))
    history = SqliteHistory(reading, keyring, SystemScheduler(fail, 1))
    tenants = [TenantId(identifier(number)) for number in range(1, 31)]
    for tenant in tenants:
        keyring.create(tenant)
        filing.progress(tenant)
        run(history.greatest(tenant))
    mine = [each for each in apsw.connections() if each.filename.startswith(str(tmp_path))]
    assert len(mine) == 8
    assert (reading.usage.open, reading.usage.most, reading.usage.cache) == (4, 4, 4 * 512 * 1024)
    assert reading.usage.opened >= 30
    assert (keyring.usage.entries, keyring.usage.most) == (5, 5)
    assert keyring.usage.misses >= 30
    filing.close()
    reading.close()


def test_a_connection_that_is_lent_counts_as_open(tmp_path: Path) -> None:
    disk, entropy = SystemDisk(tmp_path), SystemEntropy()
    keyring = KeyfileKeyring(disk, entropy, installation_key(disk, entropy))
    keyring.create(ACME)
    connections = Connections(disk, str(tmp_path), keyring, Settings(writable=True, connections=4))
    SqliteFiling(connections, tables(product)).progress(ACME)
    lent = [connections.take(ACME) for _ in range(6)]
    assert connections.usage.open == 6
    for each in lent:
        assert each is not None
        connections.give(ACME, each)
    assert connections.usage.open == 4
    connections.close()
    assert connections.usage.open == 0


class Waiting:
    """A history that looks for verdicts only when it is told to, and then may fail."""

    def __init__(self, history: History) -> None:
        """Hands on to `history`."""
        self._history = history
        self.answers = asyncio.Event()
        self.fault: Exception | None = None

    async def recorded(self, tenant: TenantId, entity: str, key: str) -> object:
        """See `History.recorded`."""
        if tenant == HOUSE:
            await self.answers.wait()
        if self.fault is not None:
            raise self.fault
        return await self._history.recorded(tenant, entity, key)

    async def greatest(self, tenant: TenantId) -> tuple[str, str]:
        """See `History.greatest`."""
        return await self._history.greatest(tenant)


async def grown(installation: InProcess, sender: Sender) -> None:
    """A counter was raised `LONG` times, and memory has let go of it."""
    await sender.ask(OpenCounter(counter=ONE))
    await asyncio.gather(*(sender.send(AddToCounter(counter=ONE, amount=1)) for _ in range(LONG)))
    await sender.ask(OpenCounter(counter=an_id("hot")))
    await drained(installation)
    for number in range(20):
        await sender.ask(OpenCounter(counter=an_id(number)))
        await drained(installation)
    await asyncio.sleep(0.05)


async def long_ago(installation: InProcess) -> Waiting:
    """Counters were opened, and memory has let go of them; whoever waits for one of them waits."""
    sender = Sender(installation.engine)
    for number in range(25):
        await sender.ask(OpenCounter(counter=an_id(number)))
        await drained(installation)
    await sender.ask(OpenCounter(counter=an_id("last")))
    history = Waiting(installation.engine.ports.history)
    installation.engine.processor._history = cast("History", history)  # pyright: ignore[reportPrivateUsage]
    return history


def counted_by(folds: list[int]) -> object:
    """The counter's `evolve`, which notes each call."""

    def evolve(event: CounterRaised, counter: counting.Counter) -> counting.Counter:
        folds.append(event.amount)
        return counting.evolve(event, counter)

    return evolve


def put(installation: InProcess, tenant: TenantId, command: Command[object]) -> "asyncio.Task[Reply]":
    """Sends a command into the root of a tenant."""
    engine = installation.engine
    current: InvocationId = engine.identifiers.next()
    root = ScopeId(named(tenant, tenant, "root"))
    made = context(tenant=tenant, scope=(root,), at=engine.ports.clock.now())
    delivery = Delivery(
        context=replace(made, trace=replace(made.trace, current=current, originating=current)),
        command=command,
        entity=cast("Identifier", getattr(command, "counter")),  # noqa: B009  # both commands have it
        key=f"someone/{engine.identifiers.next()}",
        fingerprint=repr(command),
        expires=engine.ports.clock.milliseconds() + 60_000,
    )
    expected = engine.ports.replies.expect(current)
    engine.inbox.put(delivery)

    async def reply() -> Reply:
        return await expected

    return asyncio.ensure_future(reply())


def put_until_refused(installation: InProcess, tenant: TenantId, key: str) -> "list[asyncio.Task[Reply]]":
    """Sends commands of a tenant until one is refused with that key."""
    sent: list[asyncio.Task[Reply]] = []
    for number in range(20_000):
        try:
            sent.append(put(installation, tenant, OpenCounter(counter=an_id(f"{tenant} {number}"))))
        except Refused as caught:
            refused = caught
            break
    else:
        raise AssertionError("Nothing is ever refused.")
    assert (refused.problem.key, refused.problem.retryable) == (key, True)
    return sent


def problem_of(reply: Reply) -> str | None:
    """The key of a reply's problem."""
    return reply.problem.key if reply.problem else None
