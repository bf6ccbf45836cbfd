"""Provisioning: a new tenant's first administrator holds that role in the root."""

from collections.abc import Sequence

from osteon.context import InvocationContext
from osteon.domain import Ask, Reaction
from osteon.model import named
from osteon.modules.access.holding import GrantRole, HoldingId
from osteon.modules.tenancy import TenantOpened

__all__ = ["grant_administrator"]


def react(event: TenantOpened, context: InvocationContext) -> Sequence[Ask]:
    """The identifier is derived, so that the role is granted once."""
    identifier = HoldingId(named(event.tenant, event.tenant, "administrator's role"))
    command = GrantRole(holding=identifier, account=event.administrator, role="administrator")
    return [Ask(command=command, scope=event.root, tenant=event.tenant)]


grant_administrator = Reaction("grant-administrator", react)
