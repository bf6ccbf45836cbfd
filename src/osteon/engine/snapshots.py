"""Snapshots of entities: made by the drain from what is filed, used by the server where an entity is loaded.

A state is folded by the same pure functions in both, from the last snapshot and the entries behind it. A snapshot that cannot be
read, or was made of another declaration, is passed over and replaced.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, get_type_hints

import structlog

from osteon.domain import Decider, Product
from osteon.engine.declared import spelled
from osteon.messages import Position, parted, wire_name
from osteon.model import Decoder, OsteonError, TenantId, decoder, record_json
from osteon.ports.drain import Drain
from osteon.ports.filing import Filing
from osteon.ports.history import History, PastEntry, UnknownPlace
from osteon.ports.keyring import Keyring, Unreadable
from osteon.ports.snapshots import Snapshot, Snapshots

__all__ = ["Loaded", "Loader", "Past", "SnapshotMaker", "SnapshotRequests", "States"]

AnyDecider = Decider[Any, Any, Any, Any, Any]


class Past(NamedTuple):
    """An entity as it was behind one of its entries; nowhere before the first."""

    state: Any = None
    place: Position | None = None


class Loaded(NamedTuple):
    """An entity's state, and how many entries were read for it."""

    state: Any
    entries: int


class States:
    """The states of a product's entities: how each is folded, and how it is sealed and read again."""

    def __init__(self, product: Product, keyring: Keyring) -> None:
        """Prepares what is needed for each kind of entity."""
        self._keyring = keyring
        self._kinds = {entity: _Kind(product, decider) for entity, decider in product.entities.items()}

    def can_keep(self, entity_type: str) -> bool:
        """Whether a snapshot can be made of such an entity: its state is a value that can be written and read again."""
        return self._kinds[entity_type].keepable

    def fold(self, entity_type: str, before: Past, entries: Iterable[PastEntry]) -> Past:
        """The entity behind further entries; those of other entities with the same identifier are passed over."""
        return self._kinds[entity_type].fold(before, entries)

    def sealed(self, tenant: TenantId, entity_type: str, entity: str, past: Past) -> Snapshot | None:
        """A snapshot of an entity; None when what would be read of it is something else."""
        kind = self._kinds[entity_type]
        body = kind.written(past.state)
        if body is None or past.place is None:
            return None
        place = _sealed_for(entity_type, entity, past.place, kind.declaration)
        return Snapshot(past.place, kind.declaration, self._keyring.seal(tenant, body, place))

    def opened(self, tenant: TenantId, entity_type: str, entity: str, snapshot: Snapshot) -> Past | None:
        """What a snapshot holds; None when it was made of another declaration.

        Raises:
            Unreadable: It was changed, or is not of this entity.
            ValueError: The state cannot be read.
        """
        kind = self._kinds[entity_type]
        if snapshot.declaration != kind.declaration:
            return None
        place = _sealed_for(entity_type, entity, snapshot.place, snapshot.declaration)
        return Past(kind.read(self._keyring.open(tenant, snapshot.sealed, place)), snapshot.place)


class Loader:
    """Loads entities into the server's memory."""

    def __init__(self, states: States, history: History, snapshots: Snapshots) -> None:
        """Loads from snapshots and what `history` has behind them."""
        self._states = states
        self._history = history
        self._kept = _Kept(states, snapshots)

    @property
    def unused(self) -> int:
        """How many snapshots were passed over: unreadable, or made of another declaration."""
        return self._kept.unused

    async def load(self, tenant: TenantId, entity_type: str, entity: str) -> AsyncIterator[Loaded]:
        """Loads an entity part by part: whoever asks for the next one may let others have their turn before. The last is whole."""
        kept = self._kept.find(tenant, entity_type, entity)
        if kept.place is not None:
            try:
                async for loaded in self._from(kept, tenant, entity_type, entity):
                    yield loaded
            except UnknownPlace as fault:
                self._kept.note(tenant, entity_type, entity, fault)
            else:
                return
        async for loaded in self._from(Past(), tenant, entity_type, entity):
            yield loaded

    async def _from(self, past: Past, tenant: TenantId, entity_type: str, entity: str) -> AsyncIterator[Loaded]:
        entries = 0
        yield Loaded(past.state, entries)
        async for part in self._history.past(tenant, entity, past.place):
            past = self._states.fold(entity_type, past, part)
            entries += len(part)
            yield Loaded(past.state, entries)


class SnapshotRequests:
    """Asks the drain for snapshots of what has one."""

    def __init__(self, states: States, drain: Drain) -> None:
        """Asks `drain`."""
        self._states = states
        self._drain = drain

    def ask(self, tenant: TenantId, entity_type: str, entity: str) -> None:
        """Wants a snapshot of an entity, at leisure."""
        if self._states.can_keep(entity_type):
            self._drain.keep_state(tenant, entity_type, entity)


class SnapshotMaker:
    """Makes the snapshots that are asked for, part by part; each replaces the last one of its entity."""

    def __init__(self, states: States, filing: Filing, keyring: Keyring, snapshots: Snapshots) -> None:
        """Makes them of what is filed."""
        self._states = states
        self._filing = filing
        self._keyring = keyring
        self._snapshots = snapshots
        self._kept = _Kept(states, snapshots)
        self._wanted: dict[tuple[TenantId, str, str], None] = {}
        self._making: Iterator[None] | None = None
        self._log = structlog.get_logger("osteon.snapshots")

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do."""
        return self._making is not None or bool(self._wanted)

    def ask(self, tenant: TenantId, entity_type: str, entity: str) -> None:
        """Wants a snapshot of an entity."""
        self._wanted[tenant, entity_type, entity] = None

    def make(self, tenant: TenantId, entity_type: str, entity: str) -> None:
        """Makes a snapshot of an entity, at once and behind all others that are wanted."""
        self.ask(tenant, entity_type, entity)
        while self.step():
            pass

    def step(self) -> bool:
        """Does a part of the work, a few milliseconds long.

        Returns:
            Whether there is more to do.
        """
        if self._making is None and self._wanted:
            wanted = next(iter(self._wanted))
            del self._wanted[wanted]
            self._making = self._make(*wanted)
        if self._making is not None and next(self._making, self) is self:
            self._making = None
        return self.is_busy

    def _make(self, tenant: TenantId, entity_type: str, entity: str) -> Iterator[None]:
        try:
            past = self._kept.find(tenant, entity_type, entity)
            for part in self._filing.of_entity(tenant, entity, past.place):
                past = self._states.fold(entity_type, past, self._opened(tenant, part))
                yield
            snapshot = self._states.sealed(tenant, entity_type, entity, past)
            if snapshot is None:
                self._log.warning("a state is not kept: read again, it is another", tenant=tenant, type=entity_type)
            else:
                self._snapshots.keep(tenant, entity_type, entity, snapshot)
        except Exception:  # noqa: BLE001 - a fold may raise anything, and nothing depends on a snapshot
            self._log.exception("no snapshot was made", tenant=tenant, type=entity_type, entity=entity)

    def _opened(self, tenant: TenantId, records: Sequence[bytes]) -> Iterator[PastEntry]:
        for place, sealed in map(parted, records):
            yield _PAST_ENTRY.decode(self._keyring.open(tenant, sealed, place))


class _Kept:
    """The snapshots there are, as far as they can be used."""

    def __init__(self, states: States, snapshots: Snapshots) -> None:
        self._states = states
        self._snapshots = snapshots
        self._log = structlog.get_logger("osteon.snapshots")
        self.unused = 0

    def find(self, tenant: TenantId, entity_type: str, entity: str) -> Past:
        """The entity as its snapshot has it; as before its first entry when there is none that can be used."""
        if not self._states.can_keep(entity_type):
            return Past()
        snapshot = self._snapshots.find(tenant, entity_type, entity)
        if snapshot is None:
            return Past()
        try:
            past = self._states.opened(tenant, entity_type, entity, snapshot)
        except (Unreadable, ValueError) as fault:
            self.note(tenant, entity_type, entity, fault)
            return Past()
        if past is None:
            self.unused += 1
            return Past()
        return past

    def note(self, tenant: TenantId, entity_type: str, entity: str, fault: Exception) -> None:
        """Counts a snapshot that cannot be used, and logs why; not what is in it, which is nobody's business."""
        self.unused += 1
        reason = str(fault) if isinstance(fault, OsteonError) else type(fault).__name__
        self._log.warning("a snapshot is not used", tenant=tenant, type=entity_type, entity=entity, reason=reason)


class _Kind:
    """How the states of one kind of entity are folded and written."""

    def __init__(self, product: Product, decider: AnyDecider) -> None:
        self._decider = decider
        self._events = {wire_name(event): product.catalogue[wire_name(event)].decoder for event in decider.events}
        state = get_type_hints(decider.evolve or decider.begin).get("return", Any)
        self._state = _state_decoder(state)
        self.declaration = _fingerprint(decider, state)

    @property
    def keepable(self) -> bool:
        return self._state is not None

    def fold(self, before: Past, entries: Iterable[PastEntry]) -> Past:
        state, place = before
        entity, fold, events = self._decider.entity, self._decider.fold, self._events
        for entry in entries:
            if entry.entity_type == entity:
                place = entry.position
                for event in entry.events:
                    state = fold(state, events[event.type].decode(event.body))
        return Past(state, place)

    def written(self, state: Any) -> bytes | None:
        """The state as JSON; None when it would not be the same when read."""
        if self._state is None:
            return None
        body = record_json(state)
        return body if self._state.decode(body) == state else None

    def read(self, body: bytes) -> Any:
        assert self._state is not None
        return self._state.decode(body)


_PAST_ENTRY = decoder(PastEntry)


def _state_decoder(state: Any) -> Decoder[Any] | None:
    """What reads a state, or None, which it is while an entity has only been asked for; None when such a state cannot be read."""
    if state is Any:
        return None
    optional: Any = state | None
    found: Decoder[Any]
    try:
        found = decoder(optional)
    except (TypeError, NotImplementedError):
        return None
    return found


def _fingerprint(decider: AnyDecider, state: Any) -> str:
    """Another one when the state, the events or the revision are others."""
    events = {kind: sorted(f"{wire_name(each)} {spelled(each)}" for each in types) for kind, types in _events(decider)}
    told = record_json({"state": spelled(state), "revision": decider.revision, **events})
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def _events(decider: AnyDecider) -> list[tuple[str, tuple[type[Any], ...]]]:
    return [("begun by", decider.beginning), ("changed by", decider.evolving)]


def _sealed_for(entity_type: str, entity: str, place: Position, declaration: str) -> bytes:
    return f"snapshot/{entity_type}/{entity}/{place.token}/{declaration}".encode()
