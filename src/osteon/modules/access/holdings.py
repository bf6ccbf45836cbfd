"""The roles held, kept in memory because every invocation asks what its account may do."""

from osteon.domain import Browse, Find, Row, View
from osteon.model import AccountId, ScopeId, replace
from osteon.modules.access.holding import HoldingId, RoleGranted, RoleRevoked
from osteon.ports.directory import Grants
from osteon.ports.policies import RoleHeld

__all__ = ["GetHolding", "HeldRoles", "HoldingRow", "ListHoldings", "holdings"]


class HoldingRow(Row):
    """A role that an account holds in a scope."""

    holding: HoldingId
    account: AccountId
    role: str
    scope: ScopeId
    revoked: bool = False


class GetHolding(Find[HoldingRow]):
    """One role held."""

    holding: HoldingId


class ListHoldings(Browse[HoldingRow]):
    """The roles held in a scope and below it."""

    account: AccountId | None = None
    role: str | None = None
    revoked: bool | None = False


class HeldRoles(Grants):
    """The roles of each account in memory."""

    def __init__(self) -> None:
        """Nobody holds anything."""
        self._held: dict[AccountId, dict[HoldingId, RoleHeld]] = {}
        self._generations: dict[AccountId, int] = {}

    def put(self, row: HoldingRow) -> None:
        """See `Index.put`; a role that was revoked is not held."""
        held = self._held.setdefault(row.account, {})
        if row.revoked:
            held.pop(row.holding, None)
        else:
            held[row.holding] = RoleHeld(row.role, row.scope)
        self._generations[row.account] = self.generation(row.account) + 1

    def drop(self, row: HoldingRow) -> None:
        """See `Index.drop`."""
        self._held[row.account].pop(row.holding, None)
        self._generations[row.account] = self.generation(row.account) + 1

    def held(self, account: AccountId) -> tuple[RoleHeld, ...]:
        """See `Grants.held`."""
        return tuple(self._held.get(account, {}).values())

    def generation(self, account: AccountId) -> int:
        """See `Grants.generation`."""
        return self._generations.get(account, 0)


def begin(event: RoleGranted) -> HoldingRow:
    """A row for a role that was granted."""
    return HoldingRow(holding=event.holding, account=event.account, role=event.role, scope=event.scope)


def evolve(event: RoleRevoked, row: HoldingRow) -> HoldingRow:
    """A role that was revoked keeps its row: its history can still be seen."""
    return replace(row, revoked=True)


holdings = View(begin=begin, evolve=evolve, queries=[GetHolding, ListHoldings], index=HeldRoles)
