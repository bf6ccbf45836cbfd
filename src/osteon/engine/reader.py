"""The reader: answers queries from views, histories and the modules' own answers, and waits for a place where one is asked."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from osteon.context import Authenticated, InvocationContext
from osteon.domain import Browse, Change, EntityHistory, Find, Page, Product, Row
from osteon.engine.indexes import Indexes
from osteon.engine.place import Place, count_token
from osteon.engine.processor import Processor
from osteon.messages import Entry, Position, Query, Recorded, wire_name
from osteon.model import Refused, ScopeId, Sealed, TenantId, answer_json, decoder, plain
from osteon.ports.drain import Drain
from osteon.ports.edge import Edge
from osteon.ports.history import History
from osteon.ports.views import Selection, Views

__all__ = ["Answered", "Reader"]

AnyQuery = Query[Any]

_CURSOR = re.compile("[0-9a-f]{1,12}")


class Answered(NamedTuple):
    """An answer: its JSON, how many rows it has, and the place up to which the views were."""

    body: bytes
    rows: int
    place: str


class Reader:
    """Answers queries of all tenants."""

    def __init__(
        self,
        product: Product,
        views: Views,
        history: History,
        indexes: Indexes,
        drain: Drain,
        processor: Processor,
        bound: float = 2.0,
    ) -> None:
        """Puts a reader together; `bound` is how many seconds a query waits for its place."""
        self._product = product
        self._views = views
        self._history = history
        self._indexes = indexes
        self._drain = drain
        self._processor = processor
        self._bound = bound

    async def ask(
        self, query: AnyQuery, context: InvocationContext, after: list[Place], edge: Callable[[], Edge]
    ) -> Answered:
        """Answers a query.

        Args:
            query: What is asked.
            context: In which context; its scope says how far the query sees.
            after: Places that the views must have reached.
            edge: Makes the edge for a module's own answer.

        Raises:
            Refused: `<module>.not-found`, `views.behind`, `invalid-position`, `invalid-cursor`.
        """
        tenant = context.tenant
        if after:
            await self._wait(tenant, after)
        place = count_token(self._processor.drained_entries(tenant))
        kind = type(query)
        view = self._product.views.get(kind)
        if view is not None:
            body, rows = await self._from_view(query, context)
        elif kind in self._product.answering:
            answer = await self._product.answering[kind].answer(query, edge())
            body, rows = answer_json(answer), len(getattr(answer, "items", "1"))
        else:
            page = await self._changes(cast("EntityHistory", query), context)
            body, rows = answer_json(page), len(page.items)
        return Answered(body, rows, place)

    async def find(self, query: Find[Row], tenant: TenantId) -> Row | None:
        """The row that a query finds anywhere in the tenant, having waited for all that is durable now."""
        if not await self._drain.reached(self._processor.last_batch(tenant), self._bound):
            raise Refused("views.behind", retryable=True)
        view = self._product.views[type(query)]
        body = await self._views.find(tenant, self._selection(query, None))
        return None if body is None else decoder(view.row).decode(body)

    async def _wait(self, tenant: TenantId, after: list[Place]) -> None:
        for place in after:
            if not self._processor.has(tenant, place):
                raise Refused("invalid-position")
        if not await self._drain.reached(self._processor.last_batch(tenant), self._bound):
            raise Refused("views.behind", retryable=True)

    async def _from_view(self, query: AnyQuery, context: InvocationContext) -> tuple[bytes, int]:
        scopes = self._scopes(context)
        selection = self._selection(query, scopes)
        # What is the whole tenant's lives in the root: from a scope below there is nothing of it to be seen.
        hidden = scopes is not None and not self._product.views[type(query)].scoped
        if not isinstance(query, Browse):
            body = None if hidden else await self._views.find(context.tenant, selection)
            if body is None:
                raise Refused(f"{self._product.catalogue[wire_name(type(query))].module}.not-found")
            return body, 1
        if hidden:
            return b'{"items":[],"next":null}', 0
        limit, cursor = query.limit, query.cursor
        found = await self._views.browse(context.tenant, selection, limit, cursor)
        following = b"null" if found.next is None else b'"' + found.next.encode() + b'"'
        return b'{"items":[' + b",".join(found.bodies) + b'],"next":' + following + b"}", len(found.bodies)

    def _scopes(self, context: InvocationContext) -> list[ScopeId] | None:
        """The scope and all below it; None for the whole tenant."""
        if context.scope.id == context.scope.root:
            return None
        return list(self._indexes.scopes(context.tenant).below(context.scope.id))

    def _selection(self, query: AnyQuery, scopes: list[ScopeId] | None) -> Selection:
        view = self._product.views[type(query)]
        equal: dict[str, Any] = {}
        contains: dict[str, str] = {}
        for field, anywhere in view.filters[type(query)].items():
            value: Any = getattr(query, field)
            if value is None:
                continue
            value = plain(value)
            if anywhere:
                contains[field] = value
            else:
                equal["key" if field == view.key else field] = value
        return Selection(view.name, scopes if view.scoped else None, equal, contains)

    async def _changes(self, query: EntityHistory, context: InvocationContext) -> Page[Change]:
        decider = self._product.histories[type(query)]
        entity: str = getattr(query, decider.entity)
        if not await self._is_within(decider.entity, entity, context):
            raise Refused(f"{self._product.module_of(decider)}.not-found")
        part = await self._history.changes(context.tenant, entity, _cursor(query.cursor), query.limit)
        # Clients draw identifiers: another kind of entity may have the same, and its history is not asked for.
        entries = [entry for entry in part.entries if entry.entity_type == decider.entity]
        items = tuple(change for entry in entries for change in self._changes_of(entry))
        return Page(items=items, next=None if part.next is None else f"{part.next:x}")

    def _changes_of(self, entry: Entry) -> list[Change]:
        access = entry.context.access
        behind = access.actor.on_behalf_of if isinstance(access, Authenticated) else None
        return [
            Change(
                event=event.type,
                data=self._data(event),
                at=entry.context.at,
                account=entry.context.account,
                on_behalf_of=behind.account if behind else None,
                invocation=entry.context.trace.current,
                position=Position(*entry.position).token,
            )
            for event in entry.events
        ]

    def _data(self, recorded: Recorded) -> dict[str, Any]:
        """The fields of an event as they are answered: without what is sealed."""
        message = self._product.catalogue[recorded.type]
        event = message.decoder.decode(recorded.body)
        values = {wire: getattr(event, name) for name, wire in message.fields.items()}
        return {wire: value for wire, value in values.items() if not isinstance(value, Sealed)}

    async def _is_within(self, entity_type: str, entity: str, context: InvocationContext) -> bool:
        """Whether an entity is visible from the scope: it has a row in one of its entity's views there."""
        scopes = self._scopes(context)
        for view in self._product.all_views:
            if view.key == entity_type and (view.scoped or scopes is None):
                selection = Selection(view.name, scopes, {"key": entity}, {})
                if await self._views.find(context.tenant, selection) is not None:
                    return True
        return False


def _cursor(cursor: str | None) -> int:
    if cursor is not None and _CURSOR.fullmatch(cursor) is None:
        raise Refused("invalid-cursor")
    return int(cursor or "0", 16)
