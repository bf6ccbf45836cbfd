"""Commands whose entity, or whose key, is not in memory: they wait for it, those for one entity in their order."""

from collections import deque

from osteon.model import TenantId
from osteon.ports.inbox import Delivery

__all__ = ["Cold", "Place"]

Place = tuple[TenantId, str]
"""A tenant, and the name of an entity in its memory."""


class Cold:
    """The queues of the entities that are being loaded, and how many wait in them.

    Attributes:
        total: How many commands wait in all.
    """

    def __init__(self) -> None:
        """Nothing waits."""
        self.total = 0
        self._queues: dict[Place, deque[Delivery]] = {}
        self._tenants: dict[TenantId, int] = {}

    def of(self, tenant: TenantId) -> int:
        """How many commands of a tenant wait."""
        return self._tenants.get(tenant, 0)

    def has(self, place: Place) -> bool:
        """Whether commands wait for an entity, or it is only now that the last one is decided."""
        return place in self._queues

    def add(self, place: Place, delivery: Delivery) -> bool:
        """Has a command wait; whether it is the first one for its entity."""
        self.total += 1
        self._tenants[place[0]] = self.of(place[0]) + 1
        queue = self._queues.get(place)
        if queue is not None:
            queue.append(delivery)
            return False
        self._queues[place] = deque([delivery])
        return True

    def first(self, place: Place) -> Delivery | None:
        """The command that is next."""
        queue = self._queues[place]
        return queue[0] if queue else None

    def pop(self, place: Place) -> Delivery:
        """Takes the command that is next: it waits no more."""
        delivery = self._queues[place].popleft()
        self.total -= 1
        left = self._tenants[place[0]] - 1
        if left:
            self._tenants[place[0]] = left
        else:
            del self._tenants[place[0]]
        return delivery

    def end(self, place: Place) -> list[Delivery]:
        """No command waits for the entity any more; those that still did."""
        left = [self.pop(place) for _ in range(len(self._queues[place]))]
        del self._queues[place]
        return left
