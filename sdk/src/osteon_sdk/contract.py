"""The contract: what is asked, what comes back, and what carries both.

A `Call` is one command or query, a `Reply` its answer. A `Transport` exchanges a `Request` for a `Response` and knows
nothing of either; whoever writes one (over HTTP, in process, in a test) implements two methods.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, structs
from ulid import ULIDGenerator

__all__ = ["Call", "Reply", "Request", "Response", "Transport", "call", "new_id"]


class Request(Struct, frozen=True, kw_only=True):
    """What a transport carries to the platform."""

    method: str
    path: str
    """Begins with `/`; the transport knows the tenant's host."""
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        """Shows method and path alone: headers hold tokens, bodies passwords."""
        return f"Request({self.method} {self.path})"


class Response(Struct, frozen=True, kw_only=True):
    """What a transport brings back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    def __repr__(self) -> str:
        """Shows the status alone: a body may hold tokens."""
        return f"Response({self.status})"


class Transport(Protocol):
    """The way to one tenant of one installation.

    One exchange is one attempt: retries, time limits as a whole, tokens and keys are the client's business. Exchanges
    run concurrently.
    """

    async def exchange(self, request: Request) -> Response:
        """Carries the request and brings the response, whatever its status.

        Raises:
            Unreachable: No complete response came. Whether the request arrived is unknown.
        """
        ...

    async def close(self) -> None:
        """Lets go of what the transport holds; exchanges are over by then."""
        ...


class Call(Struct, frozen=True, kw_only=True):
    """One command or query, made by `call`.

    A call has its key from the moment it is made. To give the same call again is a retry, also after minutes and by
    another client of the same person: a command that was accepted is not carried out twice.
    """

    type: str
    """The wire name, such as `create-project`."""
    fields: Mapping[str, Any]
    key: str
    """The idempotency key of a command; a query does not use it."""
    scope: str | None = None
    """Where it happens; without one, the scope of the client that sends it."""
    after: Sequence[str] | None = None
    """The positions a query waits for; without any, what the client remembers."""

    def __repr__(self) -> str:
        """Leaves the values of the fields out: one may be a password."""
        return f"Call({self.type!r}, {', '.join(self.fields)}, key={self.key!r})"

    def using(
        self, *, key: str | None = None, scope: str | None = None, after: str | Sequence[str] | None = None
    ) -> "Call":
        """The same call on other terms; what is not given stays.

        Args:
            key: A ULID or UUID of your own, for instance one kept from an earlier run.
            scope: Where it happens.
            after: Positions that a query waits for; `()` waits for none.
        """
        return structs.replace(
            self,
            key=self.key if key is None else key,
            scope=self.scope if scope is None else scope,
            after=self.after if after is None else positions(after),
        )


class Settling(Struct, frozen=True, kw_only=True):
    """A saga that hears of what a command did."""

    saga: str
    """Its name in snake_case: where it stands is asked with `get-<saga>`."""
    about: str
    """The identifier of what it is about, and its own."""
    event: str
    """The identifier of what it hears of."""


class Reply(Struct, frozen=True, kw_only=True):
    """The answer to an accepted command, or to a query."""

    answer: Any
    """Plain Python: None, bool, numbers, str, list, and dict with names in snake_case."""
    invocation: str
    """The invocation's ID: the audit knows it by this."""
    position: str
    """Give it as `after` to a query elsewhere that must see this."""
    replayed: bool = False
    """Whether the command had been accepted before, under the same key."""
    idempotency_key: str | None = None
    """The key of a command; a query has none."""
    settles: tuple[Settling, ...] = ()
    """The sagas that go on with what the command did; `Client.settled` waits for them."""


def call(type: str, /, **fields: Any) -> Call:
    """Makes a call to be sent now, later or in bulk.

    Args:
        type: The wire name, such as `create-project`.
        **fields: The fields in snake_case; one whose name Python reserves takes an underscore at its end (`from_`).
    """
    return Call(type=type, fields=fields, key=new_id())


def new_id() -> str:
    """A new ULID, greater than any made before in this process: for keys and for entities the client names."""
    return str(_identifiers.generate())


def positions(after: str | Sequence[str]) -> tuple[str, ...]:
    """One position or several, as several."""
    return (after,) if isinstance(after, str) else tuple(after)


class _ForwardClock:
    """Milliseconds that never go back, as the order of new ULIDs needs."""

    def __init__(self) -> None:
        self._latest = 0

    def __call__(self) -> int:
        self._latest = max(self._latest, time.time_ns() // 1_000_000)
        return self._latest


_identifiers = ULIDGenerator(clock=_ForwardClock())
