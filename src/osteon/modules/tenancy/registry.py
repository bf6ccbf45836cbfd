"""The registry: all tenants by name, kept in memory because every request asks it."""

from collections.abc import Sequence

from osteon.domain import Browse, Find, Row, View
from osteon.model import ScopeId, TenantId
from osteon.modules.tenancy.tenant import TenantOpened
from osteon.ports.directory import TenantEntry, Tenants

__all__ = ["GetTenant", "ListTenants", "Registry", "TenantRow", "registry"]


class TenantRow(Row):
    """A tenant in the registry."""

    tenant: TenantId
    name: str
    type: str
    root: ScopeId


class GetTenant(Find[TenantRow]):
    """One tenant."""

    tenant: TenantId


class ListTenants(Browse[TenantRow]):
    """All tenants of the installation."""

    name: str | None = None
    type: str | None = None


class Registry(Tenants):
    """The tenants in memory."""

    def __init__(self) -> None:
        """An empty registry."""
        self._by_name: dict[str, TenantEntry] = {}
        self._by_id: dict[TenantId, TenantEntry] = {}

    def put(self, row: TenantRow) -> None:
        """See `Index.put`; the first tenant with a name keeps it."""
        entry = TenantEntry(tenant=row.tenant, name=row.name, type=row.type, root=row.root)
        self._by_id[row.tenant] = entry
        self._by_name.setdefault(row.name, entry)

    def drop(self, row: TenantRow) -> None:
        """See `Index.drop`."""
        del self._by_id[row.tenant], self._by_name[row.name]

    def named(self, name: str) -> TenantEntry | None:
        """See `Tenants.named`."""
        return self._by_name.get(name)

    def with_id(self, tenant: TenantId) -> TenantEntry | None:
        """See `Tenants.with_id`."""
        return self._by_id.get(tenant)

    def all(self) -> Sequence[TenantEntry]:
        """See `Tenants.all`."""
        return list(self._by_id.values())


def begin(event: TenantOpened) -> TenantRow:
    """A tenant's row."""
    return TenantRow(tenant=event.tenant, name=event.name, type=event.type, root=event.root)


registry = View(begin=begin, queries=[GetTenant, ListTenants], index=Registry)
