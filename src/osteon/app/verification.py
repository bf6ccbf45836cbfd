"""Verifying a journal: every record stands where it was written, as it was written, behind the one that it followed.

Each chain is walked over the history and then over the log: numbers without a gap, each record sealed for its place,
each with the hash of the one before it; what stands in both is the same in both. A tail that was cut off both, or a chain
that was made anew from end to end, is seen by signed heads that were kept elsewhere, and by nothing else.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from osteon.adapters.commitlog import Damaged
from osteon.app.findings import Finding, short
from osteon.app.head_checks import ChainCheck, HeadChecks
from osteon.app.inspection import Chain, Inspection, UnreadableFile
from osteon.messages import ACCESS, ENTRY, GENESIS, MalformedRecord, Record, record_hash
from osteon.model import TenantId
from osteon.ports.keyring import KeyMissing, Unreadable

__all__ = ["Verification"]


class Verification:
    """Walks through a journal and counts what it sees.

    Attributes:
        entries: The entries that were looked at.
        accesses: The blocks of the access log that were looked at.
        chains: The partitions and access logs that were looked at.
    """

    def __init__(
        self, inspection: Inspection, progress: Callable[[int], None], heads: HeadChecks | None = None
    ) -> None:
        """Verifies what `inspection` sees, against `heads` that were kept elsewhere.

        Args:
            inspection: The installation's files.
            progress: Told now and then how many records were looked at.
            heads: What is known of the journals from outside.
        """
        self._inspection = inspection
        self._heads = heads or HeadChecks(())
        self._progress = progress
        self._logged: dict[Chain, dict[int, bytes]] = {}
        self.entries = self.accesses = self.chains = 0

    async def findings(self, tenants: Sequence[TenantId]) -> AsyncIterator[Finding]:
        """Everything that is wrong with the journals and access logs of `tenants`, and with the log."""
        for finding in self._read_log():
            yield finding
        for finding in self._heads.findings(self._inspection, tenants):
            yield finding
        for tenant in tenants:
            for chain in self._chains(tenant):
                try:
                    async for finding in self._walk(chain):
                        yield finding
                except (UnreadableFile, KeyMissing, Unreadable) as fault:
                    yield self._unreadable(tenant, fault)
                    break

    def _chains(self, tenant: TenantId) -> list[Chain]:
        """What there is of a tenant, and what a head says that there was."""
        partitions = {*self._inspection.partitions(tenant), *self._heads.partitions(tenant)}
        return [*(Chain(tenant, ENTRY, each) for each in sorted(partitions)), Chain(tenant, ACCESS, 0)]

    def _read_log(self) -> Iterator[Finding]:
        """Remembers what the log holds of each chain."""
        try:
            for record, stored in self._inspection.logged():
                self._logged.setdefault(Chain.of(record), {})[record.position.sequence] = record_hash(stored)
        except (Damaged, MalformedRecord) as fault:
            yield Finding(
                tenant=None,
                partition=None,
                sequence=None,
                what="unreadable",
                expected=getattr(fault, "expected", "records"),
                found=str(fault),
            )

    async def _walk(self, chain: Chain) -> AsyncIterator[Finding]:
        self.chains += 1
        walk = _Walk(self._inspection, chain, self._logged.get(chain, {}), self._heads.of(chain))
        async for finding in self._walk_filed(chain, walk):
            yield finding
        for number, stored in self._inspection.unfiled(chain):
            if number > walk.last:
                self._count(chain)
                for finding in walk.step(number, stored):
                    yield finding
        for finding in walk.end():
            yield finding

    async def _walk_filed(self, chain: Chain, walk: "_Walk") -> AsyncIterator[Finding]:
        """Walks through the history to its end, which may move on while it is walked."""
        while True:
            before = walk.last
            async for number, stored in self._inspection.filed(chain, walk.last):
                self._count(chain)
                for finding in walk.step(number, stored):
                    yield finding
            progress = self._inspection.progress(chain.tenant)
            end = progress.sequences.get(chain.partition, 0) if chain.kind == ENTRY else progress.accesses
            if walk.last >= end:
                return
            if walk.last == before:
                yield walk.cut(end)
                return

    def _count(self, chain: Chain) -> None:
        if chain.kind == ENTRY:
            self.entries += 1
        else:
            self.accesses += 1
        if (self.entries + self.accesses) % 1000 == 0:
            self._progress(self.entries + self.accesses)

    def _unreadable(self, tenant: TenantId, fault: Exception) -> Finding:
        name = self._inspection.name(tenant)
        expected = "a file and a key that can be read"
        return Finding(
            tenant=name, partition=None, sequence=None, what="unreadable", expected=expected, found=str(fault)
        )


class _Walk:
    """One chain, record by record."""

    def __init__(self, inspection: Inspection, chain: Chain, logged: dict[int, bytes], heads: ChainCheck) -> None:
        self._keyring = inspection.keyring
        self._tenant = inspection.name(chain.tenant)
        self._chain = chain
        self._logged = logged
        self._heads = heads
        self._noun = "entry" if chain.kind == ENTRY else "block"
        self._hash = GENESIS
        # Behind a record that is not what it was, nothing can be said about the next one's hash of it.
        self._doubted = False
        self.last = 0

    def step(self, number: int, stored: bytes) -> Iterator[Finding]:
        """Looks at the record that stands under a number."""
        hash = record_hash(stored)
        found = [*self._gap(number), *self._damage(number, stored, hash)]
        if not found and not self._doubted:
            found += self._break(number, stored)
        self._doubted = any(each.what in ("changed", "moved") for each in found)
        self._hash, self.last = hash, number
        found += (self._finding(*each) for each in self._heads.step(number, stored, hash))
        return iter(found)

    def end(self) -> Iterator[Finding]:
        """Looks at what heads say of behind the last record."""
        return (self._finding(*each) for each in self._heads.end(self.last))

    def cut(self, end: int) -> Finding:
        """The history says that it holds more than it does; what follows, in the log, follows what is missing."""
        missing, self.last, self._doubted = self.last + 1, end, True
        return self._finding(missing, "missing", f"{self._noun} {missing} of {end}", "the end of the history")

    def _gap(self, number: int) -> Iterator[Finding]:
        """Entries are numbered without a gap; a block of the access log that could not be written leaves one."""
        if number == self.last + 1 or self._chain.kind == ACCESS:
            return
        yield self._finding(self.last + 1, "missing", f"entry {self.last + 1}", f"entry {number}")

    def _damage(self, number: int, stored: bytes, hash: bytes) -> Iterator[Finding]:
        """Whether the record is the one of this place, and as it was sealed."""
        try:
            record = Record.of(stored)
        except MalformedRecord as fault:
            yield self._finding(number, "changed", "a record", str(fault))
            return
        if Chain.of(record) != self._chain or record.position.sequence != number:
            yield self._finding(number, "moved", f"{self._noun} {number}", _described(record))
        elif not self._is_sealed(record):
            yield self._finding(number, "changed", f"{self._noun} {number} as it was sealed", "other bytes")
        elif self._logged.get(number, hash) != hash:
            yield self._finding(number, "changed", f"what the log has: {short(self._logged[number])}", short(hash))

    def _break(self, number: int, stored: bytes) -> Iterator[Finding]:
        previous = Record.of(stored).previous
        if previous == self._hash:
            return
        if self._chain.kind == ACCESS and number != self.last + 1:
            yield self._finding(self.last + 1, "missing", f"block {self.last + 1}", f"block {number}")
            return
        before = f"of {self._noun} {self.last}" if self.last else "that begins a chain"
        yield self._finding(number, "unchained", f"the hash {before}: {short(self._hash)}", short(previous))

    def _is_sealed(self, record: Record) -> bool:
        try:
            self._keyring.open(record.tenant, record.sealed, record.place)
        except Unreadable:
            return False
        return True

    def _finding(self, sequence: int, what: str, expected: str, found: str) -> Finding:
        partition = self._chain.partition if self._chain.kind == ENTRY else None
        return Finding(
            tenant=self._tenant, partition=partition, sequence=sequence, what=what, expected=expected, found=found
        )


def _described(record: Record) -> str:
    """The place that a record says is its own."""
    position = record.position
    noun = {ENTRY: f"entry {position.sequence} of partition {position.partition}", ACCESS: f"block {position.sequence}"}
    return f"{noun.get(record.kind, f'a record of kind {record.kind}')}, tenant '{record.tenant}'"
