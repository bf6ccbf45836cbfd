"""Heads: how far a tenant's journal went at some moment, signed, so that nothing below can change unnoticed.

As JSON, in files and in proofs:

    {"head": {"version": 1, "tenant", "at", "key",
              "partitions": [{"partition", "sequence", "hash", "root"}, ...],
              "accesses": {"number", "hash"}},
     "signature"}

A partition's `hash` is the hash of its last record, which commits to the chain; `root` is the root of the Merkle tree
(RFC 9162) whose leaves are its records in their order, the record of sequence 1 being the leaf with the index 0: the
sequence is the size of the tree. Hashes are in hexadecimal. The signature is Ed25519, in URL-safe Base64 without
padding, over the object under `head` in the canonical form of RFC 8785; `key` is the thumbprint (RFC 7638) of the key.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from osteon.model import OsteonError, TenantId, Value, decoder

__all__ = ["AccessHead", "JournalHead", "MalformedHead", "PartitionHead", "SignedHead", "read_heads", "signed_bytes"]


class MalformedHead(OsteonError):
    """Raised when a text is not a signed head."""

    def __init__(self, line: int, fault: Exception) -> None:
        """Tells which line it is, and why."""
        self.line = line
        super().__init__(
            f"Line {line} is not a signed head ({fault}). 'osteon journal heads --json' writes one a line."
        )


class PartitionHead(Value):
    """How far a partition went: its last sequence, the hash of that record, the root over all up to it."""

    partition: int
    sequence: int
    hash: str
    root: str


class AccessHead(Value):
    """How far the access log went: the number of its last block, and that record's hash."""

    number: int
    hash: str


class JournalHead(Value):
    """How far a tenant's journal and access log went.

    Attributes:
        at: When it was made.
        key: The thumbprint of the key that signs it.
        partitions: Those that hold something, by number.
        version: Of this form.
    """

    tenant: TenantId
    at: datetime
    key: str
    partitions: tuple[PartitionHead, ...]
    accesses: AccessHead
    version: int = 1

    @property
    def entries(self) -> int:
        """How many entries it covers."""
        return sum(each.sequence for each in self.partitions)

    def of(self, partition: int) -> PartitionHead | None:
        """The head of a partition; None where it held nothing."""
        return next((each for each in self.partitions if each.partition == partition), None)


class SignedHead(Value):
    """A head with its signature."""

    head: JournalHead
    signature: str


def signed_bytes(head: JournalHead) -> bytes:
    """What is signed: there are only texts in ASCII and whole numbers, so sorted fields make it canonical."""
    return msgspec.json.encode(head, order="sorted")


def read_heads(lines: Iterable[str]) -> list[SignedHead]:
    """The signed heads in lines of JSON; empty lines are passed over.

    Raises:
        MalformedHead: A line is something else.
    """
    heads: list[SignedHead] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                heads.append(_SIGNED.decode(line))
            except msgspec.MsgspecError as fault:
                raise MalformedHead(number, fault) from fault
    return heads


_SIGNED = decoder(SignedHead)
