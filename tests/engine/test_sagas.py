"""Sagas: told of everything in order, what they ask is done once, and no time is slept through, whatever stops in between."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osteon.adapters.memory.clock import MemoryClock
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.context import InvocationContext
from osteon.domain import Step
from osteon.messages import Entry, Event
from osteon.model import Identifier, decoder
from tests.engine.sending import HeldUp, Sender, entries, until
from tests.engine.visiting import (
    PATIENCE,
    ROOM,
    DismissPatient,
    PatientId,
    ReceivePatient,
    VisitState,
    a_patient,
    product,
    visit,
)

pytestmark = pytest.mark.anyio

ANN, BOB, CAT = a_patient("Ann"), a_patient("Bob"), a_patient("Cat")
HOUR = PATIENCE.total_seconds()


async def test_asks_what_its_first_step_says() -> None:
    async with in_process(product) as installation:
        await Sender(installation.engine).ask(ReceivePatient(patient=ANN))
        await settled(installation)
        assert types(visits(installation.storage, ANN)) == ["begin-visit", "advance-visit"]
        assert happened(installation.storage, ROOM) == [("room-entered", ANN)]
        assert state(installation.storage, ANN)["inside"] is True


async def test_hears_what_was_refused() -> None:
    async with in_process(product) as installation:
        await received(installation, ANN, BOB)
        assert happened(installation.storage, ROOM) == [("room-entered", ANN)]
        assert state(installation.storage, BOB) | {"since": None} == {
            "patient": BOB,
            "since": None,
            "inside": False,
            "refused": 1,
            "woken": 0,
        }


async def test_wakes_when_it_is_due() -> None:
    clock = MemoryClock()
    async with in_process(product, clock=clock) as installation:
        await received(installation, ANN, BOB)
        await passing(installation, clock, HOUR - 2)
        assert state(installation.storage, BOB)["woken"] == 0
        await passing(installation, clock, 3)
        assert state(installation.storage, BOB)["woken"] == 1
        assert reminded(installation.storage, BOB) == [1]
        await passing(installation, clock, HOUR)
        assert reminded(installation.storage, BOB) == [1, 2]


async def test_wakes_after_a_start_for_what_was_due_meanwhile() -> None:
    storage, clock = Storage(), MemoryClock()
    async with in_process(product, storage=storage, clock=clock) as installation:
        await received(installation, ANN, BOB)
    clock.advance(HOUR + 1)
    async with in_process(product, storage=storage, clock=clock) as installation:
        await passing(installation, clock, 1)
        assert reminded(storage, BOB) == [1]


async def test_sleeps_once_nothing_is_due_any_more() -> None:
    clock = MemoryClock()
    async with in_process(product, clock=clock) as installation:
        await received(installation, ANN, BOB)
        assert installation.engine.timers.waiting == 1
        await Sender(installation.engine).ask(DismissPatient(patient=ANN))
        await settled(installation)
        await passing(installation, clock, HOUR + 1)
        assert happened(installation.storage, ROOM)[-1] == ("room-entered", BOB)
        assert installation.engine.timers.waiting == 0


async def test_a_step_that_fails_spares_the_other_sagas(monkeypatch: pytest.MonkeyPatch) -> None:
    async with in_process(product) as installation:
        monkeypatch.setattr(visit, "begin", stumble)
        await Sender(installation.engine).ask(ReceivePatient(patient=ANN))
        await until(lambda: len(visits(installation.storage, ANN)) > 0)
        monkeypatch.undo()
        await received(installation, BOB)
        assert {entry.verdict for entry in visits(installation.storage, ANN)} >= {"faulted"}
        assert happened(installation.storage, ROOM)[0] in [("room-entered", BOB), ("room-entered", ANN)]


def stumble(event: Event, context: InvocationContext) -> Step[VisitState]:
    """A step that fails."""
    raise ArithmeticError("more patients than chairs")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 8), max_size=6), st.integers(0, 3))
def test_goes_on_once_wherever_the_process_stops(stops: list[int], seed: int) -> None:
    async def run() -> None:
        storage = Storage()
        async with in_process(product, storage=storage):
            pass
        for stop in [*stops, None]:
            await work(storage, stop, seed)
        (inside,) = {patient for type, patient in happened(storage, ROOM) if type == "room-entered"}
        for patient in (ANN, BOB, CAT):
            told = visits(storage, patient)
            assert [entry.verdict for entry in told] == ["accepted"] * 2
            assert state(storage, patient)["inside"] is (patient == inside)
        assert [type for type, _ in happened(storage, ROOM)] == ["room-entered"]

    asyncio.run(run())


async def work(storage: Storage, stop: int | None, seed: int) -> None:
    """A process that receives three patients under the same keys, until `stop` batches are recorded or all is done."""
    journal = HeldUp.on(storage)
    journal.batches_left = stop
    async with in_process(product, storage=storage, journal=journal, seed=seed) as installation:
        sender = Sender(installation.engine)
        flying = [
            sender.send(ReceivePatient(patient=patient), f"01J0000000000000000000000{number}")
            for number, patient in enumerate((ANN, BOB, CAT))
        ]
        done = asyncio.gather(*flying)
        await until(lambda: bool(journal.waiting and not journal.batches_left and stop is not None) or done.done())
        if stop is None:
            await done
            await settled(installation)
        else:
            done.cancel()


async def received(installation: InProcess, *patients: PatientId) -> None:
    """Patients who arrived one after the other."""
    for patient in patients:
        await Sender(installation.engine).ask(ReceivePatient(patient=patient))
        await settled(installation)


async def passing(installation: InProcess, clock: MemoryClock, seconds: float) -> None:
    """Lets time pass, and then a second more for whoever looks once a second."""
    for step in (seconds, 1.0):
        clock.advance(step)
        for _ in range(50):
            await asyncio.sleep(0)
        await settled(installation)


async def settled(installation: InProcess) -> None:
    """Waits until nothing that was caused is without a verdict."""
    await until(lambda: installation.engine.reactions.running == 0)


def visits(storage: Storage, patient: PatientId) -> list[Entry]:
    """The entries of a patient's saga."""
    return [entry for entry in entries(storage, patient) if entry.entity_type == "visit"]


def types(found: list[Entry]) -> list[str]:
    """What was asked."""
    return [entry.command.type for entry in found]


def state(storage: Storage, patient: PatientId) -> dict[str, Any]:
    """What the saga of a patient remembers."""
    return dict(decoder(dict[str, Any]).decode(visits(storage, patient)[-1].events[-1].body)["state"])


def happened(storage: Storage, entity: Identifier) -> list[tuple[str, str]]:
    """What happened to a room, and to whom."""
    return [
        (event.type, decoder(dict[str, Any]).decode(event.body)["patient"])
        for entry in entries(storage, entity)
        for event in entry.events
    ]


def reminded(storage: Storage, patient: PatientId) -> list[int]:
    """The numbers under which a patient was reminded."""
    return [
        decoder(dict[str, Any]).decode(event.body)["number"]
        for entry in entries(storage, patient)
        for event in entry.events
        if event.type == "patient-reminded"
    ]
