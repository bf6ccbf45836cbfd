"""The inbox of one process: straight to the processor while it has room, else a queue for each tenant, and tenants take turns."""

from collections import deque
from collections.abc import Callable

from osteon.engine.batches import Batches
from osteon.model import Refused, TenantId
from osteon.ports.inbox import Delivery

__all__ = ["FairInbox"]


class FairInbox:
    """Holds deliveries back while a batch is full; a noisy tenant costs the others no more than its turn."""

    def __init__(
        self, take: Callable[[Delivery], None], batches: Batches, share: int = 2_000, whole: int = 10_000
    ) -> None:
        """Makes an empty inbox.

        Args:
            take: The processor's; given what has its turn.
            batches: Tells whether there is room.
            share: How many commands of one tenant may wait.
            whole: How many of all tenants may wait.
        """
        self._take = take
        self._batches = batches
        self._share = share
        self._whole = whole
        self._waiting: dict[TenantId, deque[Delivery]] = {}
        self._count = 0
        batches.when_room(self.pump)

    @property
    def waiting(self) -> int:
        """How many commands wait for their turn."""
        return self._count

    def put(self, delivery: Delivery) -> None:
        """See `Inbox.put`."""
        if not self._count and self._batches.ready:
            self._take(delivery)
            return
        queue = self._waiting.get(delivery.context.tenant)
        if self._count >= self._whole or (queue is not None and len(queue) >= self._share):
            raise Refused("busy", retryable=True)
        if queue is None:
            queue = self._waiting[delivery.context.tenant] = deque()
        queue.append(delivery)
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
