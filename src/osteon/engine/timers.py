"""Timers: wakes the sagas whose time has come.

When a saga wants to be woken stands in its last event, and is kept in memory by an index of its view. So there is no list of timers
that could be lost: what a start reads from the views is all there is.
"""

from collections.abc import Iterator, Sequence

from osteon.domain import Dues
from osteon.engine.handlers import SagaHandler
from osteon.engine.indexes import Indexes
from osteon.engine.strands import Strands
from osteon.model import Identifier, TenantId
from osteon.ports.clock import Clock

__all__ = ["Timers"]


class Timers:
    """Knows which sagas of the opened tenants are due."""

    def __init__(self, sagas: Sequence[SagaHandler], indexes: Indexes, strands: Strands, clock: Clock) -> None:
        """Puts it together."""
        self._sagas = sagas
        self._indexes = indexes
        self._strands = strands
        self._clock = clock

    @property
    def waiting(self) -> int:
        """How many sagas want to be woken one day."""
        return sum(len(dues) for *_, dues in self._all_dues())

    def wake(self) -> None:
        """Wakes whatever is due now."""
        now = self._clock.now()
        for tenant, saga, dues in self._all_dues():
            for about, due in dues.until(now):
                # Once there is a verdict, the saga has said anew when it is due, if ever.
                self._strands.add(saga.waking(tenant, Identifier(about), due, now))

    def _all_dues(self) -> Iterator[tuple[TenantId, SagaHandler, Dues]]:
        for tenant in self._indexes.opened():
            for saga in self._sagas:
                dues = self._indexes.kept(tenant, saga.view)
                assert isinstance(dues, Dues)
                yield tenant, saga, dues
