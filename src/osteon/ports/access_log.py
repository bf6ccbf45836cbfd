"""The access log: who asked what, kept apart from the journal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from osteon.context import InvocationContext
from osteon.model import AccountId, InvocationId, TenantId, Value
from osteon.ports.history import Head

__all__ = ["Access", "AccessLog"]


class Access(Value):
    """A query that was answered, or an invocation that was refused to somebody known.

    Attributes:
        context: The whole context of the invocation.
        type: What was asked: a wire name.
        parameters: The query's fields as JSON; null for a refused command.
        rows: How many rows were answered.
        refused: The key of the problem, when it was refused.
    """

    context: InvocationContext
    type: str
    at: datetime
    parameters: msgspec.Raw = msgspec.Raw(b"null")
    rows: int = 0
    refused: str | None = None


class AccessLog(Protocol):
    """Reads the access log as far as the drain has filed it."""

    async def by_account(
        self, tenant: TenantId, account: AccountId, before: InvocationId | None, limit: int
    ) -> Sequence[Access]:
        """What an account asked, newest first; with `before`, only invocations with a lesser identifier."""
        ...

    def head(self, tenant: TenantId) -> Head:
        """The number and the hash of the tenant's last block; 0 and the chain's beginning when there is none."""
        ...
