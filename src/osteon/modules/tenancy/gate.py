"""What happens before tenancy's commands are sent: the password becomes a hash, identifiers are drawn."""

from osteon.model import HOUSE, AccountId, Identifier, Refused, ScopeId, Sealed, TenantId, named
from osteon.modules.tenancy.scopes import AddScope, GrowScopeTree, TreeId
from osteon.modules.tenancy.tenant import EnterTenant, OpenTenant
from osteon.ports.edge import Edge

__all__ = ["prepare_add_scope", "prepare_open_tenant"]


async def prepare_open_tenant(command: OpenTenant, edge: Edge) -> EnterTenant:
    """Hashes the first administrator's password; a name that is taken is refused here, before it is recorded."""
    if edge.context.tenant != HOUSE:
        raise Refused("tenancy.only-in-house")
    tenant = command.tenant or TenantId(edge.identifier())
    known = edge.tenants.named(command.name)
    if known is not None and known.tenant != tenant:
        raise Refused("tenancy.name-taken", name=command.name)
    return EnterTenant(
        tenant=tenant,
        name=command.name,
        type=command.type,
        root=ScopeId(named(tenant, tenant, "root")),
        administrator=AccountId(named(tenant, tenant, "administrator")),
        email=command.email,
        person=command.person,
        password=Sealed(await edge.passwords.hash(command.password.reveal())),
        locale=command.locale,
    )


async def prepare_add_scope(command: AddScope, edge: Edge) -> GrowScopeTree:
    """Finds the tenant's tree, and an identifier where the client gave none."""
    return GrowScopeTree(
        tree=TreeId(Identifier(edge.context.scope.root)),
        scope=command.scope or ScopeId(edge.identifier()),
        parent=command.parent,
        name=command.name,
    )
