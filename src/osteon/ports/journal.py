"""The journal: the one truth, a sequence of entries for each partition of each tenant."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from osteon.messages import Position
from osteon.model import OsteonError, TenantId

__all__ = ["AppendFailed", "Draft", "Fenced", "Journal", "Kind"]

Kind = Literal["entry", "access", "place"]


class Draft(msgspec.Struct, frozen=True, gc=False):
    """Something to be recorded: an entry, a block of the access log, or how far a reaction has come.

    `position` holds partition and sequence for an entry; for the other kinds the partition is 0 and the sequence a number of
    its own.
    """

    kind: Kind
    tenant: TenantId
    position: Position
    body: bytes


class AppendFailed(OsteonError):
    """Raised when a batch was not recorded: none of it will ever be seen, and what was built on it must be forgotten."""

    retryable = True


class Fenced(OsteonError):
    """Raised when another process has taken the partition over: this one must not go on."""


class Journal(Protocol):
    """Records drafts durably and in order."""

    async def take_over(self, tenant: TenantId) -> Mapping[int, int]:
        """Fences whoever wrote before, and learns where to go on; a new tenant is given its key.

        Returns:
            The last sequence of each partition that has one.
        """
        ...

    async def accesses(self, tenant: TenantId) -> int:
        """The number of the tenant's last block of the access log; 0 when there is none. Asked once, before the first."""
        ...

    def unsettled(self) -> Sequence[tuple[int, Sequence[Draft]]]:
        """The batches behind the last `place` draft, oldest first: what reactions may not have seen. Asked once, at start."""
        ...

    async def append(self, batch: Sequence[Draft]) -> int:
        """Records a batch; returns only once all of it is durable.

        One batch at a time; sequences of a partition must follow one another without a gap.

        Returns:
            The batch's number: contiguous, and greater than that of every batch before it.

        Raises:
            AppendFailed: Nothing of the batch was recorded.
            Fenced: Another process writes now.
        """
        ...
