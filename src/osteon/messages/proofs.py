"""Proofs: that an entry is in a journal, or that a journal only grew, for whoever has the tenant's public key alone."""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from osteon.messages.heads import JournalHead, PartitionHead, SignedHead
from osteon.messages.merkle import is_consistent, is_included, leaf_hash
from osteon.messages.record import ENTRY, MalformedRecord, Record
from osteon.model import Decoder, OsteonError, Value, decoder

__all__ = ["GrowthProof", "InclusionProof", "MalformedProof", "PartitionPath", "Proof", "flaws", "read_proof"]


class MalformedProof(OsteonError):
    """Raised when a text is not a proof."""


class InclusionProof(Value, tag="inclusion", tag_field="kind"):
    """Shows that a record is one of those that a head covers.

    Attributes:
        record: The record as it is stored, in Base64; its body is sealed under the tenant's key.
        leaf: The hash of the leaf that it is.
        partition: The tree that it is in.
        index: Its index there: the sequence less one.
        size: The size of the tree.
        path: The hashes beside the way to the root.
    """

    record: str
    leaf: str
    partition: int
    index: int
    size: int
    path: tuple[str, ...]
    head: SignedHead


class PartitionPath(Value):
    """The hashes by which a partition is seen to have only grown."""

    partition: int
    path: tuple[str, ...]


class GrowthProof(Value, tag="growth", tag_field="kind"):
    """Shows that the journal of the later head begins with the one of the earlier: a consistency proof a partition."""

    earlier: SignedHead
    later: SignedHead
    partitions: tuple[PartitionPath, ...]


Proof = InclusionProof | GrowthProof


def read_proof(text: bytes | str) -> Proof:
    """Reads a proof from JSON.

    Raises:
        MalformedProof: It is something else.
    """
    try:
        return _PROOF.decode(text)
    except msgspec.MsgspecError as fault:
        raise MalformedProof(f"This is not a proof ({fault}). 'osteon journal prove' writes one.") from fault


def flaws(proof: Proof, genuine: Callable[[SignedHead], bool]) -> Iterator[str]:
    """Everything that is wrong with a proof, in sentences; nothing, if it shows what it says.

    Args:
        proof: What is to be checked.
        genuine: Whether a head was signed by the tenant's key.
    """
    try:
        yield from (
            _inclusion_flaws(proof, genuine) if isinstance(proof, InclusionProof) else _growth_flaws(proof, genuine)
        )
    except (ValueError, binascii.Error) as fault:
        yield f"A hash or the record is not in its encoding: {fault}."


def _inclusion_flaws(proof: InclusionProof, genuine: Callable[[SignedHead], bool]) -> Iterator[str]:
    head = proof.head.head
    if not genuine(proof.head):
        yield "The head was not signed by this key, or changed since."
    known = head.of(proof.partition)
    if known is None or known.sequence != proof.size:
        yield f"The head has no tree of {proof.size} entries for partition {proof.partition}."
        return
    record = base64.b64decode(proof.record, validate=True)
    yield from _record_flaws(proof, record, head)
    leaf = leaf_hash(record)
    if leaf.hex() != proof.leaf:
        yield "The leaf is not the hash of the record."
    if not is_included(leaf, proof.index, proof.size, _hashes(proof.path), bytes.fromhex(known.root)):
        yield "The path does not lead from the record to the root that was signed."


def _record_flaws(proof: InclusionProof, stored: bytes, head: JournalHead) -> Iterator[str]:
    """Whether the record says of itself that it stands where the proof has it."""
    try:
        record = Record.of(stored)
    except MalformedRecord as fault:
        yield str(fault)
        return
    if record.kind != ENTRY or record.tenant != head.tenant:
        yield f"The record is not an entry of the tenant '{head.tenant}'."
    elif record.position != (proof.partition, proof.index + 1):
        place = f"{record.position.partition}/{record.position.sequence}"
        yield f"The record is the entry {place}, not {proof.partition}/{proof.index + 1}."


def _growth_flaws(proof: GrowthProof, genuine: Callable[[SignedHead], bool]) -> Iterator[str]:
    earlier, later = proof.earlier.head, proof.later.head
    for name, head in (("earlier", proof.earlier), ("later", proof.later)):
        if not genuine(head):
            yield f"The {name} head was not signed by this key, or changed since."
    if earlier.tenant != later.tenant:
        yield f"The heads are of two tenants, '{earlier.tenant}' and '{later.tenant}'."
        return
    paths = {each.partition: each.path for each in proof.partitions}
    for before in earlier.partitions:
        if not _grew(before, later.of(before.partition), paths.get(before.partition, ())):
            yield f"Partition {before.partition} is not shown to begin with the {before.sequence} entries that it had."
    if earlier.accesses.number > later.accesses.number:
        yield f"The access log had {earlier.accesses.number} blocks, and later {later.accesses.number}."


def _grew(before: PartitionHead, after: PartitionHead | None, path: tuple[str, ...]) -> bool:
    if after is None:
        return False
    roots = bytes.fromhex(before.root), bytes.fromhex(after.root)
    return is_consistent(before.sequence, roots[0], after.sequence, roots[1], _hashes(path))


def _hashes(texts: tuple[str, ...]) -> list[bytes]:
    return [bytes.fromhex(each) for each in texts]


_UNION: Any = InclusionProof | GrowthProof
_PROOF: Decoder[Proof] = decoder(_UNION)
