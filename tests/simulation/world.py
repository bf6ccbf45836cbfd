"""The world: time, turns and choices of one schedule. Everything that can differ between two runs is drawn here.

A choice of zero is always the quiet one: no fault, first come first served. So a schedule is told by the choices that are
not zero, and shrinking takes choices away.
"""

import random
from asyncio import events
from collections.abc import Callable, Mapping
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, NamedTuple

__all__ = ["Broken", "Handle", "Killed", "Line", "Process", "Stream", "Tape", "World"]

Tape = Mapping[str, Mapping[int, int]]
"""The choices that are not zero: by stream, by their number in it."""


_CONTEXT = Context()
"""Of what has none of its own: nothing here keeps anything in one."""


class Killed(BaseException):
    """Raised where a simulated process ends: nothing behind it has an effect any more."""


class Broken(NamedTuple):
    """A property that does not hold, and how that shows."""

    property: str
    reason: str


class Line(NamedTuple):
    """A line of the trace; the words are put together only when somebody reads it."""

    time: float
    step: int
    who: str
    words: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.time:12.6f} #{self.step:<5} {self.who:<9} {self.words.format(*self.values)}"


class Stream:
    """Choices of one kind. Another one drawn here moves nothing elsewhere."""

    def __init__(self, seed: str, tape: Mapping[int, int] | None) -> None:
        """Draws by `seed`, or takes what is on the tape and else zero."""
        self._draw = random.Random(seed).random  # noqa: S311  # to be repeated, not to be secret
        self._tape = tape
        self._number = 0
        self.taken: dict[int, int] = {}

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        if count < 2:
            return 0
        number = self._number
        self._number = number + 1
        value = int(self._draw() * count) if self._tape is None else min(self._tape.get(number, 0), count - 1)
        if value:
            self.taken[number] = value
        return value

    def chance(self, permille: int) -> bool:
        """True in so many cases of a thousand."""
        return permille > 0 and self.below(1000) >= 1000 - permille


class Process:
    """A simulated process: what it owns ends with it."""

    def __init__(self, name: str) -> None:
        """Runs until it is killed."""
        self.name = name
        self.dead = False
        self.slowness = 0.0
        self.at_end: list[Callable[[], None]] = []


class Handle:
    """A call that is to be made, as `asyncio.Handle` is."""

    __slots__ = ("_at", "_cancelled", "arguments", "callback", "context", "process")

    def __init__(
        self, process: Process, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context | None
    ) -> None:
        """Belongs to `process`, and is passed over when that is dead."""
        self.process, self.callback, self.arguments = process, callback, arguments
        # An empty one is false.
        self.context = _CONTEXT if context is None else context
        self._cancelled = False
        self._at = 0.0

    def cancel(self) -> None:
        """Is not made any more."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def when(self) -> float:
        """The time at which it is due."""
        return self._at

    def due(self, at: float) -> None:
        """Makes it due at a time."""
        self._at = at

    @property
    def over(self) -> bool:
        """Whether nothing is to be done."""
        return self._cancelled or self.process.dead


class World:
    """One schedule: its time, its turns, its choices, its trace."""

    def __init__(self, seed: int | str, tape: Tape | None = None) -> None:
        """Begins at time zero; everything random comes from `seed`, or from a tape."""
        self.seed = seed
        self._tape = tape
        self._streams: dict[str, Stream] = {}
        self._ready: list[Handle] = []
        self._timers: list[tuple[float, int, Handle]] = []
        self._numbers = 0
        self.time = 0.0
        self.steps = 0
        self.shuffled = False
        self.over = False
        self.current = Process("nobody")
        self.trace: list[Line] = []
        self.broken: list[Broken] = []
        self.hits: dict[str, int] = {}
        self.running: Callable[[Process], None] = lambda process: None

    def stream(self, name: str) -> Stream:
        """The choices of that name."""
        found = self._streams.get(name)
        if found is None:
            tape = None if self._tape is None else self._tape.get(name, {})
            found = self._streams[name] = Stream(f"{self.seed}/{name}", tape)
        return found

    def taken(self) -> dict[str, dict[int, int]]:
        """The choices made so far that were not zero."""
        return {name: stream.taken for name, stream in sorted(self._streams.items()) if stream.taken}

    def number(self) -> int:
        """A number that was not given before."""
        self._numbers += 1
        return self._numbers

    def hit(self, what: str) -> None:
        """Counts that something happened that the faults were for."""
        self.hits[what] = self.hits.get(what, 0) + 1

    def say(self, who: str, words: str, *values: Any) -> None:
        """Adds a line to the trace."""
        if not self.over:
            self.trace.append(Line(self.time, self.steps, who, words, values))

    def breaks(self, rule: str, reason: str) -> None:
        """Notes that a property does not hold."""
        if not self.over:
            self.say("BROKEN", "{}: {}", rule, reason)
            self.broken.append(Broken(rule, reason))

    def kill(self, process: Process) -> None:
        """Ends a process where it is: none of its calls is made any more."""
        if not process.dead:
            process.dead = True
            for end in process.at_end:
                end()

    def soon(self, handle: Handle) -> None:
        """Makes a call as soon as it has its turn."""
        if not self.over:
            self._ready.append(handle)

    def later(self, at: float, handle: Handle) -> None:
        """Makes a call at a time."""
        if not self.over:
            handle.due(at)
            heappush(self._timers, (at, self.number(), handle))

    def run(self, until: Callable[[], bool], within: float, steps: int = 200_000) -> bool:
        """Makes calls until something is so; False when that took too long, or nothing was left to do."""
        last, most = self.time + within, self.steps + steps
        turns = self.stream("turns")
        try:
            while not until():
                self._awaken(last)
                if not self._ready or self.steps >= most:
                    return False
                number = turns.below(len(self._ready)) if self.shuffled else 0
                handle = self._ready.pop(number)
                if not handle.over:
                    self._step(handle)
        finally:
            # Whoever comes next in this thread has a loop of its own.
            events._set_running_loop(None)
        return True

    def _awaken(self, last: float) -> None:
        """Moves time on, but only when nobody has anything to do before."""
        timers, ready = self._timers, self._ready
        while timers and (not ready or timers[0][0] <= self.time) and timers[0][0] <= last:
            at, _, handle = heappop(timers)
            if not handle.over:
                self.time = max(self.time, at)
                ready.append(handle)
        if not ready:
            self.time = max(self.time, last)

    def _step(self, handle: Handle) -> None:
        self.steps += 1
        self.current = handle.process
        self.running(handle.process)
        try:
            handle.context.run(handle.callback, *handle.arguments)
        except Killed:
            pass
        except Exception as fault:  # noqa: BLE001  # whatever it is, it is a finding
            if not handle.process.dead:
                self.breaks("no-fault", f"{handle.process.name}: {type(fault).__name__}: {fault}")
