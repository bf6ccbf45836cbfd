"""Access: which account holds which role in which scope."""

from osteon.domain import ADMINISTRATOR, Module
from osteon.modules.access.holding import GrantRole, RevokeRole, holding
from osteon.modules.access.holdings import GetHolding, ListHoldings, holdings
from osteon.modules.access.provisioning import grant_administrator

__all__ = ["access"]

access = Module(
    "access",
    parts=[holding, holdings, grant_administrator],
    grants={ADMINISTRATOR: [GrantRole, RevokeRole, GetHolding, ListHoldings]},
)
