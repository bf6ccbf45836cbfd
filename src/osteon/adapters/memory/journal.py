"""The journal in memory, its records the same as on disk."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from ulid import ULID

from osteon.adapters.memory.tape import Tape
from osteon.messages import ACCESS, ENTRY, GENESIS, PLACE, Record, header, record_hash
from osteon.model import TenantId
from osteon.ports.journal import Draft, Fenced, Kind
from osteon.ports.keyring import Keyring

__all__ = ["MemoryJournal"]

_KINDS: dict[Kind, int] = {"entry": ENTRY, "access": ACCESS, "place": PLACE}
_Chain = tuple[int, TenantId, int]


class MemoryJournal:
    """Writes on a tape. Another journal on the same tape is another process: it fences this one, tenant by tenant."""

    def __init__(self, tape: Tape, keyring: Keyring) -> None:
        """Goes on behind what is on `tape`; seals with `keyring`."""
        self._tape = tape
        self._keyring = keyring
        self._heads: dict[_Chain, tuple[int, bytes]] = {}

    async def take_over(self, tenant: TenantId) -> Mapping[int, int]:
        self._keyring.create(tenant)
        self._tape.writers[tenant] = self
        # From here on nobody else writes there.
        for _, stored in self._records():
            self._chain(stored)
        return {
            partition: sequence
            for (kind, of, partition), (sequence, _) in self._heads.items()
            if kind == ENTRY and of == tenant
        }

    async def accesses(self, tenant: TenantId) -> int:
        return self._heads.get((ACCESS, tenant, 0), (0, GENESIS))[0]

    def unsettled(self) -> Sequence[tuple[int, Sequence[Draft]]]:
        settled = max((Record.of(each).position.sequence for _, each in self._records() if each[1] == PLACE), default=0)
        behind = [
            (batch, [self._entry(each) for each in found if each[1] == ENTRY])
            for batch, found in self._tape.since(settled)
        ]
        return [(batch, entries) for batch, entries in behind if entries]

    async def append(self, batch: Sequence[Draft]) -> int:
        # As with any other journal, others have their turn before this one is durable.
        await asyncio.sleep(0)
        for draft in batch:
            if self._tape.writers.get(draft.tenant) is not self:
                raise Fenced(f"Another process has taken over the tenant '{draft.tenant}'; this one must end.")
        self._tape.batches.append(tuple(self._stored(draft) for draft in batch))
        return self._tape.last

    def _stored(self, draft: Draft) -> bytes:
        kind, (partition, sequence) = _KINDS[draft.kind], draft.position
        last, previous = self._heads.get((kind, draft.tenant, partition), (0, GENESIS))
        if draft.kind == "entry" and sequence != last + 1:
            raise ValueError(
                f"The next entry of partition {partition} is {last + 1}, not {sequence}: none may be left out."
            )
        head = header(kind, ULID.from_str(draft.tenant).bytes, draft.position, previous)
        stored = head + self._keyring.seal(draft.tenant, draft.body, head)
        self._chain(stored)
        return stored

    def _chain(self, stored: bytes) -> None:
        """Remembers the head of a chain; places have none."""
        record = Record.of(stored)
        if record.kind != PLACE:
            chain = record.kind, record.tenant, record.position.partition
            self._heads[chain] = record.position.sequence, record_hash(stored)

    def _entry(self, stored: bytes) -> Draft:
        record = Record.of(stored)
        body = self._keyring.open(record.tenant, record.sealed, record.place)
        return Draft("entry", record.tenant, record.position, body)

    def _records(self) -> Iterator[tuple[int, bytes]]:
        return ((number, stored) for number, batch in self._tape.since(0) for stored in batch)
