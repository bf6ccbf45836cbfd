"""Provisioning: a new tenant's first administrator is enrolled in the tenant itself."""

from collections.abc import Sequence

from osteon.context import InvocationContext
from osteon.domain import Ask, Reaction
from osteon.modules.identity.account import EnrolPerson
from osteon.modules.tenancy import TenantOpened

__all__ = ["enrol_administrator"]


def react(event: TenantOpened, context: InvocationContext) -> Sequence[Ask]:
    """The hash travels sealed: under the key of `house` until here, under the tenant's own from here on."""
    command = EnrolPerson(
        account=event.administrator,
        email=event.email,
        person=event.person,
        password=event.password,
        locale=event.locale,
    )
    return [Ask(command=command, scope=event.root, tenant=event.tenant)]


enrol_administrator = Reaction("enrol-administrator", react)
