"""The access recorder: who asked what, gathered into one block a tenant and moment, recorded through the journal."""

from datetime import timedelta

import msgspec

from osteon.context import InvocationContext
from osteon.engine.batches import Batches
from osteon.messages import Position
from osteon.model import Problem, TenantId, record_json
from osteon.ports.access_log import Access
from osteon.ports.clock import Clock
from osteon.ports.journal import Draft, Journal

__all__ = ["AccessRecorder"]

_NOTHING = msgspec.Raw(b"null")


class AccessRecorder:
    """Gathers accesses and records a block of each tenant every 100 ms.

    A block rides with the next batch of commands; when none comes within a second it is recorded alone. A crash may lose that
    second of queries, never a command.
    """

    def __init__(
        self, batches: Batches, journal: Journal, clock: Clock, refusals: int = 100, largest: int = 1_000
    ) -> None:
        """Makes a recorder.

        Args:
            batches: Records the blocks with the next one.
            journal: Tells the number of each tenant's last block.
            clock: Tells the time.
            refusals: How many refusals of a tenant are recorded in one block; the rest is counted.
            largest: How many accesses make a block.
        """
        self._batches = batches
        self._journal = journal
        self._clock = clock
        self._refusals = refusals
        self._largest = largest
        self._gathered: dict[TenantId, list[Access]] = {}
        self._refused: dict[TenantId, int] = {}
        self._numbers: dict[TenantId, int] = {}
        self.dropped = 0

    def answered(self, context: InvocationContext, type: str, parameters: bytes, rows: int) -> None:
        """A query was answered."""
        self._gather(Access(context=context, type=type, at=context.at, parameters=msgspec.Raw(parameters), rows=rows))

    def refused(self, context: InvocationContext, type: str, problem: Problem) -> None:
        """An invocation was refused to somebody known."""
        count = self._refused.get(context.tenant, 0)
        if count >= self._refusals:
            self.dropped += 1
            return
        self._refused[context.tenant] = count + 1
        self._gather(Access(context=context, type=type, at=context.at, parameters=_NOTHING, refused=problem.key))

    async def run(self) -> None:
        """Records blocks for ever."""
        alone = timedelta(seconds=1) / timedelta(milliseconds=100)
        waited = 0
        while True:
            await self._clock.sleep(0.1)
            await self.record()
            waited = waited + 1 if waited < alone else 0
            if not waited:
                self._batches.flush_aside()

    async def record(self) -> None:
        """Sets what was gathered aside for the next batch."""
        gathered, self._gathered = self._gathered, {}
        self._refused.clear()
        for tenant, accesses in gathered.items():
            number = self._numbers.get(tenant)
            if number is None:
                number = await self._journal.accesses(tenant)
            for start in range(0, len(accesses), self._largest):
                number += 1
                body = record_json(accesses[start : start + self._largest])
                self._batches.add_aside(Draft("access", tenant, Position(0, number), body))
            self._numbers[tenant] = number

    def _gather(self, access: Access) -> None:
        self._gathered.setdefault(access.context.tenant, []).append(access)
