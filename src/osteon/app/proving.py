"""Making proofs from an installation's files: that an entry is in a journal, or that a journal only grew."""

import base64

from osteon.app.inspection import Chain, Inspection
from osteon.messages import ENTRY, Position
from osteon.messages.heads import PartitionHead, SignedHead
from osteon.messages.merkle import consistency_path, inclusion_path, leaf_hash, root_hash
from osteon.messages.proofs import GrowthProof, InclusionProof, PartitionPath
from osteon.model import OsteonError, TenantId, is_identifier

__all__ = ["NotProvable", "find_entry", "prove_growth", "prove_inclusion"]


class NotProvable(OsteonError):
    """Raised when a proof is asked for that the journal does not give."""


async def find_entry(inspection: Inspection, tenant: TenantId, text: str) -> Position:
    """The place of an entry by how a person names it: a place such as `2/3`, a position, or an invocation.

    Raises:
        NotProvable: There is none, or there are several.
    """
    if not is_identifier(text):
        return _place(text)
    found = [
        entry.position
        for partition in inspection.partitions(tenant)
        async for entry in inspection.entries(tenant, partition)
        if entry.context.trace.current == text
    ]
    if len(found) == 1:
        return found[0]
    places = ", ".join(f"{partition}/{sequence}" for partition, sequence in found)
    several = f"has several entries: {places}. Name one of them." if found else "has no entry."
    raise NotProvable(f"The invocation '{text}' of '{inspection.name(tenant)}' {several}")


async def prove_inclusion(inspection: Inspection, position: Position, signed: SignedHead) -> InclusionProof:
    """Proves that the entry at a position is one of those that a head covers.

    Raises:
        NotProvable: It is not covered, or the journal is not the one of the head.
    """
    head = signed.head
    known, name = head.of(position.partition), inspection.name(head.tenant)
    if known is None or not 1 <= position.sequence <= known.sequence:
        covered = f"{known.sequence} entries" if known else "nothing"
        place = f"{position.partition}/{position.sequence}"
        raise NotProvable(f"The head covers {covered} of partition {position.partition} of '{name}', not {place}.")
    leaves, record = await _leaves(inspection, head.tenant, known, position.sequence)
    return InclusionProof(
        record=base64.b64encode(record).decode(),
        leaf=leaf_hash(record).hex(),
        partition=position.partition,
        index=position.sequence - 1,
        size=known.sequence,
        path=_texts(inclusion_path(leaves, position.sequence - 1)),
        head=signed,
    )


async def prove_growth(inspection: Inspection, earlier: SignedHead, later: SignedHead) -> GrowthProof:
    """Proves that what the earlier head covers begins what the later one does.

    Raises:
        NotProvable: The heads are of two tenants, or the journal is not theirs.
    """
    if earlier.head.tenant != later.head.tenant:
        raise NotProvable(f"The heads are of two tenants, '{earlier.head.tenant}' and '{later.head.tenant}'.")
    paths: list[PartitionPath] = []
    for before in earlier.head.partitions:
        after = later.head.of(before.partition)
        if after is None or after.sequence < before.sequence:
            raise NotProvable(f"The later head covers less of partition {before.partition} than the earlier one.")
        leaves, _ = await _leaves(inspection, later.head.tenant, after, after.sequence)
        if root_hash(leaves[: before.sequence]).hex() != before.root:
            raise _not_its_journal(inspection, later.head.tenant, before)
        paths.append(PartitionPath(partition=before.partition, path=_texts(consistency_path(leaves, before.sequence))))
    return GrowthProof(earlier=earlier, later=later, partitions=tuple(paths))


async def _leaves(
    inspection: Inspection, tenant: TenantId, head: PartitionHead, wanted: int
) -> tuple[list[bytes], bytes]:
    """The leaves of a partition's tree, which must have the head's root, and the record with a sequence."""
    leaves: list[bytes] = []
    record = b""
    async for sequence, stored in inspection.records(Chain(tenant, ENTRY, head.partition)):
        if sequence > head.sequence:
            break
        leaves.append(leaf_hash(stored))
        record = stored if sequence == wanted else record
    if len(leaves) != head.sequence or root_hash(leaves).hex() != head.root:
        raise _not_its_journal(inspection, tenant, head)
    return leaves, record


def _not_its_journal(inspection: Inspection, tenant: TenantId, head: PartitionHead) -> NotProvable:
    where = f"partition {head.partition} of '{inspection.name(tenant)}' up to entry {head.sequence}"
    return NotProvable(f"The head has another root than {where}: 'osteon journal verify --heads' tells more.")


def _place(text: str) -> Position:
    try:
        partition, slash, sequence = text.partition("/")
        return Position(int(partition), int(sequence)) if slash else Position.of(text)
    except ValueError:
        example = "Name it as '2/3' (partition and sequence), by its position, or by its invocation."
        raise NotProvable(f"'{text}' is no entry. {example}") from None


def _texts(hashes: list[bytes]) -> tuple[str, ...]:
    return tuple(each.hex() for each in hashes)
