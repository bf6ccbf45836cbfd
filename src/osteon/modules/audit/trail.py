"""The trail of an account: all it ever asked, commands and queries alike, newest first."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Page
from osteon.messages import Entry, Query
from osteon.model import Identifier, InvocationId, Problem, Refused, Value, is_identifier
from osteon.ports.access_log import Access
from osteon.ports.edge import Edge

__all__ = ["Invocation", "ListMyInvocations", "list_my_invocations"]


class Invocation(Value):
    """One invocation of an account: what, when, how it ended, with its whole context.

    `rows` is how many rows a query was answered; `position` is where a command is recorded.
    """

    invocation: InvocationId
    kind: Literal["command", "query", "refusal"]
    type: str
    at: datetime
    outcome: str
    problem: Problem | None = None
    rows: int | None = None
    position: str | None = None
    parameters: dict[str, Any] | None = None
    context: InvocationContext


class ListMyInvocations(Query[Page[Invocation]]):
    """What the asking account did and looked at, newest first."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    cursor: str | None = None


async def list_my_invocations(query: ListMyInvocations, edge: Edge) -> Page[Invocation]:
    """Merges the history by actor with the access log.

    Raises:
        Refused: `invalid-cursor`.
    """
    account = edge.context.account
    if account is None:
        raise Refused("token-missing")
    if query.cursor is not None and not is_identifier(query.cursor):
        raise Refused("invalid-cursor")
    before = None if query.cursor is None else InvocationId(Identifier(query.cursor))
    tenant, limit = edge.context.tenant, query.limit
    done = [_done(entry) for entry in await edge.history.by_account(tenant, account, before, limit + 1)]
    seen = [_seen(access) for access in await edge.access_log.by_account(tenant, account, before, limit + 1)]
    newest = sorted([*done, *seen], key=lambda each: each.invocation, reverse=True)
    return Page(items=tuple(newest[:limit]), next=newest[limit - 1].invocation if len(newest) > limit else None)


def _done(entry: Entry) -> Invocation:
    return Invocation(
        invocation=entry.context.trace.current,
        kind="command",
        type=entry.command.type,
        at=entry.context.at,
        outcome=entry.verdict,
        problem=entry.problem,
        position=entry.position.token,
        context=entry.context,
    )


def _seen(access: Access) -> Invocation:
    return Invocation(
        invocation=access.context.trace.current,
        kind="refusal" if access.refused else "query",
        type=access.type,
        at=access.at,
        outcome="refused" if access.refused else "answered",
        problem=Problem(key=access.refused) if access.refused else None,
        rows=None if access.refused else access.rows,
        parameters=msgspec.json.decode(access.parameters),
        context=access.context,
    )
