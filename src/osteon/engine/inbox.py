"""The inbox of one process: straight to the processor while it has room, else a queue for each tenant, and tenants take turns."""

from collections import deque
from collections.abc import Callable

from osteon.engine.batches import Batches
from osteon.engine.cold import Cold
from osteon.model import Refused, TenantId
from osteon.ports.inbox import Delivery

__all__ = ["FairInbox"]


class FairInbox:
    """Holds deliveries back while a batch is full; a noisy tenant costs the others no more than its turn."""

    def __init__(
        self,
        take: Callable[[Delivery], None],
        batches: Batches,
        share: int = 2_000,
        whole: int = 10_000,
        cold: Cold | None = None,
    ) -> None:
        """Makes an empty inbox.

        Args:
            take: The processor's; given what has its turn.
            batches: Tells whether there is room.
            share: How many commands of one tenant may wait.
            whole: How many of all tenants may wait.
            cold: The processor's; what waits there for its entity counts, too.
        """
        self._take = take
        self._batches = batches
        self._cold = cold or Cold()
        self._share = share
        self._whole = whole
        self._waiting: dict[TenantId, deque[Delivery]] = {}
        self._count = 0
        batches.when_room(self.pump)

    @property
    def waiting(self) -> int:
        """How many commands wait for their turn."""
        return self._count

    def longest(self, count: int) -> list[tuple[TenantId, int]]:
        """The tenants of which most commands wait, so many at most, each with how many do."""
        waiting = ((tenant, len(queue)) for tenant, queue in self._waiting.items())
        return sorted(waiting, key=lambda each: -each[1])[:count]

    def put(self, delivery: Delivery) -> None:
        """See `Inbox.put`."""
        has_room = not self._count and self._batches.ready
        if not has_room or self._cold.total:
            self._check(delivery.context.tenant)
        if has_room:
            self._take(delivery)
        else:
            self._waiting.setdefault(delivery.context.tenant, deque()).append(delivery)
            self._count += 1

    def pump(self) -> None:
        """Gives the processor what it has room for: one command of each tenant in turn."""
        while self._count and self._batches.ready:
            tenant, queue = next(iter(self._waiting.items()))
            del self._waiting[tenant]
            delivery = queue.popleft()
            if queue:
                self._waiting[tenant] = queue
            self._count -= 1
            self._take(delivery)

    def _check(self, tenant: TenantId) -> None:
        """Refuses what does not fit: a tenant's own doing apart from everybody's."""
        if self._count + self._cold.total >= self._whole:
            raise Refused("busy", retryable=True)
        if len(self._waiting.get(tenant, ())) + self._cold.of(tenant) >= self._share:
            raise Refused("too-many-requests", retryable=True)
