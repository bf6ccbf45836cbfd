"""The runner of reactions: what has happened is handed to all who follow it, and what they ask is sent, each command once.

Their place is a batch number, recorded at least once a second while it moves: whatever that batch or an earlier one caused is done, or
is parked as a dead letter. After a start what follows the place is given again; the key of a command drops what was done.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from osteon.engine.batches import Batches, Committed
from osteon.engine.handlers import ReactionHandler, SagaHandler
from osteon.engine.processor import Processor
from osteon.engine.strands import Strands
from osteon.messages import Position
from osteon.model import HOUSE
from osteon.ports.clock import Clock
from osteon.ports.dead_letters import DeadLetters, Strand
from osteon.ports.journal import Draft, Journal

__all__ = ["ReactionRunner"]


class ReactionRunner:
    """Follows the journal for all reactions and sagas of a product, and for the dead letters that are to be replayed."""

    def __init__(
        self,
        handlers: Sequence[ReactionHandler | SagaHandler],
        letters: type[DeadLetters],
        strands: Strands,
        processor: Processor,
        batches: Batches,
        clock: Clock,
    ) -> None:
        """Puts a runner together; `letters` names the events after which a strand goes on."""
        self._strands = strands
        self._processor = processor
        self._batches = batches
        self._clock = clock
        self._handlers: dict[type[Any], list[ReactionHandler | SagaHandler]] = {}
        for handler in handlers:
            for event in handler.events:
                self._handlers.setdefault(event, []).append(handler)
        self._resuming = dict.fromkeys(letters.resuming, True)
        self._running: deque[list[int]] = deque()
        self._place = 0
        self._recorded = 0

    @property
    def running(self) -> int:
        """How much of what has happened is not done with yet."""
        return sum(batch[1] for batch in self._running)

    def resume(self, journal: Journal) -> None:
        """Gives again what was recorded behind the place; what was done then is dropped by its key."""
        for batch, drafts in journal.unsettled():
            entries = [draft for draft in drafts if draft.kind == "entry"]
            self.follow(batch, [self._processor.committed(draft) for draft in entries])

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """See `Follower.follow`."""
        running: list[int] | None = None
        for each in committed:
            for number, event in enumerate(each.events):
                kind: type[Any] = event.__class__
                handlers = self._handlers.get(kind, ())
                if not handlers and kind not in self._resuming:
                    continue
                if running is None:
                    # One more than there are, so that it is not done with before all of it was seen.
                    running = [batch, 1]
                    self._running.append(running)
                self._begin(each, number, event, handlers, running)
        if running is not None:
            running[1] -= 1
        if committed:
            self._move(batch)

    async def run(self) -> None:
        """Records the place, once a second while it moves, for ever."""
        while True:
            await self._clock.sleep(1.0)
            if self._place > self._recorded:
                self._recorded = self._place
                body = msgspec.json.encode({"batch": self._place})
                self._batches.add_aside(Draft("place", HOUSE, Position(0, self._place), body))
                self._batches.flush_aside()

    def _begin(
        self,
        committed: Committed,
        number: int,
        event: Any,
        handlers: Sequence[ReactionHandler | SagaHandler],
        running: list[int],
    ) -> None:
        def done() -> None:
            running[1] -= 1
            self._move(running[0])

        if handlers:
            happened = committed.entry.happened(number)
            running[1] += len(handlers)
            for handler in handlers:
                self._strands.add(handler.errand(event, happened, done))
        else:
            running[1] += 1
            strand = Strand(committed.tenant, event.handler, event.about)
            self._strands.resume(strand, event.key, getattr(event, "correction", None), done)

    def _move(self, batch: int) -> None:
        while self._running and not self._running[0][1]:
            self._place = max(self._place, self._running.popleft()[0])
        if not self._running:
            self._place = max(self._place, batch)
