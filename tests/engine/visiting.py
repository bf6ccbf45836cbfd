"""A product with a saga that shows all that an engine can do wrong with one: a visit to a doctor.

Somebody arrives and asks for a room, which may be refused; is reminded every hour until the doctor comes; and leaves.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NewType

from osteon.context import InvocationContext
from osteon.domain import (
    CONTRIBUTOR,
    Ask,
    Decider,
    Decision,
    Module,
    Product,
    Refusal,
    Saga,
    Step,
    Woken,
    accept,
    reject,
)
from osteon.messages import Command, Event
from osteon.model import Identifier, Value, named, replace
from osteon.modules import PLATFORM

__all__ = [
    "PATIENCE",
    "ROOM",
    "DismissPatient",
    "EnterRoom",
    "PatientId",
    "ReceivePatient",
    "VisitState",
    "a_patient",
    "product",
    "visit",
]

PatientId = NewType("PatientId", Identifier)
RoomId = NewType("RoomId", Identifier)
PATIENCE = timedelta(hours=1)
ROOM = RoomId(named("", "the room"))


def a_patient(name: object) -> PatientId:
    """The patient of that name."""
    return PatientId(named("", str(name)))


class ReceivePatient(Command[PatientId]):
    """Receive a patient."""

    patient: PatientId


class DismissPatient(Command[None]):
    """A patient leaves."""

    patient: PatientId


class RemindPatient(Command[None], internal=True):
    """Tell a patient that it takes longer."""

    patient: PatientId
    number: int


class PatientArrived(Event):
    """A patient is there."""

    patient: PatientId


class PatientReminded(Event):
    """A patient was told that it takes longer."""

    patient: PatientId
    number: int


class PatientLeft(Event):
    """A patient is gone."""

    patient: PatientId


class Patient(Value):
    """What is known of a patient."""

    patient: PatientId
    reminded: int = 0
    gone: bool = False


def receive(command: ReceivePatient, context: InvocationContext) -> Decision:
    """Everybody is received."""
    return accept(PatientArrived(patient=command.patient), answer=command.patient)


def attend(command: DismissPatient | RemindPatient, patient: Patient, context: InvocationContext) -> Decision:
    """Who is gone is not reminded."""
    match command:
        case DismissPatient() if patient.gone:
            return accept()
        case DismissPatient():
            return accept(PatientLeft(patient=command.patient))
        case RemindPatient() if patient.gone:
            return reject("surgery.gone")
        case RemindPatient():
            return accept(PatientReminded(patient=command.patient, number=command.number))


def arrived(event: PatientArrived) -> Patient:
    """A patient as one arrives."""
    return Patient(patient=event.patient)


def changed(event: PatientReminded | PatientLeft, patient: Patient) -> Patient:
    """A patient after one more event."""
    match event:
        case PatientReminded():
            return replace(patient, reminded=patient.reminded + 1)
        case PatientLeft():
            return replace(patient, gone=True)


class EnterRoom(Command[None], internal=True):
    """Take the room, if nobody is in it; whether there was one ever or not."""

    room: RoomId
    patient: PatientId


class LeaveRoom(Command[None], internal=True):
    """DismissPatient the room."""

    room: RoomId
    patient: PatientId


class RoomEntered(Event):
    """Somebody is in the room."""

    room: RoomId
    patient: PatientId


class RoomLeft(Event):
    """Nobody is in the room."""

    room: RoomId
    patient: PatientId


class Room(Value):
    """Who is in the room."""

    patient: PatientId | None


def open_room(command: EnterRoom, context: InvocationContext) -> Decision:
    """The first one finds it empty."""
    return accept(RoomEntered(room=command.room, patient=command.patient))


def use_room(command: EnterRoom | LeaveRoom, room: Room, context: InvocationContext) -> Decision:
    """One at a time."""
    match command:
        case EnterRoom() if room.patient in (None, command.patient):
            return accept(RoomEntered(room=command.room, patient=command.patient))
        case EnterRoom():
            return reject("surgery.occupied")
        case LeaveRoom() if room.patient == command.patient:
            return accept(RoomLeft(room=command.room, patient=command.patient))
        case LeaveRoom():
            return accept()


def opened(event: RoomEntered) -> Room:
    """Somebody is in it."""
    return Room(patient=event.patient)


def used(event: RoomEntered | RoomLeft, room: Room) -> Room:
    """Somebody is in it, or nobody."""
    return Room(patient=event.patient if isinstance(event, RoomEntered) else None)


class VisitState(Value):
    """Where a visit stands."""

    patient: PatientId
    since: datetime
    inside: bool = False
    refused: int = 0
    woken: int = 0


def begin(event: PatientArrived, context: InvocationContext) -> Step[VisitState]:
    """Who arrives wants a room."""
    return Step(state=VisitState(patient=event.patient, since=context.at), asks=(entering(event.patient),))


def proceed(
    event: RoomEntered | PatientLeft | Woken | Refusal, state: VisitState, context: InvocationContext
) -> Step[VisitState]:
    """Whoever is not let in is told so every hour, and tries again; who leaves, leaves the room."""
    match event:
        case RoomEntered():
            return Step(state=replace(state, inside=True), settled=True)
        case PatientLeft():
            leaving = Ask(command=LeaveRoom(room=ROOM, patient=state.patient))
            return Step(state=replace(state, inside=True), asks=(leaving,), settled=True)
        case Refusal():
            return Step(state=replace(state, refused=state.refused + 1))
        case Woken():
            woken = state.woken + 1
            reminding = Ask(command=RemindPatient(patient=state.patient, number=woken))
            return Step(state=replace(state, since=event.at, woken=woken), asks=(reminding, entering(state.patient)))


def due(state: VisitState) -> datetime | None:
    """An hour after the last word, as long as one waits outside."""
    return None if state.inside else state.since + PATIENCE


def entering(patient: PatientId) -> Ask:
    """Asks for the room."""
    return Ask(command=EnterRoom(room=ROOM, patient=patient))


patient = Decider("patient", create=receive, decide=attend, begin=arrived, evolve=changed)
room = Decider("room", create=open_room, decide=use_room, begin=opened, evolve=used)
visit = Saga("visit", about="patient", begin=begin, proceed=proceed, due=due)

surgery = Module("surgery", parts=[patient, room, visit], grants={CONTRIBUTOR: [ReceivePatient, DismissPatient]})
modules: Sequence[Module] = [*PLATFORM, surgery]
product = Product("surgery", modules)
