"""The journal on the commit log: entries sealed under their tenant's key, chained, one frame a batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ulid import ULID

from osteon.adapters.commitlog.errors import AppendFailed as LogAppendFailed
from osteon.adapters.commitlog.errors import TooLarge
from osteon.adapters.commitlog.frames import Place
from osteon.adapters.commitlog.log import CommitLog
from osteon.adapters.commitlog.tail import Tail, oldest_place
from osteon.messages import ACCESS, ENTRY, GENESIS, PLACE, Position, Record, header, record_hash
from osteon.model import TenantId
from osteon.ports.disk import Disk
from osteon.ports.history import Head
from osteon.ports.journal import AppendFailed, Draft, Kind
from osteon.ports.keyring import Keyring
from osteon.ports.scheduler import Lane

__all__ = ["Heads", "LogJournal", "LogTail"]

Heads = Callable[[TenantId], tuple[Mapping[int, Head], Head]]
"""Tells, from the history, the head of each partition of a tenant and that of its access log."""

_KINDS: dict[Kind, int] = {"entry": ENTRY, "access": ACCESS, "place": PLACE}
_NAMES: dict[int, Kind] = {kind: name for name, kind in _KINDS.items()}
_ACCESSES, _PLACES = -1, -2


class LogJournal:
    """The port `Journal` of one process. Everything that blocks runs in one lane."""

    def __init__(self, log: CommitLog, disk: Disk, folder: str, keyring: Keyring, lane: Lane, heads: Heads) -> None:
        """Takes a recovered log into use; the history must hold all that is in it."""
        self._log = log
        self._disk = disk
        self._folder = folder
        self._keyring = keyring
        self._lane = lane
        self._heads = heads
        self._chains: dict[tuple[TenantId, int], bytes] = {}
        self._accesses: dict[TenantId, int] = {}
        self._tenants: dict[TenantId, bytes] = {}
        # By segment, its last batch with an entry; and the last batch of which reactions want nothing more.
        self._entries: dict[int, int] = {}
        self._settled = 0

    async def take_over(self, tenant: TenantId) -> Mapping[int, int]:
        # A tenant's first entry is the first that needs its key.
        await self._lane.run(lambda: self._keyring.create(tenant))
        heads, accesses = self._heads(tenant)
        for partition, head in heads.items():
            self._chains[tenant, partition] = head.hash
        self._chains[tenant, _ACCESSES] = accesses.hash
        self._accesses[tenant] = accesses.sequence
        return {partition: head.sequence for partition, head in heads.items()}

    async def accesses(self, tenant: TenantId) -> int:
        if tenant not in self._accesses:
            await self.take_over(tenant)
        return self._accesses[tenant]

    def unsettled(self) -> Sequence[tuple[int, Sequence[Draft]]]:
        tail = Tail(self._disk, self._folder, oldest_place(self._disk, self._folder))
        behind: list[tuple[int, list[Record]]] = []
        for place, stored in tail.read(self._log.place):
            records = [Record.of(each) for each in stored]
            settled = max((record.position.sequence for record in records if record.kind == PLACE), default=None)
            behind.append((place.frame, [record for record in records if record.kind == ENTRY]))
            if behind[-1][1]:
                self._entries[place.segment] = place.frame
            self._settled = max(self._settled, settled or 0)
            if settled is not None:
                behind = [(batch, found) for batch, found in behind if batch > settled]
        tail.close()
        return [(batch, [self._opened(record) for record in found]) for batch, found in behind if found]

    async def append(self, batch: Sequence[Draft]) -> int:
        return await self._lane.run(lambda: self._append(batch))

    def retire(self, before: int) -> None:
        """Gives up what every history has synced: the segments before `before`, unless a reaction may still need them.

        Blocking; for a lane of its own.
        """
        entries = list(self._entries.items())
        needed = [segment for segment, last in entries if last > self._settled]
        before = min(before, self._log.place.segment, *needed)
        self._log.retire(before)
        for segment, _ in entries:
            if segment < before:
                del self._entries[segment]

    def prepare(self) -> None:
        """Makes a spare for the next segment, before commands need it. Blocking; for the same lane."""
        self._log.prepare()

    @property
    def place(self) -> tuple[int, int, int]:
        """The durable place: segment, offset, batch."""
        return self._log.place

    def _append(self, batch: Sequence[Draft]) -> int:
        before: dict[tuple[TenantId, int], bytes] = {}
        stored = [self._stored(draft, before) for draft in batch]
        try:
            place = self._log.append(stored)
        except (LogAppendFailed, TooLarge) as failure:
            self._chains.update(before)
            raise AppendFailed(str(failure)) from failure
        for draft in batch:
            if draft.kind == "entry":
                self._entries[place.segment] = place.frame
            elif draft.kind == "place":
                self._settled = draft.position.sequence
        return place.frame

    def _stored(self, draft: Draft, before: dict[tuple[TenantId, int], bytes]) -> bytes:
        """The record of a draft; `before` learns where the chains were."""
        chain = self._chain(draft)
        previous = self._chains.get(chain, GENESIS)
        before.setdefault(chain, previous)
        head = header(_KINDS[draft.kind], self._tenant(draft.tenant), draft.position, previous)
        stored = head + self._keyring.seal(draft.tenant, draft.body, head)
        if draft.kind != "place":
            self._chains[chain] = record_hash(stored)
        return stored

    def _chain(self, draft: Draft) -> tuple[TenantId, int]:
        if draft.kind == "entry":
            return draft.tenant, draft.position.partition
        return draft.tenant, _ACCESSES if draft.kind == "access" else _PLACES

    def _tenant(self, tenant: TenantId) -> bytes:
        known = self._tenants.get(tenant)
        if known is None:
            known = self._tenants[tenant] = ULID.from_str(tenant).bytes
        return known

    def _opened(self, record: Record) -> Draft:
        body = self._keyring.open(record.tenant, record.sealed, record.place)
        return Draft(_NAMES[record.kind], record.tenant, Position(*record.position), body)


class LogTail:
    """The port `Tail` over the commit log: batches up to a durable place that its holder moves."""

    def __init__(self, disk: Disk, folder: str) -> None:
        """Begins at the oldest batch in the log."""
        self._tail = Tail(disk, folder, oldest_place(disk, folder))
        self._until = self._tail.place

    @property
    def segment(self) -> int:
        """The segment that is being read: those before it are done with."""
        return self._tail.place.segment

    @property
    def place(self) -> Place:
        """Behind the last batch that was read."""
        return self._tail.place

    def durable(self, place: tuple[int, int, int]) -> None:
        """The log is synced up to `place`."""
        self._until = Place(*place)

    def read(self) -> Iterator[tuple[int, Sequence[bytes]]]:
        for place, records in self._tail.read(self._until):
            yield place.frame, records
