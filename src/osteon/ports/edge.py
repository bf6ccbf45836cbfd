"""The edge: what a module's prepare, present and answer may use."""

from typing import Protocol, TypeVar

from osteon.context import InvocationContext
from osteon.domain import Find, Row
from osteon.model import Identifier
from osteon.ports.access_log import AccessLog
from osteon.ports.directory import Grants, Scopes, Tenants
from osteon.ports.history import History
from osteon.ports.passwords import Passwords
from osteon.ports.tokens import Tokens

__all__ = ["Edge"]

R = TypeVar("R", bound=Row)


class Edge(Protocol):
    """Capabilities at the edge, for one invocation."""

    @property
    def context(self) -> InvocationContext:
        """The invocation's context."""
        ...

    @property
    def passwords(self) -> Passwords:
        """Hashes and checks passwords."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Mints and reads tokens."""
        ...

    @property
    def tenants(self) -> Tenants:
        """All tenants."""
        ...

    @property
    def scopes(self) -> Scopes:
        """The scope tree of the invocation's tenant."""
        ...

    @property
    def grants(self) -> Grants:
        """The roles held in the invocation's tenant."""
        ...

    @property
    def history(self) -> History:
        """What was recorded."""
        ...

    @property
    def access_log(self) -> AccessLog:
        """Who asked what."""
        ...

    async def find(self, query: Find[R]) -> R | None:
        """The row that a query finds anywhere in the tenant, having waited for all that was durable when it was asked."""
        ...

    def identifier(self) -> Identifier:
        """The identifier of a new entity, derived from the idempotency key: a retry is given the same."""
        ...
