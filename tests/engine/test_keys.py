"""One key, one verdict: retries, duplicates, reused keys, faults, expired commands."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.model import HOUSE, Problem, ScopeId, named, replace
from osteon.ports.inbox import Reply
from tests.engine.counting import SUM, AddToCounter, CounterId, OpenCounter, Weather, an_id, product
from tests.engine.sending import HeldUp, Sender, entries, total_of

pytestmark = pytest.mark.anyio

ONE = an_id("one")
KEYS = ["01J00000000000000000000001", "0193a6c4-5b1e-7a55-8f5f-0a1b2c3d4e5f", "01J00000000000000000000003"]
AMOUNTS = dict(zip(KEYS, (1, 20, -5), strict=True))


@pytest.fixture
def storm() -> Iterator[None]:
    """The rule faults until the test says otherwise."""
    Weather.storm = True
    yield
    Weather.storm = False


async def test_answers_with_the_recorded_verdict_again() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        first = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (first.verdict, first.answer, first.replayed) == ("accepted", b"2", False)
        await sender.ask(AddToCounter(counter=ONE, amount=3))
        again = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert again == replace(first, replayed=True)
        assert total_of(installation, ONE) == 5


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=20))
def test_a_retry_adds_nothing(asked: list[tuple[str, bool]]) -> None:
    async def run() -> None:
        async with in_process(product) as installation:
            sender = await opened(installation)
            replies: list[tuple[str, Reply]] = []
            flying: list[tuple[str, asyncio.Task[Reply]]] = []
            for key, waits in asked:
                flying.append((key, sender.send(AddToCounter(counter=ONE, amount=AMOUNTS[key]), key)))
                if waits:
                    replies += [(each, await task) for each, task in flying]
                    flying.clear()
            replies += [(each, await task) for each, task in flying]
            expect_one_verdict_a_key(installation, replies)

    asyncio.run(asyncio.wait_for(run(), 10))


async def test_duplicates_in_flight_get_the_leaders_verdict() -> None:
    storage = Storage()
    journal = HeldUp.on(storage)
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.open.clear()
        flying = [sender.send(AddToCounter(counter=ONE, amount=7), KEYS[0]) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in flying)
        journal.open.set()
        leader, *others = [await task for task in flying]
        assert others == [replace(leader, replayed=True)] * 2
        assert total_of(installation, ONE) == 7


async def test_refuses_a_key_with_another_payload() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        other = await sender.ask(AddToCounter(counter=ONE, amount=3), KEYS[0])
        assert (other.verdict, other.problem) == (None, Problem(key="reused-key"))
        assert total_of(installation, ONE) == 2


async def test_refuses_another_payload_while_the_first_flies() -> None:
    storage = Storage()
    journal = HeldUp.on(storage)
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.open.clear()
        first = sender.send(AddToCounter(counter=ONE, amount=2), KEYS[0])
        other = await sender.ask(AddToCounter(counter=ONE, amount=3), KEYS[0])
        assert other.problem == Problem(key="reused-key")
        journal.open.set()
        assert (await first).verdict == "accepted"


async def test_keys_belong_to_one_entity() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        await sender.ask(OpenCounter(counter=an_id("two")), KEYS[0])
        assert not (await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])).replayed
        assert total_of(installation, ONE) == 2


async def test_keys_belong_to_one_account() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        other = await Sender(installation.engine, "another").ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (other.answer, other.replayed) == (b"4", False)


@pytest.mark.usefixtures("storm")
async def test_a_fault_is_recorded_and_answered() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        reply = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (reply.verdict, reply.problem) == ("faulted", Problem(key="unexpected", retryable=True))
        recorded = entries(installation.storage, ONE)[-1]
        assert (recorded.verdict, recorded.problem, recorded.events) == ("faulted", reply.problem, ())
        assert recorded.context.trace.current == reply.invocation


@pytest.mark.usefixtures("storm")
async def test_a_retry_after_a_fault_decides_again() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        Weather.storm = False
        reply = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (reply.verdict, reply.replayed) == ("accepted", False)
        assert (await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])).replayed
        assert [entry.verdict for entry in entries(installation.storage, ONE)] == ["accepted", "faulted", "accepted"]


@pytest.mark.usefixtures("storm")
async def test_a_fault_is_no_verdict_after_a_restart() -> None:
    storage = Storage()
    async with in_process(product, storage=storage) as installation:
        sender = await opened(installation)
        await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
    Weather.storm = False
    async with in_process(product, storage=storage) as installation:
        reply = await Sender(installation.engine).ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (reply.verdict, reply.replayed) == ("accepted", False)


async def test_verdicts_outlive_a_restart() -> None:
    storage = Storage()
    async with in_process(product, storage=storage) as installation:
        sender = await opened(installation)
        first = {key: await sender.ask(AddToCounter(counter=ONE, amount=AMOUNTS[key]), key) for key in KEYS}
    async with in_process(product, storage=storage) as installation:
        sender = Sender(installation.engine)
        for key, reply in first.items():
            again = await sender.ask(AddToCounter(counter=ONE, amount=AMOUNTS[key]), key)
            assert again == replace(reply, replayed=True)
        assert (await sender.ask(AddToCounter(counter=ONE, amount=1))).answer == b"22"


async def test_refuses_what_has_expired_unrecorded() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        late = await sender.send(AddToCounter(counter=ONE, amount=2), KEYS[0], lifetime=-1)
        assert (late.verdict, late.problem) == (None, Problem(key="expired", retryable=True))
        assert len(entries(installation.storage, ONE)) == 1
        assert (await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])).verdict == "accepted"


async def test_an_expired_retry_gets_its_verdict() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        first = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        late = await sender.send(AddToCounter(counter=ONE, amount=2), KEYS[0], lifetime=-1)
        assert late == replace(first, replayed=True)


async def test_rejects_a_second_creation() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        reply = await sender.ask(OpenCounter(counter=ONE))
        assert (reply.verdict, reply.problem) == ("rejected", Problem(key="counting.already-exists"))


async def test_missing_and_elsewhere_look_alike() -> None:
    async with in_process(product) as installation:
        sender = await opened(installation)
        elsewhere = ScopeId(named("", "elsewhere"))
        missing = await sender.send(AddToCounter(counter=SUM, amount=1))
        away = await sender.send(AddToCounter(counter=ONE, amount=1), scope=elsewhere)
        assert missing.verdict == away.verdict == "rejected"
        assert missing.problem == away.problem == Problem(key="counting.not-found")


async def test_entities_of_two_kinds_may_share_an_identifier() -> None:
    storage = Storage()
    root = CounterId(named(HOUSE, HOUSE, "root"))
    async with in_process(product, storage=storage) as installation:
        sender = Sender(installation.engine)
        assert (await sender.ask(AddToCounter(counter=root, amount=1))).problem == Problem(key="counting.not-found")
        assert (await sender.ask(OpenCounter(counter=root))).verdict == "accepted"
        assert (await sender.ask(AddToCounter(counter=root, amount=1))).answer == b"1"
    async with in_process(product, storage=storage) as installation:
        assert (await Sender(installation.engine).ask(AddToCounter(counter=root, amount=1))).answer == b"2"


def expect_one_verdict_a_key(installation: InProcess, replies: list[tuple[str, Reply]]) -> None:
    """Each key has one entry, whoever asked got its verdict, and the first of them got it first."""
    recorded = {entry.key.rpartition("/")[2]: entry for entry in entries(installation.storage, ONE)[1:]}
    assert len(entries(installation.storage, ONE)) == 1 + len(recorded) == 1 + len({key for key, _ in replies})
    for key, reply in replies:
        entry = recorded[key]
        assert (reply.verdict, reply.problem, reply.answer) == (entry.verdict, entry.problem, bytes(entry.answer))
        assert (reply.invocation, reply.position) == (entry.context.trace.current, entry.position.token)
    for key in recorded:
        assert [reply.replayed for each, reply in replies if each == key][:2] in ([False], [False, True])
    assert total_of(installation, ONE) == sum(AMOUNTS[key] for key in recorded if AMOUNTS[key] > 0)


async def opened(installation: InProcess) -> Sender:
    """A sender, and the counter 'one'."""
    sender = Sender(installation.engine)
    assert (await sender.ask(OpenCounter(counter=ONE))).verdict == "accepted"
    return sender
