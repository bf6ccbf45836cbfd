"""Dead letters: what cannot be done waits, in order and in sight, until somebody mends it; nothing else waits with it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.adapters.memory.clock import MemoryClock
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.context import InvocationContext
from osteon.domain import Ask, Module, Product, Reaction, Step
from osteon.messages import Event
from osteon.model import HOUSE, Identifier, decoder
from osteon.modules import PLATFORM
from osteon.modules.operations.dead_letter import DeadLetterId, ReplayDeadLetter, SkipDeadLetter, letter_id
from osteon.ports.dead_letters import Correction, Strand
from tests.engine.counting import (
    SUM,
    AddToCounter,
    CounterOpened,
    CounterRaised,
    OpenCounter,
    Weather,
    an_id,
    counting,
)
from tests.engine.sending import HeldUp, Sender, entries, until
from tests.engine.visiting import ReceivePatient, a_patient, visit
from tests.engine.visiting import product as visiting

pytestmark = pytest.mark.anyio

ONE, TWO = an_id("one"), an_id("two")
MIRROR = "mirror-steps"


class Mirror:
    """Adds to the sum what is added to any other counter; it cannot add what it was told to stumble over."""

    stumbles: frozenset[int] = frozenset()

    @classmethod
    def react(cls, event: CounterRaised, context: InvocationContext) -> Sequence[Ask]:
        """Each step but those of the sum itself."""
        if event.counter == SUM:
            return []
        if event.amount in cls.stumbles:
            raise ArithmeticError(f"{event.amount} is too much")
        return [Ask(command=AddToCounter(counter=SUM, amount=event.amount))]


mirroring = Product(
    "counting",
    [
        *PLATFORM,
        Module("counting", parts=counting.parts[:2], exports=[CounterOpened, CounterRaised], grants=counting.grants),
        Module("mirroring", parts=[Reaction(MIRROR, Mirror.react)]),
    ],
)


@pytest.fixture(autouse=True)
def fair_weather(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fails unless the test says so."""
    monkeypatch.setattr(Mirror, "stumbles", Mirror.stumbles)
    monkeypatch.setattr(Weather, "storm", False)
    monkeypatch.setattr(Weather, "over", None)


async def test_what_fails_waits_with_all_behind_it() -> None:
    async with in_process(mirroring) as installation:
        sender = await opened(installation)
        Mirror.stumbles = frozenset({2})
        for amount in (1, 2, 3, 4):
            await sender.ask(AddToCounter(counter=ONE, amount=amount))
        await sender.ask(AddToCounter(counter=TWO, amount=10))
        await settled(installation)
        assert steps(installation.storage, SUM) == [1, 10]
        assert waiting(installation) == 3
        parked = [body(event)["failure"]["error"] for event in letters(installation.storage)]
        assert parked == ["ArithmeticError: 2 is too much", "operations.held-up", "operations.held-up"]


async def test_replays_in_order_once_the_code_is_mended() -> None:
    async with in_process(mirroring) as installation:
        sender = await opened(installation)
        await parked(installation, sender, 2, 3)
        Mirror.stumbles = frozenset()
        await sender.ask(ReplayDeadLetter(dead_letter=ids(installation)[0], reason="mended"))
        await sender.ask(AddToCounter(counter=ONE, amount=4))
        await settled(installation)
        assert steps(installation.storage, SUM) == [2, 3, 4]
        assert waiting(installation) == 0


async def test_a_replay_stops_where_it_fails_again() -> None:
    async with in_process(mirroring) as installation:
        sender = await opened(installation)
        await parked(installation, sender, 2, 3, 5)
        Mirror.stumbles = frozenset({3})
        await sender.ask(ReplayDeadLetter(dead_letter=ids(installation)[0], reason="mended"))
        await settled(installation)
        assert steps(installation.storage, SUM) == [2]
        assert waiting(installation) == 2
        assert types(installation.storage)[-1] == "replay-failed"


async def test_goes_on_behind_what_is_passed_over() -> None:
    async with in_process(mirroring) as installation:
        sender = await opened(installation)
        await parked(installation, sender, 2, 3)
        assert (
            await sender.ask(SkipDeadLetter(dead_letter=ids(installation)[0], reason="a test"))
        ).verdict == "accepted"
        await settled(installation)
        assert steps(installation.storage, SUM) == [3]
        again = await sender.ask(ReplayDeadLetter(dead_letter=ids(installation)[0], reason="a change of mind"))
        assert again.problem is not None
        assert again.problem.key == "operations.not-waiting"


async def test_what_was_passed_over_stays_so_after_a_start() -> None:
    storage = Storage()
    journal = HeldUp.on(storage)
    async with in_process(mirroring, storage=storage, journal=journal) as installation:
        sender = await opened(installation)
        await parked(installation, sender, 2)
        await sender.ask(SkipDeadLetter(dead_letter=ids(installation)[0], reason="a test"))
    Mirror.stumbles = frozenset()
    # No place was recorded, so everything is given again.
    async with in_process(mirroring, storage=storage) as installation:
        await settled(installation)
        assert steps(storage, SUM) == []


async def test_what_waits_is_replayed_after_a_start() -> None:
    storage = Storage()
    async with in_process(mirroring, storage=storage) as installation:
        await parked(installation, await opened(installation), 2, 3)
    Mirror.stumbles = frozenset()
    async with in_process(mirroring, storage=storage) as installation:
        await settled(installation)
        assert steps(storage, SUM) == []
        assert waiting(installation) == 2
        replay = ReplayDeadLetter(dead_letter=ids(installation)[0], reason="a new version")
        await Sender(installation.engine).ask(replay)
        await settled(installation)
        assert steps(storage, SUM) == [2, 3]


async def test_a_command_that_keeps_faulting_is_parked() -> None:
    clock = MemoryClock()
    async with in_process(mirroring, clock=clock) as installation:
        sender = await opened(installation)
        await sender.ask(AddToCounter(counter=ONE, amount=7))
        await settled(installation)
        await in_a_storm(installation, clock, sender)
        (parking,) = letters(installation.storage)
        assert body(parking)["failure"] == {
            "error": "unexpected",
            "ordinal": "0",
            "command": "add-to-counter",
            "body": {"counter": SUM, "amount": 8},
        }
        assert waiting(installation) == 1


async def test_a_corrected_command_is_sent_in_place_of_the_one_that_failed() -> None:
    clock = MemoryClock()
    async with in_process(mirroring, clock=clock) as installation:
        sender = await opened(installation)
        await in_a_storm(installation, clock, sender)
        await sender.ask(AddToCounter(counter=ONE, amount=9))
        await settled(installation)
        instead = Correction(
            command="add-to-counter", body=msgspec.Raw(msgspec.json.encode({"counter": TWO, "amount": 80}))
        )
        replay = ReplayDeadLetter(dead_letter=ids(installation)[0], reason="it was too little", correction=instead)
        await sender.ask(replay)
        await settled(installation)
        assert sorted(steps(installation.storage, SUM)) == [9, 80]
        assert steps(installation.storage, TWO) == [80]
        assert waiting(installation) == 0


async def test_a_correction_that_is_none_is_refused_in_sight() -> None:
    clock = MemoryClock()
    async with in_process(mirroring, clock=clock) as installation:
        sender = await opened(installation)
        await in_a_storm(installation, clock, sender)
        nonsense = Correction(command="add-to-counter", body=msgspec.Raw(b'{"amount":"many"}'))
        await sender.ask(ReplayDeadLetter(dead_letter=ids(installation)[0], reason="try", correction=nonsense))
        await settled(installation)
        assert types(installation.storage)[-1] == "replay-failed"
        assert waiting(installation) == 1


async def test_a_saga_whose_step_fails_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ann, clock = a_patient("Ann"), MemoryClock()
    async with in_process(visiting, clock=clock) as installation:
        sender = Sender(installation.engine)
        with monkeypatch.context() as broken:
            broken.setattr(visit, "begin", stumble)
            await sender.ask(ReceivePatient(patient=ann))
            await settled(installation, clock)
        strand = Strand(HOUSE, visit.name, ann)
        first = installation.engine.indexes.dead_letters(HOUSE).first(strand)
        assert first is not None
        await sender.ask(ReplayDeadLetter(dead_letter=letter_id(HOUSE, first), reason="mended"))
        await settled(installation, clock)
        told = [entry for entry in entries(installation.storage, ann) if entry.entity_type == "visit"]
        assert [entry.verdict for entry in told] == ["faulted"] * 6 + ["accepted"] * 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 7), max_size=6), st.integers(0, 3))
def test_does_each_once_wherever_the_process_stops(stops: list[int], seed: int) -> None:
    """Steps are parked, the code is mended, and a replay is asked, all of it with kills in between."""

    async def run() -> None:
        storage = Storage()
        async with in_process(mirroring, storage=storage) as installation:
            await opened(installation)
        Mirror.stumbles = frozenset({2})
        for number, stop in enumerate([*stops, None]):
            if number >= len(stops) // 2:
                Mirror.stumbles = frozenset()
            await work(storage, stop, seed)
        assert sorted(steps(storage, SUM)) == [1, 2, 3, 10]
        assert [step for step in steps(storage, SUM) if step != 10] == [1, 2, 3]

    asyncio.run(run())


async def work(storage: Storage, stop: int | None, seed: int) -> None:
    """A process that steps under the same keys and replays what waits, until `stop` batches are recorded or all is done."""
    journal = HeldUp.on(storage)
    journal.batches_left = stop
    async with in_process(mirroring, storage=storage, journal=journal, seed=seed) as installation:
        sender = Sender(installation.engine)

        async def all_of_it() -> None:
            for number, amount in enumerate((1, 2, 3)):
                await sender.ask(AddToCounter(counter=ONE, amount=amount), f"01J0000000000000000000000{number}")
            await sender.ask(AddToCounter(counter=TWO, amount=10), "01J00000000000000000000009")
            await settled(installation)
            for letter in ids(installation):
                await sender.ask(ReplayDeadLetter(dead_letter=letter, reason="mended"))
                await settled(installation)

        doing = asyncio.ensure_future(all_of_it())
        await until(lambda: doing.done() or journal.batches_left == 0)
        if stop is None:
            await doing
        doing.cancel()


async def opened(installation: InProcess) -> Sender:
    """A sender, and three counters."""
    sender = Sender(installation.engine)
    for counter in (ONE, TWO, SUM):
        assert (await sender.ask(OpenCounter(counter=counter))).verdict == "accepted"
    return sender


async def parked(installation: InProcess, sender: Sender, *amounts: int) -> None:
    """Steps of counter one of which the first cannot be mirrored."""
    Mirror.stumbles = frozenset(amounts[:1])
    for amount in amounts:
        await sender.ask(AddToCounter(counter=ONE, amount=amount))
    await settled(installation)
    assert waiting(installation) == len(amounts)


async def in_a_storm(installation: InProcess, clock: MemoryClock, sender: Sender) -> None:
    """A step whose mirror faults until it is given up."""
    Weather.storm, Weather.over = True, SUM
    await sender.ask(AddToCounter(counter=ONE, amount=8))
    await settled(installation, clock)
    Weather.storm = False


def stumble(event: Event, context: InvocationContext) -> Step[Any]:
    """A step that fails."""
    raise ArithmeticError("more patients than chairs")


async def settled(installation: InProcess, clock: MemoryClock | None = None) -> None:
    """Everything that was caused is done, or parked; time passes meanwhile where there is a clock to be moved."""

    def idle() -> bool:
        if clock is not None:
            clock.advance(1.0)
        return not installation.engine.reactions.running

    await until(idle)


def waiting(installation: InProcess) -> int:
    """How many letters wait in `house`."""
    return installation.engine.indexes.dead_letters(HOUSE).waiting


def ids(installation: InProcess) -> list[DeadLetterId]:
    """The letters that were ever parked, oldest first."""
    found = dict.fromkeys(body(event)["deadLetter"] for event in letters(installation.storage))
    return [DeadLetterId(Identifier(each)) for each in found]


def letters(storage: Storage) -> list[Any]:
    """Each time that something was parked."""
    return [event for event in happened(storage) if event.type == "letter-parked"]


def types(storage: Storage) -> list[str]:
    """What became of dead letters."""
    return [event.type for event in happened(storage)]


def happened(storage: Storage) -> list[Any]:
    """The events of all dead letters."""
    return [event for entry in entries(storage) if entry.entity_type == "dead_letter" for event in entry.events]


def steps(storage: Storage, counter: Identifier) -> list[int]:
    """The steps of a counter, by the test's own reading."""
    return [
        body(event)["amount"]
        for entry in entries(storage, counter)
        for event in entry.events
        if event.type == "counter-raised"
    ]


def body(event: Any) -> dict[str, Any]:
    """An event's fields."""
    return decoder(dict[str, Any]).decode(event.body)
