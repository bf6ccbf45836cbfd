"""A tenant: who uses the installation apart from all others. Tenants are opened in the tenant `house`, and nowhere else."""

from typing import Annotated, Literal

import msgspec

from osteon.context import InvocationContext
from osteon.domain import Decider, Decision, accept, reject
from osteon.messages import Command, Event
from osteon.model import HOUSE, AccountId, Personal, ScopeId, Sealed, Secret, TenantId, Value

__all__ = ["EnterTenant", "OpenTenant", "Tenant", "TenantName", "TenantOpened", "TenantType", "tenant"]

TenantType = Literal["customer", "internal", "test"]
TenantName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]\Z")]


class OpenTenant(Command[TenantId]):
    """Open a tenant, with its root scope and its first administrator."""

    tenant: TenantId | None = None
    name: TenantName
    type: TenantType
    email: Personal[str]
    person: Personal[str]
    password: Secret[str]
    locale: str = "en"


class EnterTenant(Command[TenantId], internal=True):
    """Enter a tenant into the registry: what opening it is prepared to, with a hash in place of the password."""

    tenant: TenantId
    name: TenantName
    type: TenantType
    root: ScopeId
    administrator: AccountId
    email: Personal[str]
    person: Personal[str]
    password: Sealed[str]
    locale: str


class TenantOpened(Event):
    """A tenant is open; its scopes, its administrator and their role follow."""

    tenant: TenantId
    name: str
    type: TenantType
    root: ScopeId
    administrator: AccountId
    email: Personal[str]
    person: Personal[str]
    password: Sealed[str]
    locale: str


class Tenant(Value):
    """What is remembered of a tenant."""

    tenant: TenantId
    name: str


def create(command: EnterTenant, context: InvocationContext) -> Decision:
    """Only `house` opens tenants."""
    if context.tenant != HOUSE:
        return reject("tenancy.only-in-house")
    return accept(
        TenantOpened(
            tenant=command.tenant,
            name=command.name,
            type=command.type,
            root=command.root,
            administrator=command.administrator,
            email=command.email,
            person=command.person,
            password=command.password,
            locale=command.locale,
        ),
        answer=command.tenant,
    )


def begin(event: TenantOpened) -> Tenant:
    """A tenant as it starts."""
    return Tenant(tenant=event.tenant, name=event.name)


tenant = Decider("tenant", create=create, begin=begin)
