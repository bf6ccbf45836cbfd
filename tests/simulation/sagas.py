"""What must hold of sagas and of the times for which they wait, as it shows in the entries."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.simulation.raw import RawEntry, RawHistory, RawMessage, RawRecord
from tests.simulation.world import World

__all__ = ["check_saga_rows", "check_sagas"]

SAGA = "dispatch"
FOLLOWED = ("parcel-sent", "parcel-taken", "parcel-closed")
OWN = ("dispatch-begun", "dispatch-advanced")
PARKED = "dead_letter"

Entries = Sequence[tuple[RawRecord, RawEntry]]


def check_sagas(world: World, entries: Entries, filed: Mapping[str, int]) -> None:
    """Looks at every saga of a tenant; `filed` tells where an entry stands among all of them."""
    decided = [(record, entry) for record, entry in entries if entry.verdict != "faulted"]
    parked = b"".join(bytes(entry.answer) + _bodies(entry) for _, entry in decided if entry.entity_type == PARKED)
    told: dict[str, list[RawEntry]] = {}
    for _, entry in decided:
        told.setdefault(entry.key.rpartition("/")[2], []).append(entry)
    for record, event in _events(decided):
        if event.id.encode() in parked:
            world.hit("saga parked")
        elif event.type in FOLLOWED:
            steps = [entry for entry in told.get(event.id, ()) if entry.entity_type == SAGA]
            if len(steps) != 1:
                world.breaks("sagas", f"{event.type} at {record.token} was told {len(steps)} times")
        elif event.type in OWN:
            asked = [entry for entry in told.get(event.id, ()) if entry.entity_type != SAGA]
            if len(asked) != len(event.body.get("asks", ())):
                world.breaks("sagas", f"what was asked at {record.token} was asked {len(asked)} times")
    _check_order(world, decided, filed)
    _check_outcomes(world, decided, parked)
    _check_times(world, decided)


def check_saga_rows(world: World, entries: Entries, history: RawHistory) -> None:
    """Rows of sagas are where their last events left them."""
    if SAGA in history.behind:
        return
    last = {event.body[SAGA]: event.body for _, event in _events(entries) if event.type in OWN}
    folded = {saga: _standing(body) for saga, body in last.items()}
    shown = {saga: _standing(row) for saga, row in history.rows[SAGA].items()}
    if folded != shown:
        world.breaks("view", f"the rows of sagas are {shown}, and the entries filed with them come to {folded}")


def _check_order(world: World, decided: Entries, filed: Mapping[str, int]) -> None:
    """Each saga hears events in the order in which they happened."""
    happened = {event.id: filed[record.token] for record, event in _events(decided) if record.token in filed}
    last: dict[str, int] = {}
    for record, entry in decided:
        cause = entry.key.rpartition("/")[2]
        if entry.entity_type == SAGA and entry.command.body["type"] in FOLLOWED and cause in happened:
            if happened[cause] < last.get(entry.entity, -1):
                world.breaks("sagas", f"{entry.entity} was told at {record.token} of what had happened before")
            last[entry.entity] = happened[cause]


def _check_outcomes(world: World, decided: Entries, parked: bytes) -> None:
    """Every saga ends, or is parked; what it did fits."""
    settled: dict[str, bool] = {}
    taken: Counter[str] = Counter()
    closed: dict[str, list[str]] = {}
    for _, event in _events(decided):
        if event.type in OWN:
            settled[event.body[SAGA]] = event.body.get("settled", False)
        elif event.type == "parcel-sent":
            closed[event.body["parcel"]] = []
        elif event.type == "parcel-taken":
            taken[event.body["parcel"]] += 1
        elif event.type == "parcel-closed":
            closed[event.body["parcel"]].append(event.body["how"])
    for parcel, how in closed.items():
        if parcel.encode() in parked:
            world.hit("saga parked")
            continue
        world.hit("saga " + "/".join(how))
        if not settled.get(parcel):
            world.breaks("sagas", f"{parcel} has not come to its end")
        if len(how) != 1 or taken[parcel] > (how[0] != "returned") or (how[0] == "taken" and not taken[parcel]):
            world.breaks("sagas", f"{parcel} was taken {taken[parcel]} times, and is closed as {how}")


def _check_times(world: World, decided: Entries) -> None:
    """A saga is woken for what was due, once and not before."""
    dues: set[tuple[str, str]] = set()
    woken: set[tuple[str, str]] = set()
    for record, entry in decided:
        if entry.entity_type == SAGA and entry.command.body["type"] == "woken":
            world.hit("timer")
            time = (entry.entity, entry.command.body["body"]["at"])
            if time not in dues:
                world.breaks("timers", f"{entry.entity} was woken at {record.token} for what was not due")
            if time in woken:
                world.breaks("timers", f"{entry.entity} was woken twice for {time[1]}")
            if _time(entry.context["at"]) < _time(time[1]):
                world.breaks("timers", f"{entry.entity} was woken at {entry.context['at']}, before {time[1]}")
            woken.add(time)
        dues.update((entry.entity, event.body["due"]) for event in entry.events if event.body.get("due"))


def _events(entries: Entries) -> Iterable[tuple[RawRecord, RawMessage]]:
    for record, entry in entries:
        for event in entry.events:
            yield record, event


def _bodies(entry: RawEntry) -> bytes:
    return repr((entry.command.body, [event.body for event in entry.events])).encode()


def _standing(body: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(body.get(name, default) for name, default in (("settled", False), ("heard", ""), ("due", None)))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
