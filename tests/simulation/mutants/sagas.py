"""Bugs of sagas and timers: what is told twice, lost, too early or never."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from osteon.domain import Dues
from osteon.engine.handlers import SagaHandler
from osteon.engine.issuing import Issuing
from osteon.engine.reactions import ReactionRunner
from osteon.model import replace
from osteon.ports.inbox import Delivery
from tests.simulation.mutants.planting import Mutant, Patch

__all__ = ["SAGAS"]

_attempt: Any = vars(SagaHandler)["attempt"]
_delivery: Any = vars(Issuing)["_delivery"]
_until: Any = vars(Dues)["until"]
_put: Any = vars(Dues)["put"]


def _tell_under_another_key(self: Any, *told: Any) -> Delivery:
    """A saga that was told of an event is told of it again after a start."""
    delivery: Delivery = _delivery(self, *told)
    if not delivery.key.startswith("dispatch/step/"):
        return delivery
    cause = delivery.key.rpartition("/")[2]
    return replace(delivery, key=f"dispatch/step/{self._identifiers.next()}/{cause}")


def _ask_under_another_key(self: Any, *told: Any) -> Delivery:
    """What a saga asked is asked again after a start."""
    delivery: Delivery = _delivery(self, *told)
    if not delivery.key.startswith("dispatch/0/"):
        return delivery
    cause = delivery.key.rpartition("/")[2]
    return replace(delivery, key=f"dispatch/{self._identifiers.next()}/{cause}")


async def _leave_it_to_itself(self: Any, errand: Any, mend: Any) -> None:
    """What a saga asks is done with as soon as it is sent."""
    if isinstance(errand.event, self._own):
        self.left = [*getattr(self, "left", ()), asyncio.ensure_future(_attempt(self, errand, mend))]
    else:
        await _attempt(self, errand, mend)


def _wake_early(self: Any, now: datetime) -> Any:
    """Clocks are not what they were."""
    return _until(self, now + timedelta(seconds=2))


def _sleep_through(self: Any, now: datetime) -> Any:
    """What was due while nobody ran is forgotten."""
    if not hasattr(self, "looked"):
        self.looked = True
        self._queue.clear()
    return _until(self, now)


def _wake_for_the_past(self: Any, row: Any) -> None:
    """What was put off is not."""
    _put(self, row.__class__(**{**{name: getattr(row, name) for name in row.__struct_fields__}, "due": None}))


def _resume_reactions_alone(self: Any, journal: Any) -> None:
    """What was told to sagas when the process ended is not told again."""
    own = {event: found for event, found in self._handlers.items() if "parcel" in event.__name__.lower()}
    kept = dict(self._handlers)
    self._handlers = {event: found for event, found in kept.items() if event not in own}
    _resume(self, journal)
    self._handlers = kept


_resume: Any = vars(ReactionRunner)["resume"]

SAGAS = (
    Mutant("saga-told-twice", ("sagas",), 100, [Patch(Issuing, "_delivery", _tell_under_another_key)]),
    Mutant("saga-asks-twice", ("sagas",), 100, [Patch(Issuing, "_delivery", _ask_under_another_key)]),
    Mutant("saga-not-resumed", ("sagas", "finishes"), 150, [Patch(ReactionRunner, "resume", _resume_reactions_alone)]),
    Mutant("saga-asks-and-forgets", ("sagas", "finishes"), 600, [Patch(SagaHandler, "attempt", _leave_it_to_itself)]),
    Mutant("timer-early", ("timers",), 20, [Patch(Dues, "until", _wake_early)]),
    Mutant("timer-slept-through", ("finishes",), 100, [Patch(Dues, "until", _sleep_through)]),
    Mutant("timer-not-kept", ("finishes", "sagas"), 20, [Patch(Dues, "put", _wake_for_the_past)]),
)
