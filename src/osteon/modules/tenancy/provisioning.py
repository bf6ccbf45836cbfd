"""Provisioning: when a tenant is open in `house`, its scope tree is opened in the tenant itself."""

from collections.abc import Sequence

from osteon.context import InvocationContext
from osteon.domain import Ask, Reaction
from osteon.model import Identifier
from osteon.modules.tenancy.scopes import OpenScopeTree, TreeId
from osteon.modules.tenancy.tenant import TenantOpened

__all__ = ["open_tree"]


def react(event: TenantOpened, context: InvocationContext) -> Sequence[Ask]:
    """The root scope bears the name that people know the whole by."""
    command = OpenScopeTree(tree=TreeId(Identifier(event.root)), name="Global")
    return [Ask(command=command, scope=event.root, tenant=event.tenant)]


open_tree = Reaction("open-scope-tree", react)
