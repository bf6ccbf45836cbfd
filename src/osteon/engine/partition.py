"""Which partition an entity belongs to: fixed for ever, the same in every profile."""

import hashlib

__all__ = ["PARTITIONS", "partition_of"]

PARTITIONS = 8
"""The number of logical partitions of a tenant."""


def partition_of(entity_type: str, entity: str) -> int:
    """The partition of an entity.

    BLAKE2b-512 over the entity's type, a zero byte and the 26 characters of its identifier; the first 8 bytes as a big-endian
    number, modulo the number of partitions.
    """
    digest = hashlib.blake2b(f"{entity_type}\0{entity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % PARTITIONS
