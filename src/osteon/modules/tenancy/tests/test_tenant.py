"""Tenants: opened in `house` alone, with a tree of scopes of their own."""

from typing import Any

import pytest

from osteon.domain.testing import ACTOR, ROOT, TENANT, context, given, rows
from osteon.model import HOUSE, Identifier, Personal, Sealed, TenantId, named, replace
from osteon.modules.tenancy.provisioning import react
from osteon.modules.tenancy.registry import Registry, TenantRow, registry
from osteon.modules.tenancy.scopes import OpenScopeTree, TreeId
from osteon.modules.tenancy.tenant import EnterTenant, TenantOpened, tenant
from osteon.ports.directory import TenantEntry

ACME, GLOBEX = TenantId(named("", "acme")), TenantId(named("", "globex"))
FIELDS: dict[str, Any] = {
    "tenant": ACME,
    "name": "acme",
    "type": "customer",
    "root": ROOT,
    "administrator": ACTOR,
    "email": Personal("ada@acme.example"),
    "person": Personal("Ada"),
    "password": Sealed("hash"),
    "locale": "en",
}
OPENED = TenantOpened(**FIELDS)


def test_is_opened_in_house() -> None:
    given(tenant).when(EnterTenant(**FIELDS), context(tenant=HOUSE)).then(OPENED).answers(ACME)


def test_is_opened_nowhere_else() -> None:
    given(tenant).when(EnterTenant(**FIELDS), context(tenant=TENANT)).rejects("tenancy.only-in-house")


def test_has_a_row_in_the_registry() -> None:
    assert rows(registry, OPENED) == [TenantRow(tenant=ACME, name="acme", type="customer", root=ROOT)]


def test_is_found_by_name_and_identifier() -> None:
    known = Registry()
    for row in rows(registry, OPENED):
        known.put(row)
    entry = TenantEntry(tenant=ACME, name="acme", type="customer", root=ROOT)
    assert known.named("acme") == known.with_id(ACME) == entry
    assert known.all() == [entry]
    assert known.named("globex") is known.with_id(GLOBEX) is None


def test_the_first_with_a_name_keeps_it() -> None:
    known = Registry()
    for row in rows(registry, OPENED, replace(OPENED, tenant=GLOBEX)):
        known.put(row)
    entry = known.named("acme")
    assert entry is not None
    assert entry.tenant == ACME


def test_gets_a_tree_of_its_own() -> None:
    (ask,) = react(OPENED, context(tenant=HOUSE))
    assert ask.command == OpenScopeTree(tree=TreeId(Identifier(ROOT)), name="Global")
    assert (ask.tenant, ask.scope) == (ACME, ROOT)


@pytest.mark.parametrize("field", ["email", "person", "password"])
def test_shows_nothing_personal_in_logs(field: str) -> None:
    assert FIELDS[field].reveal() not in repr(OPENED)
