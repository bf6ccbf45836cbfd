"""Tenancy: tenants, and the tree of scopes within each."""

from osteon.domain import ADMINISTRATOR, READER, Module, Prepare
from osteon.modules.tenancy.gate import prepare_add_scope, prepare_open_tenant
from osteon.modules.tenancy.paths import GetScope, ListScopes, paths
from osteon.modules.tenancy.provisioning import open_tree
from osteon.modules.tenancy.registry import GetTenant, ListTenants, registry
from osteon.modules.tenancy.scopes import AddScope, tree
from osteon.modules.tenancy.tenant import EnterTenant, OpenTenant, TenantOpened, tenant

__all__ = ["EnterTenant", "TenantOpened", "tenancy"]

tenancy = Module(
    "tenancy",
    parts=[tenant, registry, tree, paths, open_tree, Prepare(prepare_open_tenant), Prepare(prepare_add_scope)],
    exports=[TenantOpened],
    grants={
        READER: [GetScope, ListScopes],
        ADMINISTRATOR: [OpenTenant, GetTenant, ListTenants, AddScope],
    },
)
