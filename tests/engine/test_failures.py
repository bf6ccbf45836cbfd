"""Batches that were not recorded: all that was built on them is undone, and a retry learns what became of it."""

import asyncio

import pytest

from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.engine import Limits, batches
from osteon.messages import ACCESS, Position, Record
from osteon.model import HOUSE, Problem
from osteon.ports.inbox import Reply
from osteon.ports.journal import Draft
from tests.engine.counting import AddToCounter, OpenCounter, an_id, product
from tests.engine.sending import HeldUp, Sender, entries, total_of, until

pytestmark = pytest.mark.anyio

ONE, TWO = an_id("one"), an_id("two")
KEYS = [f"01J0000000000000000000000{number}" for number in range(10)]
UNAVAILABLE = Problem(key="unavailable", retryable=True)


@pytest.fixture
def storage() -> Storage:
    """Where everything is recorded."""
    return Storage()


@pytest.fixture
def journal(storage: Storage, anyio_backend: str) -> HeldUp:  # its event belongs to that loop
    """The journal before it."""
    return HeldUp.on(storage)


async def test_a_failed_batch_is_answered_as_unavailable(storage: Storage, journal: HeldUp) -> None:
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.failures = 1
        reply = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (reply.verdict, reply.problem, reply.position) == (None, UNAVAILABLE, None)
        assert total_of(installation, ONE) == 0


async def test_a_retry_after_a_failed_batch_works(storage: Storage, journal: HeldUp) -> None:
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.failures = 1
        await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        reply = await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])
        assert (reply.verdict, reply.answer, reply.replayed) == ("accepted", b"2", False)
        assert follow_one_another(storage, 2)


async def test_undoes_what_was_built_on_a_failed_batch(storage: Storage, journal: HeldUp) -> None:
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.open.clear()
        flying = [sender.send(AddToCounter(counter=ONE, amount=2), KEYS[0])]
        await until(lambda: journal.waiting == 1)
        # Decided on the state that the batch before left, which will never have been.
        flying += [sender.send(AddToCounter(counter=ONE, amount=3), KEYS[1])]
        flying += [sender.send(OpenCounter(counter=TWO), KEYS[2]), sender.send(OpenCounter(counter=TWO), KEYS[2])]
        journal.failures = 1
        journal.open.set()
        assert [(await task).problem for task in flying] == [UNAVAILABLE] * 4
        assert (await sender.ask(AddToCounter(counter=ONE, amount=3), KEYS[1])).answer == b"3"
        assert (await sender.ask(OpenCounter(counter=TWO), KEYS[3])).verdict == "accepted"
        assert (await sender.ask(AddToCounter(counter=ONE, amount=2), KEYS[0])).answer == b"5"
        assert follow_one_another(storage, 3)


async def test_duplicates_share_the_leaders_misfortune(storage: Storage, journal: HeldUp) -> None:
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        journal.failures = 1
        flying = [sender.send(AddToCounter(counter=ONE, amount=2), KEYS[0]) for _ in range(3)]
        assert [(await task).problem for task in flying] == [UNAVAILABLE] * 3


async def test_what_waits_behind_a_failed_batch_goes_on(storage: Storage, journal: HeldUp) -> None:
    limits = Limits(batch=2)
    async with in_process(product, storage=storage, journal=journal, limits=limits) as installation:
        sender = await opened(installation)
        journal.open.clear()
        flying = [sender.send(AddToCounter(counter=ONE, amount=1), key) for key in KEYS]
        await until(lambda: journal.waiting == 1)
        assert installation.engine.inbox.waiting > 0
        journal.failures = 1
        journal.open.set()
        async with asyncio.timeout(5):
            replies = [await task for task in flying]
        await expect_the_accepted_only(installation, replies)


async def test_repeated_failures_lose_nothing_acknowledged(storage: Storage, journal: HeldUp) -> None:
    async with in_process(product, storage=storage, journal=journal, limits=Limits(batch=3)) as installation:
        sender = await opened(installation)
        journal.failures = 2
        replies: list[Reply] = []
        while any(reply.verdict is None for reply in replies) or not replies:
            flying = [sender.send(AddToCounter(counter=ONE, amount=1), key) for key in KEYS]
            replies = [await task for task in flying]
        assert total_of(installation, ONE) == len(KEYS)
        await expect_the_accepted_only(installation, replies)


async def test_what_is_too_much_for_one_batch_goes_into_several(
    storage: Storage, journal: HeldUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with in_process(product, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        monkeypatch.setattr(batches, "BATCH_BYTES", 2_500)
        journal.open.clear()
        flying = [sender.send(AddToCounter(counter=ONE, amount=1)) for _ in range(12)]
        await until(lambda: journal.waiting == 1)
        before = installation.engine.batches.last
        journal.open.set()
        replies = await asyncio.gather(*flying)
        assert [reply.answer for reply in replies] == [str(total).encode() for total in range(1, 13)]
        assert installation.engine.batches.last - before > 3


async def test_what_is_recorded_aside_waits_for_a_better_batch(storage: Storage, journal: HeldUp) -> None:
    async with in_process(product, storage=storage, journal=journal) as installation:
        journal.failures = 1
        batches, recorded = installation.engine.batches, storage.tape.last
        batches.add_aside(Draft("access", HOUSE, Position(0, 1), b"[]"))
        batches.flush_aside()
        await until(lambda: storage.tape.last > recorded)
        assert [Record.of(each).kind for each in storage.tape.batches[-1]] == [ACCESS]


async def expect_the_accepted_only(installation: InProcess, replies: list[Reply]) -> None:
    """What was accepted is recorded, all else is not; what follows sees just that."""
    accepted = sum(reply.verdict == "accepted" for reply in replies)
    assert total_of(installation, ONE) == accepted
    answer = (await Sender(installation.engine).ask(AddToCounter(counter=ONE, amount=100_000))).answer
    assert int(answer) == accepted + 100_000


def follow_one_another(storage: Storage, count: int) -> bool:
    """Whether the counter has so many entries, with no gap between their positions."""
    sequences = [entry.position.sequence for entry in entries(storage, ONE)]
    return sequences == list(range(sequences[0], sequences[0] + count))


async def opened(installation: InProcess) -> Sender:
    """A sender, and the counter 'one'."""
    sender = Sender(installation.engine)
    assert (await sender.ask(OpenCounter(counter=ONE))).verdict == "accepted"
    return sender
