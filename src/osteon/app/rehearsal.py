"""Rehearsing: this checkout's deciders over recorded commands, to see what they would decide otherwise. Nothing is written.

Each command is judged as it was then: its entity's state is folded from the recorded events, whatever this checkout would
have made of the commands before it; the context is the recorded one, and so is the time in it.
"""

import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec

from osteon.app.inspection import Chain, Inspection
from osteon.domain import Accepted, Product, Rejected
from osteon.engine.deciding import CommandKind, command_kind, judge
from osteon.messages import ENTRY, Entry, MessageType, Verdict
from osteon.model import OsteonError, Problem, TenantId, answer_json, decoder, record_json

__all__ = ["Difference", "Left", "Outcome", "Rehearsal", "Selection", "Tally", "same_json"]

ENTRIES = decoder(Entry)
EVERY = 500
NOTHING = b"null"
GAP = "an entry of its partition cannot be read"

Reason = Literal["unknown-command", "unreadable-command", "unreadable-past", "unreadable-entry"]


class Outcome(NamedTuple):
    """What becomes of a command: as it was recorded, or as this checkout has it.

    Attributes:
        verdict: Accepted, rejected, or faulted where the decider raises.
        problem: Why it is rejected.
        answer: What it is answered, as JSON.
        events: What happens, each with its wire name and its fields as JSON.
        error: What was raised, and where; known of this checkout only.
    """

    verdict: Verdict
    problem: Problem | None = None
    answer: bytes = NOTHING
    events: tuple[tuple[str, bytes], ...] = ()
    error: str | None = None


class Difference(NamedTuple):
    """A command of which something else becomes now; `mended` where it was faulted then and is decided now."""

    entry: Entry
    then: Outcome
    now: Outcome

    @property
    def mended(self) -> bool:
        """Whether it is good news."""
        return self.then.verdict == "faulted"


@dataclass
class Tally:
    """How it went with the commands of one type; `left` were not rehearsed."""

    same: int = 0
    differ: int = 0
    mended: int = 0
    left: int = 0


class Left(NamedTuple):
    """Why commands were not rehearsed.

    Attributes:
        reason: The command's type is unknown; it cannot be read; an event before it is unknown, cannot be read or folded;
            its whole entry cannot be read.
        type: The type of the commands; None for an entry that cannot be read.
        because: What stands in the way, as a sentence's end.
    """

    reason: Reason
    type: str | None
    because: str


class Selection(NamedTuple):
    """Which commands are rehearsed: those asked since then, of that type; of all others only the events count."""

    since: datetime | None = None
    command: str | None = None


class Rehearsal:
    """Goes through journals, and counts.

    Attributes:
        entries: How many entries were read.
        tallies: How it went, by the type of the command.
        left: How many commands were not rehearsed, and why.
    """

    def __init__(
        self,
        inspection: Inspection,
        product: Product,
        selection: Selection | None = None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Rehearses what `inspection` sees.

        Args:
            inspection: The installation's files; a server may be running.
            product: Whose deciders decide.
            selection: What is rehearsed; everything, unless said.
            progress: Told now and then how many entries were read.
        """
        self._inspection = inspection
        self._selection = selection or Selection()
        self._progress = progress
        self._rules = _Rules(product)
        self.entries = 0
        self.tallies: dict[str, Tally] = {}
        self.left: Counter[Left] = Counter()

    async def differences(self, tenants: Sequence[TenantId]) -> AsyncIterator[Difference]:
        """What this checkout would decide otherwise, tenant by tenant and partition by partition, each in order."""
        for tenant in tenants:
            for partition in self._inspection.partitions(tenant):
                # An entity lives in one partition, so what is remembered can go with it.
                run = _Run(self._rules, self._selection, self.tallies, self.left)
                async for _, body in self._inspection.bodies(Chain(tenant, ENTRY, partition)):
                    difference = run.step(body)
                    self._count()
                    if difference is not None:
                        yield difference
        self._progress(self.entries)

    def total(self, tenants: Sequence[TenantId]) -> int:
        """How many entries there are to be read."""
        chains = [Chain(each, ENTRY, part) for each in tenants for part in self._inspection.partitions(each)]
        return sum(map(self._inspection.last, chains))

    def _count(self) -> None:
        self.entries += 1
        if self.entries % EVERY == 0:
            self._progress(self.entries)


class _Rules:
    """What a product says of its messages and entities, at hand by their names."""

    def __init__(self, product: Product) -> None:
        self.events = {message.name: message for message in product.catalogue if message.kind == "event"}
        self.names = {message.type: name for name, message in self.events.items()}
        self.deciders = product.entities
        self.commands: dict[str, tuple[MessageType, CommandKind]] = {
            message.name: (message, command_kind(product, message.type))
            for message in product.catalogue
            if message.type in product.deciders
        }


class _Lost(NamedTuple):
    """In place of a state that cannot be told."""

    because: str


class _Run:
    """One partition, entry by entry."""

    def __init__(self, rules: _Rules, selection: Selection, tallies: dict[str, Tally], left: Counter[Left]) -> None:
        self._rules = rules
        self._selection = selection
        self._tallies = tallies
        self._left = left
        self._states: dict[tuple[str, str], Any] = {}
        self._gap = False
        chosen = rules.commands.get(selection.command) if selection.command is not None else None
        self._only = chosen[1].entity if chosen is not None else None

    def step(self, body: bytes | None) -> Difference | None:
        """Judges the next entry's command, if it is wanted, and takes its events in."""
        try:
            entry = ENTRIES.decode(body) if body is not None else None
        except msgspec.MsgspecError:
            entry = None
        if entry is None:
            self._lose_all()
            return None
        if self._only not in (None, entry.entity_type):
            return None
        place = (entry.entity_type, entry.entity)
        if self._is_wanted(entry):
            return self._judge(entry, place)
        self._fold(entry, place)
        return None

    def _is_wanted(self, entry: Entry) -> bool:
        since, command = self._selection
        return command in (None, entry.command.type) and (since is None or entry.context.at >= since)

    def _judge(self, entry: Entry, place: tuple[str, str]) -> Difference | None:
        tally = self._tallies.setdefault(entry.command.type, Tally())
        asked = self._asked(entry, place)
        if isinstance(asked, Left):
            tally.left += 1
            self._left[asked] += 1
            self._fold(entry, place)
            return None
        now, after = self._outcome(*asked, entry)
        difference = self._compare(entry, tally, now)
        if difference is not None:
            self._fold(entry, place)
        elif entry.events:
            # The events are those that were recorded: they need not be read again.
            self._states[place] = after
        return difference

    def _asked(self, entry: Entry, place: tuple[str, str]) -> "Left | tuple[CommandKind, Any, Any]":
        """What is known of the command's type, the state before it, and the command; or why it cannot be rehearsed."""
        type = entry.command.type
        found = self._rules.commands.get(type)
        if found is None or found[1].entity != entry.entity_type:
            return Left("unknown-command", type, "no decider takes it")
        message, kind = found
        state = self._states.get(place)
        if state is None and self._gap and not kind.creates:
            return Left("unreadable-past", type, GAP)
        if isinstance(state, _Lost):
            return Left("unreadable-past", type, state.because)
        try:
            return kind, state, message.decoder.decode(entry.command.body)
        except (ValueError, NotImplementedError) as fault:
            return Left("unreadable-command", type, str(fault))

    def _compare(self, entry: Entry, tally: Tally, now: Outcome) -> Difference | None:
        if entry.verdict == now.verdict and _is_same(entry, now):
            tally.same += 1
            return None
        events = tuple((event.type, bytes(event.body)) for event in entry.events)
        difference = Difference(entry, Outcome(entry.verdict, entry.problem, bytes(entry.answer), events), now)
        if difference.mended:
            tally.mended += 1
        else:
            tally.differ += 1
        return difference

    def _outcome(self, kind: CommandKind, state: Any, command: Any, entry: Entry) -> tuple[Outcome, Any]:
        """What the engine would record, and the state behind it: a decision that cannot be folded or recorded is a fault too."""
        try:
            verdict, decision = judge(kind, state, command, entry.context)
            return self._recorded(kind, state, verdict, decision)
        except Exception as fault:  # noqa: BLE001 - a module may raise anything, and that is what is looked for
            return Outcome("faulted", error=_described(fault)), state

    def _recorded(self, kind: CommandKind, state: Any, verdict: Verdict, decision: Any) -> tuple[Outcome, Any]:
        if isinstance(decision, Rejected):
            return Outcome(verdict, decision.problem), state
        if not isinstance(decision, Accepted):
            raise _Undecided(f"'{kind.entity}' decides neither: it gives a '{type(decision).__name__}'.")
        events: list[tuple[str, bytes]] = []
        for event in decision.events:
            state = kind.decider.fold(state, event)
            events.append((self._rules.names[type(event)], record_json(event)))
        answer = NOTHING if decision.answer is None else answer_json(decision.answer)
        return Outcome(verdict, None, answer, tuple(events)), state

    def _fold(self, entry: Entry, place: tuple[str, str]) -> None:
        state = self._states.get(place)
        if isinstance(state, _Lost):
            return
        decider = self._rules.deciders.get(entry.entity_type)
        for event in entry.events:
            known = self._rules.events.get(event.type)
            if decider is None or known is None:
                self._states[place] = _Lost(f"'{event.type}' is unknown")
                return
            if state is None and self._gap and known.type not in decider.beginning:
                self._states[place] = _Lost(GAP)
                return
            try:
                state = decider.fold(state, known.decoder.decode(event.body))
            except Exception as fault:  # noqa: BLE001 - a module may raise anything, and the others go on
                self._states[place] = _Lost(f"'{event.type}' cannot be taken in: {_described(fault)}")
                return
        self._states[place] = state

    def _lose_all(self) -> None:
        """Whose entry that was cannot be told: from here on nothing is known for sure but what begins anew."""
        self._left[Left("unreadable-entry", None, "it is not what was written there")] += 1
        self._gap = True
        self._states = dict.fromkeys(self._states, _Lost(GAP))


class _Undecided(OsteonError):
    """Raised when a decider gives no decision."""


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two texts are the same value; the order of an object's fields does not count."""
    return one == other or msgspec.json.decode(one) == msgspec.json.decode(other)


def _is_same(entry: Entry, now: Outcome) -> bool:
    """Whether the outcome is what an entry with that verdict has recorded."""
    if now.verdict == "faulted":
        return True
    if len(entry.events) != len(now.events):
        return False
    for was, (name, body) in zip(entry.events, now.events, strict=True):
        if was.type != name or not same_json(bytes(was.body), body):
            return False
    if entry.problem != now.problem and not same_json(record_json(entry.problem), record_json(now.problem)):
        return False
    return same_json(bytes(entry.answer), now.answer)


def _described(fault: Exception) -> str:
    """What was raised and where, in a line."""
    frames = traceback.extract_tb(fault.__traceback__)
    where = f" ({frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno})" if frames else ""
    return f"{type(fault).__name__}: {fault}{where}"
