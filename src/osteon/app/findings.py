"""What verifying a journal finds."""

from osteon.model import Value

__all__ = ["Finding", "short"]


class Finding(Value):
    """Something that is not as it was written.

    Attributes:
        tenant: The tenant's name; None where the log itself is damaged.
        partition: The partition of the entry; None for the access log, or a whole file.
        sequence: The number of the entry, or of the block of the access log; None for a whole file.
        what: It was `changed` or `moved`, or is `missing`, `unreadable` or `unchained`: its hash of the one before does
            not fit, so one of the two was written anew. Against a head, the journal was `cut` below it or `rewritten`;
            or the head is `forged`, or `foreign`: of a tenant that is not looked at.
        expected: What should be there.
        found: What is there.
    """

    tenant: str | None
    partition: int | None
    sequence: int | None
    what: str
    expected: str
    found: str


def short(hash: bytes) -> str:
    """A hash as a person compares it."""
    return f"{hash.hex()[:16]}…"
