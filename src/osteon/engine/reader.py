"""The reader: answers queries from views, histories and the modules' own answers, and waits for a place where one is asked."""

import re
from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple, cast

import msgspec

from osteon.context import Authenticated, InvocationContext
from osteon.domain import Browse, Change, EntityHistory, Find, Page, Product, Row, View
from osteon.engine.indexes import Indexes
from osteon.engine.place import Place, count_token
from osteon.engine.processor import Processor
from osteon.messages import Entry, Position, Query, Recorded, wire_name
from osteon.model import Refused, ScopeId, Sealed, TenantId, answer_json, decoder, plain
from osteon.ports.drain import Drain
from osteon.ports.edge import Edge
from osteon.ports.history import History
from osteon.ports.views import Selection, Standing, Views

__all__ = ["Answered", "Reader"]

AnyQuery = Query[Any]

_CURSOR = re.compile("[0-9a-f]{1,12}")


class Answered(NamedTuple):
    """An answer: its JSON, how many rows it has, and the place up to which the views were."""

    body: bytes
    rows: int
    place: str


class _Asking(msgspec.Struct, frozen=True):
    """A query that a view answers: which, by which columns, and what is said when nothing is found.

    Each of `equal` and `contains` is the name of a field and that of the column it must be equal to, or stand in.
    """

    view: View[Any, Any, Any]
    browses: bool
    equal: tuple[tuple[str, str], ...]
    contains: tuple[tuple[str, str], ...]
    not_found: str


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
        self._asking = {query: _asking(product, query) for query in product.views}
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
            Refused: `<module>.not-found`, `views.behind`, `views.rebuilding`, `views.stopped`, `invalid-position`,
                `invalid-cursor`.
        """
        tenant = context.tenant
        if after:
            await self._wait(tenant, after)
        place = count_token(self._processor.drained_entries(tenant))
        kind = type(query)
        asking = self._asking.get(kind)
        if asking is not None:
            standing = self._drain.standing(tenant, asking.view.name)
            if standing is not None and standing.place is not None:
                place = count_token(_old_place(standing, after))
            body, rows = await self._from_view(asking, query, context)
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
            raise Refused("views.behind", retryable=True, entries=self._processor.lag(tenant))
        asking = self._asking[type(query)]
        standing = self._drain.standing(tenant, asking.view.name)
        if standing is not None and standing.place is not None:
            # Something depends on the row: an older one will not do.
            raise _refusal(standing)
        body = await self._views.find(tenant, _selection(asking, query, None))
        return None if body is None else decoder(asking.view.row).decode(body)

    async def _wait(self, tenant: TenantId, after: list[Place]) -> None:
        """Waits until the views have the places. Nobody remembers which batch had a place: the tenant's last one is behind it."""
        for place in after:
            if not self._processor.has(tenant, place):
                raise Refused(
                    "invalid-position", position=count_token(place) if isinstance(place, int) else place.token
                )
        if not await self._drain.reached(self._processor.last_batch(tenant), self._bound):
            raise Refused("views.behind", retryable=True, entries=self._processor.lag(tenant))

    async def _from_view(self, asking: _Asking, query: AnyQuery, context: InvocationContext) -> tuple[bytes, int]:
        scopes = self._scopes(context)
        # What is the whole tenant's lives in the root: from a scope below there is nothing of it to be seen.
        hidden = scopes is not None and not asking.view.scoped
        if not asking.browses:
            body = None if hidden else await self._views.find(context.tenant, _selection(asking, query, scopes))
            if body is None:
                raise Refused(asking.not_found)
            return body, 1
        if hidden:
            return b'{"items":[],"next":null}', 0
        browse = cast("Browse[Row]", query)
        selection = _selection(asking, query, scopes)
        found = await self._views.browse(context.tenant, selection, browse.limit, browse.cursor)
        following = b"null" if found.next is None else b'"' + found.next.encode() + b'"'
        return b'{"items":[' + b",".join(found.bodies) + b'],"next":' + following + b"}", len(found.bodies)

    def _scopes(self, context: InvocationContext) -> list[ScopeId] | None:
        """The scope and all below it; None for the whole tenant."""
        path = context.scope.path
        if len(path) == 1:
            return None
        return list(self._indexes.scopes(context.tenant).below(path[-1]))

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
        behind: Standing | None = None
        for view in self._product.all_views:
            if view.key == entity_type and (view.scoped or scopes is None):
                standing = self._drain.standing(context.tenant, view.name)
                if standing is not None and standing.place is not None:
                    # By older rows, it may be where it is no longer.
                    behind = standing
                    continue
                selection = Selection(view.name, scopes, {"key": entity}, {})
                if await self._views.find(context.tenant, selection) is not None:
                    return True
        if behind is not None:
            raise _refusal(behind)
        return False


def _asking(product: Product, query: type[Any]) -> _Asking:
    view = product.views[query]
    columns = {field: "key" if field == view.key else field for field in view.filters[query]}
    return _Asking(
        view=view,
        browses=issubclass(query, Browse),
        equal=tuple((field, columns[field]) for field, anywhere in view.filters[query].items() if not anywhere),
        contains=tuple((field, field) for field, anywhere in view.filters[query].items() if anywhere),
        not_found=f"{product.catalogue[wire_name(query)].module}.not-found",
    )


def _old_place(standing: Standing, after: list[Place]) -> int:
    """How many entries the rows have of a view that does not follow, where they may answer a query.

    Raises:
        Refused: It stopped, its rows are not such as queries ask for now, or they may not have what is asked for.
    """
    place = standing.place or 0
    # Where a position stands among all entries, nobody knows: whoever names one must be sure to see it.
    seen = all(isinstance(each, int) and each <= place for each in after)
    if standing.stop is not None or not standing.fits or not seen:
        raise _refusal(standing)
    return place


def _refusal(standing: Standing) -> Refused:
    if standing.stop is not None:
        return Refused("views.stopped", view=standing.view)
    left = standing.seconds_left
    seconds = None if left is None else ceil(left)
    return Refused("views.rebuilding", retryable=True, view=standing.view, percent=standing.percent, seconds=seconds)


def _selection(asking: _Asking, query: AnyQuery, scopes: list[ScopeId] | None) -> Selection:
    """What a query selects: by whatever fields are given."""
    equal = {column: plain(value) for field, column in asking.equal if (value := getattr(query, field)) is not None}
    contains = {
        column: plain(value) for field, column in asking.contains if (value := getattr(query, field)) is not None
    }
    return Selection(asking.view.name, scopes if asking.view.scoped else None, equal, contains)


def _cursor(cursor: str | None) -> int:
    if cursor is not None and _CURSOR.fullmatch(cursor) is None:
        raise Refused("invalid-cursor")
    return int(cursor or "0", 16)
