"""The drain on the loop of the server."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from osteon.adapters.memory.tape import Tape
from osteon.messages import Record
from osteon.model import TenantId
from osteon.ports.clock import Clock
from osteon.ports.scheduler import Scheduler
from osteon.ports.views import Standing

__all__ = ["MemoryDrain"]

Apply = Callable[[Iterable[tuple[int, Sequence[bytes]]]], int]
_LEISURE = 0.02


class MemoryDrain:
    """Applies what is on a tape a moment later, or as soon as somebody waits.

    What it applies together is shuffled across partitions, each in its own order: there is no order between two of
    them, and nobody is to lean on one.

    Attributes:
        wanted: The entities of which a snapshot is still to be made.
    """

    def __init__(
        self,
        tape: Tape,
        apply: Apply,
        clock: Clock,
        scheduler: Scheduler,
        seed: int | str = 0,
        standing: Callable[[TenantId, str], Standing | None] = lambda tenant, view: None,
        keep_state: Callable[[TenantId, str, str], None] = lambda tenant, entity_type, entity: None,
    ) -> None:
        """Applies what is on `tape` already.

        Args:
            tape: Where the journal's batches are.
            apply: Files batches, such as `Projection.apply`.
            clock: Tells when the moment is over.
            scheduler: Runs the turns.
            seed: Of the shuffle.
            standing: Tells where a view stands, such as `Projection.standing`.
            keep_state: Makes a snapshot of an entity, once what it has is applied.
        """
        self._tape = tape
        self._apply = apply
        self._clock = clock
        self._scheduler = scheduler
        self._standing = standing
        self._keep_state = keep_state
        self.wanted: list[tuple[TenantId, str, str]] = []
        self._random = random.Random(seed)  # noqa: S311  # a shuffle that can be repeated
        self._durable = tape.last
        self._turn: asyncio.Task[None] | None = None
        self._advanced = asyncio.Event()
        self.drained = 0
        self._catch_up()

    def advance(self, batch: int) -> None:
        self._durable = max(self._durable, batch)
        # Whoever waits goes on now; everything else has its turn a moment later.
        self._advanced.set()
        self._advanced.clear()
        if self._turn is None or self._turn.done():
            self._turn = self._scheduler.spawn(self._take_turn(), "drain")

    async def reached(self, batch: int, within: float) -> bool:
        self._catch_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.drained < batch:
                    await self._advanced.wait()
                    self._catch_up()
        return self.drained >= batch

    def standing(self, tenant: TenantId, view: str) -> Standing | None:
        return self._standing(tenant, view)

    def keep_state(self, tenant: TenantId, entity_type: str, entity: str) -> None:
        self.wanted.append((tenant, entity_type, entity))

    async def _take_turn(self) -> None:
        await self._clock.sleep(_LEISURE)
        self._catch_up()
        while self.wanted:
            self._keep_state(*self.wanted.pop(0))

    def _catch_up(self) -> None:
        if self.drained < self._durable:
            batches = self._tape.since(self.drained, self._durable)
            self._apply([(self._durable, self._shuffled(chain.from_iterable(records for _, records in batches)))])
            self.drained = self._durable

    def _shuffled(self, records: Iterable[bytes]) -> list[bytes]:
        """The records in a random order that keeps the order within each chain."""
        chains: dict[tuple[int, str, int], deque[bytes]] = {}
        turns: list[deque[bytes]] = []
        for stored in records:
            record = Record.of(stored)
            own = chains.setdefault((record.kind, record.tenant, record.position.partition), deque())
            own.append(stored)
            turns.append(own)
        self._random.shuffle(turns)
        return [own.popleft() for own in turns]
