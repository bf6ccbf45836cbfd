"""A journal as it grows record by record: the hash of the last one and the tree over all, for each partition."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from osteon.messages import GENESIS, MalformedRecord, Position, Record, record_hash
from osteon.messages.heads import AccessHead, JournalHead, PartitionHead
from osteon.messages.merkle import Frontier, leaf_hash
from osteon.model import OsteonError, TenantId, Value, decoder
from osteon.ports.history import Head

__all__ = ["DoesNotFollow", "Growth"]


class DoesNotFollow(OsteonError):
    """Raised when a journal does not go on from what was seen of it: no head is made of that."""

    def __init__(self, tenant: str, where: str, found: str) -> None:
        """Tells where it breaks, and what is there."""
        self.tenant, self.where, self.found = tenant, where, found
        super().__init__(
            f"No head of '{tenant}' is made, as its journal does not follow from what it was: {where}, {found}. "
            "'osteon journal verify' tells more."
        )


class Growth:
    """What is needed of a journal to make its next head: a few hashes for each partition.

    Attributes:
        tenant: Whose journal it is.
    """

    def __init__(self, tenant: TenantId, name: str = "") -> None:
        """Begins with nothing; `name` is how messages call the tenant."""
        self.tenant, self._name = tenant, name or tenant
        self._hashes: dict[int, bytes] = {}
        self._trees: dict[int, Frontier] = {}

    @property
    def partitions(self) -> list[int]:
        """The partitions of which something was seen."""
        return sorted(self._trees)

    def size(self, partition: int) -> int:
        """How many entries of a partition were seen."""
        return self._trees[partition].size if partition in self._trees else 0

    def add(self, partition: int, records: Iterable[tuple[int, bytes]]) -> None:
        """Sees the next records of a partition, each with the sequence under which it stands.

        Raises:
            DoesNotFollow: One is not the next, or does not carry the hash of the one before it.
        """
        tree = self._trees.setdefault(partition, Frontier())
        previous = self._hashes.get(partition, GENESIS)
        for sequence, stored in records:
            self._check(Position(partition, tree.size + 1), sequence, stored, previous)
            tree.append(leaf_hash(stored))
            previous = record_hash(stored)
        self._hashes[partition] = previous

    def expect(self, partition: int, head: Head) -> None:
        """Makes sure that a partition ends as it is known to end.

        Raises:
            DoesNotFollow: It ends elsewhere, or otherwise.
        """
        seen = self.size(partition)
        if seen != head.sequence:
            raise self._breach(Position(partition, max(seen, head.sequence)), "is missing")
        if seen and self._hashes[partition] != head.hash:
            raise self._breach(Position(partition, seen), "is another record than it was")

    def head(self, at: datetime, accesses: Head) -> JournalHead:
        """The head of what was seen; whoever signs it names the key."""
        partitions = tuple(
            PartitionHead(partition=number, sequence=tree.size, hash=self._hashes[number].hex(), root=tree.root.hex())
            for number, tree in sorted(self._trees.items())
            if tree.size
        )
        last = AccessHead(number=accesses.sequence, hash=accesses.hash.hex())
        return JournalHead(tenant=self.tenant, at=at, key="", partitions=partitions, accesses=last)

    def kept(self) -> bytes:
        """What `resumed` goes on from: nothing in it is secret, or trusted."""
        trees = {
            str(number): _KeptTree(size=tree.size, peaks=[peak.hex() for peak in tree.peaks])
            for number, tree in self._trees.items()
        }
        return msgspec.json.encode(_Kept(trees=trees))

    @classmethod
    def resumed(cls, name: str, head: JournalHead, kept: bytes) -> "Growth | None":
        """Goes on from a head; None where what was kept does not lead to that head's roots."""
        growth = cls(head.tenant, name)
        try:
            growth._trees = {
                int(number): Frontier(tree.size, map(bytes.fromhex, tree.peaks))
                for number, tree in _KEPT.decode(kept).trees.items()
            }
        except (msgspec.MsgspecError, ValueError):
            return None
        growth._hashes = {each.partition: bytes.fromhex(each.hash) for each in head.partitions}
        return growth if growth._roots() == _roots(head) else None

    def _roots(self) -> Mapping[int, tuple[int, str]]:
        return {number: (tree.size, tree.root.hex()) for number, tree in self._trees.items()}

    def _check(self, place: Position, sequence: int, stored: bytes, previous: bytes) -> None:
        """Whether what stands under a sequence is the record of the place that is next."""
        try:
            record = Record.of(stored)
        except MalformedRecord as fault:
            raise self._breach(place, "is no record") from fault
        if sequence != place.sequence:
            raise self._breach(place, "is missing")
        if (record.tenant, record.position) != (self.tenant, place):
            raise self._breach(place, "is a record of another place")
        if record.previous != previous:
            raise self._breach(place, "carries another hash of the one before it")

    def _breach(self, place: Position, found: str) -> DoesNotFollow:
        where = f"entry {place.sequence} of partition {place.partition}"
        return DoesNotFollow(self._name, where, found)


class _KeptTree(Value):
    size: int
    peaks: list[str]


class _Kept(Value):
    """The trees by partition."""

    trees: dict[str, _KeptTree]


def _roots(head: JournalHead) -> Mapping[int, tuple[int, str]]:
    return {each.partition: (each.sequence, each.root) for each in head.partitions}


_KEPT = decoder(_Kept)
