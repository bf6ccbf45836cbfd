"""The edge of one invocation: what a module's prepare, present and answer are given."""

from typing import NamedTuple, TypeVar, cast

from osteon.context import InvocationContext
from osteon.domain import Find, Row
from osteon.engine.indexes import Indexes
from osteon.engine.reader import Reader
from osteon.model import Identifier, TenantId, named
from osteon.ports.access_log import AccessLog
from osteon.ports.directory import Grants, Scopes, Tenants
from osteon.ports.history import History
from osteon.ports.passwords import Passwords
from osteon.ports.tokens import Tokens

__all__ = ["Capabilities", "InvocationEdge", "identifier_from"]

R = TypeVar("R", bound=Row)


class Capabilities(NamedTuple):
    """What every edge has, whatever the invocation."""

    passwords: Passwords
    tokens: Tokens
    history: History
    access_log: AccessLog
    indexes: Indexes
    reader: Reader


class InvocationEdge:
    """The port `Edge` for one invocation."""

    def __init__(self, capabilities: Capabilities, context: InvocationContext, key: str) -> None:
        """Makes the edge of the invocation of `context` under the idempotency key `key`."""
        self.context = context
        self.passwords = capabilities.passwords
        self.tokens = capabilities.tokens
        self.history = capabilities.history
        self.access_log = capabilities.access_log
        self._capabilities = capabilities
        self._key = key

    @property
    def tenants(self) -> Tenants:
        """All tenants."""
        return self._capabilities.indexes.tenants

    @property
    def scopes(self) -> Scopes:
        """The scope tree of the invocation's tenant."""
        return self._capabilities.indexes.scopes(self.context.tenant)

    @property
    def grants(self) -> Grants:
        """The roles held in the invocation's tenant."""
        return self._capabilities.indexes.grants(self.context.tenant)

    async def find(self, query: Find[R]) -> R | None:
        """See `Edge.find`."""
        return cast("R | None", await self._capabilities.reader.find(cast("Find[Row]", query), self.context.tenant))

    def identifier(self) -> Identifier:
        """See `Edge.identifier`."""
        return identifier_from(self.context.tenant, self._key)


def identifier_from(tenant: TenantId, key: str) -> Identifier:
    """The identifier of what a command makes when its sender gave none: a retry under the same key is given the same."""
    return named(key.rpartition("/")[2], tenant, key)
