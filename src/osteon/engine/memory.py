"""What the processor keeps in memory of a tenant: states of entities, recorded verdicts, and how far each partition is.

Bounded: the oldest go first, and only once they are in history. Whatever is not here is there.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from osteon.model import TenantId, is_identifier
from osteon.ports.inbox import Delivery, Reply

__all__ = ["Entity", "Known", "Memory", "TenantMemory"]


class Entity(msgspec.Struct, gc=False):
    """The state of one entity; None while nothing has happened to it.

    `in_flight` counts its entries on the way to the journal, `batch` is the last durable batch that held one, `since` the entries
    since a snapshot was asked for.
    """

    state: Any = None
    in_flight: int = 0
    batch: int = 0
    since: int = 0


class Known(msgspec.Struct, gc=False):
    """A command that was decided: what a retry is answered once it is durable, and until then the duplicates that await it."""

    fingerprint: str
    reply: Reply | None = None
    batch: int = 0
    followers: list[Delivery] | None = None


@dataclass(slots=True)
class TenantMemory:
    """All that is in memory of one tenant.

    `entity_floor` and `external_floor` are the greatest entity identifier and the greatest external invocation identifier that
    may be in history without being in memory: anything greater is new, without asking.
    """

    tenant: TenantId
    sequences: list[int]
    entity_floor: str
    external_floor: str
    last_batch: int = 0
    durable_entries: int = 0
    drained_entries: int = 0
    entities: dict[str, Entity] = field(default_factory=dict[str, Entity])
    verdicts: dict[str, Known] = field(default_factory=dict[str, Known])


class Memory:
    """Lets go of the oldest entities and verdicts of all tenants beyond a bound, in small steps.

    Attributes:
        drained: Tells the last batch that is in history.
        bounds: How many entities and verdicts may stay.
        loads: How often an entity was not there and had to be loaded.
        recalls: How often a verdict was looked for in history.
    """

    def __init__(self, drained: Callable[[], int], entities: int, verdicts: int) -> None:
        """Makes an empty memory.

        Args:
            drained: The last batch that is in history.
            entities: How many entities may stay.
            verdicts: How many recorded verdicts may stay.
        """
        self.drained = drained
        self.bounds = entities, verdicts
        self.loads = 0
        self.recalls = 0
        self._entities: deque[tuple[TenantMemory, str]] = deque()
        self._verdicts: deque[tuple[TenantMemory, str]] = deque()

    @property
    def sizes(self) -> tuple[int, int]:
        """How many entities and verdicts are kept now."""
        return len(self._entities), len(self._verdicts)

    def keep_entity(self, tenant: TenantMemory, name: str, entity: Entity) -> None:
        """Keeps an entity that was not kept before; `name` ends with its identifier, behind a slash."""
        tenant.entities[name] = entity
        self._entities.append((tenant, name))

    def keep_verdict(self, tenant: TenantMemory, key: str) -> None:
        """Keeps a verdict that is recorded, until it is one of the oldest."""
        self._verdicts.append((tenant, key))

    def trim(self, steps: int) -> None:
        """Lets go of what is beyond the bounds and in history, at most `steps` of each kind."""
        drained = self.drained()
        for _ in range(min(steps, len(self._entities) - self.bounds[0])):
            tenant, name = self._entities[0]
            entity = tenant.entities[name]
            if entity.in_flight or entity.batch > drained:
                # Still needed or not yet in history: it goes to the back, and what follows has its turn.
                self._entities.rotate(-1)
                continue
            self._entities.popleft()
            del tenant.entities[name]
            tenant.entity_floor = max(tenant.entity_floor, name.rpartition("/")[2])
        for _ in range(min(steps, len(self._verdicts) - self.bounds[1])):
            tenant, key = self._verdicts[0]
            if tenant.verdicts[key].batch > drained:
                self._verdicts.rotate(-1)
                continue
            self._verdicts.popleft()
            del tenant.verdicts[key]
            external = key.rpartition("/")[2]
            # Any other key is looked up in history always; one that sorts behind all ULIDs would send all others there.
            if is_identifier(external):
                tenant.external_floor = max(tenant.external_floor, external)
