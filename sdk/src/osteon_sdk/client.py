"""The client: commands and queries of one tenant, by whoever is logged in."""

import copy
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Self, overload

from msgspec import Struct, structs

from osteon_sdk.contract import Call, Reply, Request, Response, Settling, Transport, call, new_id, positions
from osteon_sdk.memory import Memory, Owed
from osteon_sdk.patience import Patience
from osteon_sdk.problems import (
    NotAuthenticated,
    NotFound,
    OsteonProblem,
    Problem,
    Unreachable,
    Unsettled,
    problem_error,
)
from osteon_sdk.session import Session, Tokens
from osteon_sdk.wire import read_items, read_reply, request, write

__all__ = ["Client"]

MOST_ITEMS = 100
MOST_ROWS = 100


class Terms(Struct, frozen=True, kw_only=True):
    """What a client adds to every call."""

    scope: str | None = None
    action: str | None = None
    locale: str | None = None
    after: tuple[str, ...] | None = None


class Client:
    """Commands and queries of one tenant, by whoever is logged in.

    Fields are keyword arguments in snake_case, and nothing else is: the terms (scope, action, locale, positions) belong
    to the client, and `using` gives the same client on other terms. So no field can collide with an option.

        client = connect("http://acme.localhost:8000")
        await client.log_in("alice@acme.example", "…")
        europe = client.using(scope=eu)
        await europe.command("create-project", project=new_id(), name="Bridge")
        page = await europe.query("list-projects", limit=20)

    A command has a key and is tried again under it when the connection fails or the platform is busy; it is carried out
    once. A query sees what this client's commands did before it.
    """

    def __init__(self, transport: Transport, *, patience: Patience | None = None) -> None:
        """Makes a guest's client.

        Args:
            transport: The way to the tenant; closed with the client.
            patience: How long to go on trying.
        """
        self._transport = transport
        self._patience = patience or Patience()
        self._session = Session(transport, self._patience)
        self._memory = Memory()
        self._terms = Terms()

    async def __aenter__(self) -> Self:
        """Enters a block at whose end the transport is closed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the transport."""
        await self.close()

    async def close(self) -> None:
        """Closes the transport, for all clients that share it."""
        await self._transport.close()

    def using(
        self,
        *,
        scope: str | None = None,
        action: str | None = None,
        locale: str | None = None,
        after: str | Sequence[str] | None = None,
    ) -> "Client":
        """The same client (session, memory, connections) on other terms; what is not given stays.

        Args:
            scope: Where calls happen; without one, in the tenant's root.
            action: The ID of the person's action that calls belong to.
            locale: The language of the person, such as `fr-CH`.
            after: Positions that queries wait for, in place of this client's own; `()` waits for none and may be stale.
        """
        given = {"scope": scope, "action": action, "locale": locale}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if after is not None:
            changes["after"] = positions(after)
        bound = copy.copy(self)
        bound._terms = structs.replace(self._terms, **changes)  # noqa: SLF001 - a copy of ourselves
        return bound

    def action(self) -> "Client":
        """The same client, its calls belonging to one new action of the person: a click that takes several calls."""
        return self.using(action=new_id())

    @property
    def tokens(self) -> Tokens | None:
        """The tokens of who is logged in, None for a guest."""
        return self._session.tokens

    async def log_in(self, email: str, password: str) -> None:
        """Logs in; the session is renewed by itself from then on.

        Raises:
            NotAuthenticated: There is no such person, or the password is another; the platform does not say which.
        """
        reply = await self._session.log_in(email, password)
        self._memory.note(reply)

    def resume(self, tokens: Tokens) -> None:
        """Goes on with a session kept from an earlier run."""
        self._session.resume(tokens)

    async def log_out(self) -> None:
        """Ends the session at the platform and forgets it here, also when the platform has ended it before."""
        if self.tokens is None:
            return
        try:
            await self.command("log-out")
        except NotAuthenticated:
            return
        finally:
            self._session.resume(None)

    @overload
    async def command(self, what: Call, /) -> Reply: ...
    @overload
    async def command(self, what: str, /, **fields: Any) -> Reply: ...
    async def command(self, what: Call | str, /, **fields: Any) -> Reply:
        """Sends a command and brings its answer, once it is durable.

        Args:
            what: The wire name, such as `create-project`; or a `Call`, which holds its fields and its key.
            **fields: The fields in snake_case.

        Raises:
            OsteonProblem: The platform refused; the subclass says how.
            Unreachable: No answer came in time. To learn what became of it, send the `Call` again, or one with the
                error's key.
        """
        made = _called(what, fields)
        try:
            response = await self._send("commands", made, {"Idempotency-Key": made.key})
        except Unreachable as lost:
            raise Unreachable(str(lost), made.key) from lost
        reply = read_reply(response, made.key)
        self._memory.note(reply)
        return reply

    @overload
    async def query(self, what: Call, /) -> Reply: ...
    @overload
    async def query(self, what: str, /, **fields: Any) -> Reply: ...
    async def query(self, what: Call | str, /, **fields: Any) -> Reply:
        """Asks a query; its answer holds what this client's accepted commands did.

        Args:
            what: The wire name, such as `list-projects`; or a `Call`.
            **fields: The fields in snake_case.

        Raises:
            OsteonProblem: The platform refused; `Unavailable` with the key `views.behind` when it is late.
            Unreachable: No answer came in time.
        """
        made = _called(what, fields)
        owed = self._memory.owed(made.type)
        after = self._after(made, owed)
        response = await self._send("queries", made, {"Osteon-After": after} if after else {})
        reply = read_reply(response, None)
        if self._remembers(made):
            self._memory.settle(owed)
        return reply

    async def settled(self, reply: Reply) -> None:
        """Waits until the sagas that hear of what a command did have nothing pending any more.

        Args:
            reply: The command's.

        Raises:
            Unsettled: It takes longer than the client's patience.
            OsteonProblem: Where a saga stands is not for this client to see.
        """
        patience = self._patience
        until, rest = patience.now() + patience.deadline, patience.first / 10
        for settling in reply.settles:
            while not await self._is_settled(settling):
                if patience.now() > until:
                    raise Unsettled(settling.saga, settling.about)
                await patience.rest(rest)
                rest = min(2 * rest, patience.longest)

    async def _is_settled(self, settling: Settling) -> bool:
        try:
            row = (await self.query(f"get-{settling.saga.replace('_', '-')}", **{settling.saga: settling.about})).answer
        except NotFound:
            # It has not begun yet.
            return False
        return bool(row["settled"] and row["heard"] >= settling.event)

    async def browse(self, type: str, /, **fields: Any) -> AsyncIterator[Any]:
        """The rows of a list, page after page.

        Args:
            type: The wire name, such as `list-projects`.
            **fields: The filters in snake_case; `limit` is the size of a page, `cursor` where to begin.

        Yields:
            Rows as dicts.
        """
        asked: dict[str, Any] = {"limit": MOST_ROWS, **fields}
        while True:
            page = (await self.query(type, **asked)).answer
            for row in page["items"]:
                yield row
            if page["next"] is None:
                return
            asked["cursor"] = page["next"]

    async def commands(self, calls: Iterable[Call], *, stop: bool = False) -> list[Reply | OsteonProblem]:
        """Sends many commands with few requests.

        The commands for one entity are carried out in their order; others in any. A problem of one is in its place,
        not raised, and not tried again: that would change the order. More than 100 go in several requests, in turn.

        Args:
            calls: The commands. The same again is a retry.
            stop: Whether what follows a problem is left out, each with `NotRun` in its place.

        Raises:
            OsteonProblem: The platform refused a request as a whole.
            Unreachable: No answer came in time. Give the same calls again to learn what became of them.
        """
        outcomes: list[Reply | OsteonProblem] = []
        for batch in _batches(calls):
            if stop and any(isinstance(outcome, OsteonProblem) for outcome in outcomes):
                outcomes += [_not_run(made) for made in batch]
                continue
            items = [self._item(made, {"key": made.key}) for made in batch]
            response = await self._session.send(self._bulk("/commands", items, stop))
            answered = read_items(response, [made.key for made in batch])
            for outcome in answered:
                if isinstance(outcome, Reply):
                    self._memory.note(outcome)
            outcomes += answered
        return outcomes

    async def queries(self, calls: Iterable[Call]) -> list[Reply | OsteonProblem]:
        """Asks many queries with few requests; a problem of one is in its place.

        Raises:
            OsteonProblem: The platform refused a request as a whole.
            Unreachable: No answer came in time.
        """
        outcomes: list[Reply | OsteonProblem] = []
        for batch in _batches(calls):
            owed = [self._memory.owed(made.type) for made in batch]
            after = [self._after(made, debt) for made, debt in zip(batch, owed, strict=True)]
            items = [self._item(made, {"after": each} if each else {}) for made, each in zip(batch, after, strict=True)]
            response = await self._session.send(self._bulk("/queries", items, stop=False))
            answered = read_items(response, [None] * len(batch))
            for made, debt, outcome in zip(batch, owed, answered, strict=True):
                if isinstance(outcome, Reply) and self._remembers(made):
                    self._memory.settle(debt)
            outcomes += answered
        return outcomes

    async def _send(self, kind: str, made: Call, headers: dict[str, str]) -> Response:
        scope = made.scope or self._terms.scope
        headers |= self._headers() | ({"Osteon-Scope": scope} if scope else {})
        return await self._session.send(request(kind, made, headers))

    def _bulk(self, path: str, items: list[dict[str, Any]], stop: bool) -> Request:
        headers = {"Content-Type": "application/json", **self._headers()}
        return Request(method="POST", path=path, headers=headers, body=write({"items": items, "stop": stop}))

    def _item(self, made: Call, more: Mapping[str, str]) -> dict[str, Any]:
        scope = made.scope or self._terms.scope
        return {"type": made.type, "body": made.fields, **({"scope": scope} if scope else {}), **more}

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        if self._terms.action:
            headers["Osteon-Action"] = self._terms.action
        if self._terms.locale:
            headers["Accept-Language"] = self._terms.locale
        return headers

    def _after(self, made: Call, owed: Owed) -> str:
        for chosen in (made.after, self._terms.after, owed.positions):
            if chosen is not None:
                return ",".join(chosen)
        return ""

    def _remembers(self, made: Call) -> bool:
        return made.after is None and self._terms.after is None


def _called(what: Call | str, fields: dict[str, Any]) -> Call:
    if isinstance(what, str):
        return call(what, **fields)
    if fields:
        message = f"A call holds its fields; give '{', '.join(fields)}' to call('{what.type}', …)."
        raise TypeError(message)
    return what


def _batches(calls: Iterable[Call]) -> Iterator[list[Call]]:
    rest = iter(calls)
    while batch := list(islice(rest, MOST_ITEMS)):
        yield batch


def _not_run(made: Call) -> OsteonProblem:
    return problem_error(Problem(status=424, key="not-run", retryable=True, idempotency_key=made.key))
