"""A role held: an account may do, in a scope and in all below it, what the role grants."""

from typing import Literal, NewType

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept
from osteon.messages import Command, Event
from osteon.model import AccountId, Identifier, ScopeId, Value, replace

__all__ = ["GrantRole", "Holding", "HoldingId", "RevokeRole", "RoleGranted", "RoleName", "RoleRevoked", "holding"]

HoldingId = NewType("HoldingId", Identifier)
RoleName = Literal["administrator", "contributor", "reader"]


class GrantRole(Command[HoldingId]):
    """Grant a role to an account, in the scope in which this is asked."""

    holding: HoldingId
    account: AccountId
    role: RoleName


class RevokeRole(Command[None]):
    """Revoke a role that was granted."""

    holding: HoldingId


class RoleGranted(Event):
    """An account holds a role in a scope."""

    holding: HoldingId
    account: AccountId
    role: RoleName
    scope: ScopeId


class RoleRevoked(Event):
    """An account no longer holds a role."""

    holding: HoldingId
    account: AccountId
    role: RoleName


class Holding(Value):
    """What is remembered of a role held."""

    holding: HoldingId
    account: AccountId
    role: RoleName
    scope: ScopeId
    revoked: bool = False


def create(command: GrantRole, context: InvocationContext) -> Decision:
    """The role is held where it is granted."""
    granted = RoleGranted(holding=command.holding, account=command.account, role=command.role, scope=context.scope.id)
    return accept(granted, answer=command.holding)


def decide(command: RevokeRole, holding: Holding, context: InvocationContext) -> Decision:
    """Revoking twice changes nothing."""
    if holding.revoked:
        return accept()
    return accept(RoleRevoked(holding=holding.holding, account=holding.account, role=holding.role))


def begin(event: RoleGranted) -> Holding:
    """A role as it is granted."""
    return Holding(holding=event.holding, account=event.account, role=event.role, scope=event.scope)


def evolve(event: RoleRevoked, holding: Holding) -> Holding:
    """A role that was revoked."""
    return replace(holding, revoked=True)


holding = Decider("holding", create=create, decide=decide, begin=begin, evolve=evolve)
