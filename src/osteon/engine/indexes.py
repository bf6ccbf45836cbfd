"""Indexes: views kept in the server's memory because something is decided by them; up to date before any reply leaves."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from osteon.domain import Index, Product, View
from osteon.engine.batches import Committed
from osteon.model import HOUSE, Misdeclared, ScopeId, TenantId, decoder
from osteon.ports.dead_letters import DeadLetters
from osteon.ports.directory import Grants, Scopes, Sessions, Tenants
from osteon.ports.sink_places import SinkPlaces
from osteon.ports.views import Views

__all__ = ["Directory", "Filled", "Indexes"]

AnyView = View[Any, Any, Any]

PORTS = (Tenants, Scopes, Grants, Sessions, DeadLetters, SinkPlaces)


class Filled(NamedTuple):
    """The indexes of one tenant by view, and the rows that later events will change."""

    indexes: dict[str, Index[Any]]
    rows: dict[str, dict[str, Any]]


class Directory(NamedTuple):
    """What is known of one tenant before anything is decided in it; and all tenants."""

    tenants: Tenants
    scopes: Scopes
    grants: Grants
    sessions: Sessions


class Indexes:
    """The indexes of every tenant that was opened."""

    def __init__(self, product: Product, views: Views) -> None:
        """Finds the views that are kept in memory; `read` and `install` fill them, tenant by tenant."""
        self._views = views
        self._kept = [view for view in product.all_views if view.index is not None]
        self._followed: dict[type[Any], list[AnyView]] = {}
        for view in self._kept:
            for event in view.events:
                self._followed.setdefault(event, []).append(view)
        self._providers: dict[Any, str] = {port: self._provider(port) for port in PORTS}
        self._indexes: dict[TenantId, dict[str, Index[Any]]] = {}
        self._rows: dict[TenantId, dict[str, dict[str, Any]]] = {}

    @property
    def tenants(self) -> Tenants:
        """All tenants: known from the tenant `house`."""
        found: Tenants = self._of(HOUSE, Tenants)
        return found

    def of(self, tenant: TenantId) -> Directory:
        """The directory of a tenant that was opened: the same, and up to date, from then on."""
        return Directory(self.tenants, self._of(tenant, Scopes), self._of(tenant, Grants), self._of(tenant, Sessions))

    def scopes(self, tenant: TenantId) -> Scopes:
        """The tenant's scope tree."""
        found: Scopes = self._of(tenant, Scopes)
        return found

    def grants(self, tenant: TenantId) -> Grants:
        """The roles held in the tenant."""
        found: Grants = self._of(tenant, Grants)
        return found

    @property
    def letters(self) -> type[DeadLetters]:
        """How the product keeps dead letters."""
        name = self._providers[DeadLetters]
        (found,) = [view.index for view in self._kept if view.name == name]
        return cast("type[DeadLetters]", found)

    def dead_letters(self, tenant: TenantId) -> DeadLetters:
        """What waits in a tenant to be done again."""
        found: DeadLetters = self._of(tenant, DeadLetters)
        return found

    def sink_places(self, tenant: TenantId) -> SinkPlaces:
        """How far the sinks of a tenant have come."""
        found: SinkPlaces = self._of(tenant, SinkPlaces)
        return found

    def opened(self) -> list[TenantId]:
        """The tenants that are open."""
        return list(self._indexes)

    def kept(self, tenant: TenantId, view: str) -> Index[Any]:
        """What a view that is kept in memory keeps of a tenant that is open."""
        return self._indexes[tenant][view]

    def root(self, tenant: TenantId) -> ScopeId:
        """The root scope of a tenant."""
        entry = self.tenants.with_id(tenant)
        assert entry is not None
        return entry.root

    def is_open(self, tenant: TenantId) -> bool:
        """Whether the tenant's indexes are filled."""
        return tenant in self._indexes

    def install(self, tenant: TenantId, read: Filled) -> None:
        """Takes indexes into use; nothing may have become durable in the tenant since they were read."""
        self._indexes[tenant], self._rows[tenant] = read

    async def read(self, tenant: TenantId) -> Filled:
        """Fills indexes from the tenant's views, which must hold all that is durable."""
        indexes: dict[str, Index[Any]] = {}
        rows: dict[str, dict[str, Any]] = {}
        for view in self._kept:
            assert view.index is not None
            index = indexes[view.name] = view.index()
            kept = rows[view.name] = {}
            decode = decoder(view.row).decode
            async for body in self._views.all(tenant, view.name):
                row = decode(body)
                index.put(row)
                if view.evolving:
                    kept[getattr(row, view.key)] = row
        return Filled(indexes, rows)

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """See `Follower.follow`."""
        for each in committed:
            for event in each.events:
                kind: type[Any] = event.__class__
                for view in self._followed.get(kind, ()):
                    self._fold(each.tenant, view, event)

    def _provider(self, port: type[Any]) -> str:
        """The view whose index is a port of the directory: its class says so by its base."""
        for view in self._kept:
            if port in getattr(view.index, "__mro__", ()):
                return view.name
        raise Misdeclared(
            f"No view of the product keeps an index that is a '{port.__name__}'; add the module that does."
        )

    def _of(self, tenant: TenantId, port: Any) -> Any:
        return self._indexes[tenant][self._providers[port]]

    def _fold(self, tenant: TenantId, view: AnyView, event: Any) -> None:
        indexes = self._indexes.get(tenant)
        if indexes is None:
            return
        index, rows = indexes[view.name], self._rows[tenant][view.name]
        key = getattr(event, view.key)
        before = rows.get(key)
        after = view.begin(event) if isinstance(event, view.beginning) else _evolve(view, event, before)
        if before is not None and after is None:
            index.drop(before)
            del rows[key]
        elif after is not None:
            index.put(after)
            if view.evolving:
                rows[key] = after


def _evolve(view: AnyView, event: Any, before: Any) -> Any:
    if before is None or view.evolve is None:
        return None
    return view.evolve(event, before)
