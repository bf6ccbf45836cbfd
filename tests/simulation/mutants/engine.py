"""Bugs of the engine: keys, states that run ahead, memory, reactions."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from osteon.engine.batches import Batches, Pending
from osteon.engine.indexes import Indexes
from osteon.engine.issuing import Issuing
from osteon.engine.memory import Entity, Memory
from osteon.engine.processor import Processor
from osteon.engine.reactions import ReactionRunner
from osteon.engine.snapshots import Loaded, Loader
from osteon.model import replace
from osteon.ports.inbox import Delivery
from tests.simulation.mutants.planting import Mutant, Patch

__all__ = ["ENGINE"]

_undo: Any = vars(Batches)["_undo"]
_answer: Any = vars(Batches)["_answer"]
_at_hand: Any = vars(Processor)["_at_hand"]
_answer_again: Any = vars(Processor)["_answer_again"]
_delivery: Any = vars(Issuing)["_delivery"]
_trim: Any = vars(Memory)["trim"]
_from: Any = vars(Loader)["_from"]


def _keep_state(self: Any, pendings: Sequence[Pending]) -> None:
    """Undoes a batch, and leaves the entities as they ran ahead."""
    states = [(pending.entity, pending.entity.state) for pending in pendings]
    _undo(self, pendings)
    for entity, state in states:
        entity.state = state


def _keep_verdicts(self: Any, pendings: Sequence[Pending]) -> None:
    """Undoes a batch, and still takes its keys for decided."""
    verdicts = [(pending.memory, pending.verdict_key, pending.known) for pending in pendings]
    _undo(self, pendings)
    for memory, key, known in verdicts:
        memory.verdicts[key] = known


def _keep_queue(self: Any, pendings: Sequence[Pending]) -> None:
    """Undoes the batch alone: what was decided behind it is recorded with the next."""
    left = list(self._open)
    _undo(self, [pending for pending in pendings if pending not in left])
    self._open = left
    # The caller empties the queue; it is filled again behind its back.
    for pending in left:
        self._extra.append(pending.draft)


def _decide_twice(self: Any, known: Any, delivery: Delivery) -> None:
    """A duplicate of what is on its way to the journal is decided for itself."""
    if known.reply is not None:
        _answer_again(self, known, delivery)
        return
    name = f"{self._kinds[type(delivery.command)].entity}/{delivery.entity}"
    tenant = self._tenants[delivery.context.tenant]
    verdict_key = f"{delivery.entity}/{delivery.key}"
    del tenant.verdicts[verdict_key]
    self._decide(tenant, self._kinds[type(delivery.command)], tenant.entities[name], delivery)


async def _recall_nothing(self: Any, tenant: Any, delivery: Delivery) -> None:
    """Only what is in memory was ever decided."""


def _know_everything(self: Any, tenant: Any, name: str, delivery: Delivery) -> Entity | None:
    """A key that is not in memory is new."""
    found: Entity | None = tenant.entities.get(name) or _at_hand(self, tenant, name, delivery)
    return found


def _forget_early(self: Any, steps: int) -> None:
    """Lets go of what is not yet in history."""
    drained, self.drained = self.drained, lambda: 1 << 60
    _trim(self, steps)
    self.drained = drained


def _answer_fault_for_ever(self: Any, pending: Pending, number: int) -> None:
    """A fault stands as a verdict does."""
    verdicts = dict(pending.memory.verdicts)
    _answer(self, pending, number)
    pending.memory.verdicts[pending.verdict_key] = verdicts[pending.verdict_key]


def _move_at_once(self: Any, batch: int) -> None:
    """Takes for done what has only been sent."""
    self._place = max(self._place, batch)


def _another_key(self: Any, *told: Any) -> Delivery:
    """The key of what a reaction asks is another one each time."""
    delivery: Delivery = _delivery(self, *told)
    if not delivery.key.startswith("count-big-steps/"):
        return delivery
    cause = delivery.key.rpartition("/")[2]
    return replace(delivery, key=f"count-big-steps/{self._identifiers.next()}/{cause}")


async def _load_the_snapshot_alone(self: Any, past: Any, tenant: Any, *of: Any) -> AsyncIterator[Any]:
    """What came behind a snapshot is passed over."""
    if past.place is not None:
        yield Loaded(past.state, 0)
        return
    async for loaded in _from(self, past, tenant, *of):
        yield loaded


def _resume_nothing(self: Any, journal: Any) -> None:
    """What was under way when the process ended is not given again."""


def _follow_nothing(self: Any, batch: int, committed: Any) -> None:
    """Indexes are as they were at start."""


ENGINE = (
    Mutant(
        "state-kept-after-a-failed-batch",
        ("order", "index", "no-fault", "view", "sagas"),
        100,
        [Patch(Batches, "_undo", _keep_state)],
    ),
    Mutant("verdict-kept-after-a-failed-batch", ("finishes",), 300, [Patch(Batches, "_undo", _keep_verdicts)]),
    Mutant(
        "queue-kept-after-a-failed-batch",
        ("journal", "whole", "no-fault", "exactly-once", "order", "view", "finishes", "index"),
        300,
        [Patch(Batches, "_undo", _keep_queue)],
    ),
    Mutant(
        "duplicate-decided-twice",
        ("exactly-once", "same-verdict", "no-fault"),
        60,
        [Patch(Processor, "_answer_again", _decide_twice)],
    ),
    Mutant(
        "verdict-not-recalled", ("same-verdict", "exactly-once"), 10, [Patch(Processor, "_recall", _recall_nothing)]
    ),
    Mutant(
        "key-taken-for-new",
        ("same-verdict", "exactly-once", "whole"),
        60,
        [Patch(Processor, "_at_hand", _know_everything)],
    ),
    Mutant(
        "forgotten-before-filed",
        ("same-verdict", "exactly-once", "order", "index", "view", "no-fault", "whole", "finishes"),
        60,
        [Patch(Memory, "trim", _forget_early)],
    ),
    Mutant("fault-final", ("finishes",), 150, [Patch(Batches, "_answer", _answer_fault_for_ever)]),
    Mutant("reaction-lost", ("reactions", "sagas", "finishes"), 900, [Patch(ReactionRunner, "_move", _move_at_once)]),
    Mutant(
        "reaction-not-resumed",
        ("reactions", "sagas", "finishes"),
        150,
        [Patch(ReactionRunner, "resume", _resume_nothing)],
    ),
    Mutant("reaction-doubled", ("reactions",), 60, [Patch(Issuing, "_delivery", _another_key)]),
    Mutant(
        "snapshot-taken-for-the-whole",
        ("order", "index", "view", "no-fault"),
        300,
        [Patch(Loader, "_from", _load_the_snapshot_alone)],
    ),
    Mutant("index-left-behind", ("index",), 3, [Patch(Indexes, "follow", _follow_nothing)]),
)
