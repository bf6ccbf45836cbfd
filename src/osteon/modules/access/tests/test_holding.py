"""Roles held: granted where it is asked, revoked once, known to the gateway at once."""

from osteon.domain.testing import ACTOR, ROOT, context, given, rows
from osteon.model import AccountId, Personal, ScopeId, Sealed, TenantId, named, replace
from osteon.modules.access.holding import GrantRole, HoldingId, RevokeRole, RoleGranted, RoleRevoked, holding
from osteon.modules.access.holdings import HeldRoles, HoldingRow, holdings
from osteon.modules.access.provisioning import react
from osteon.modules.tenancy import TenantOpened
from osteon.ports.policies import RoleHeld

READING = HoldingId(named("", "reading"))
EU = ScopeId(named("", "EU"))
GRANTED = RoleGranted(holding=READING, account=ACTOR, role="reader", scope=EU)
REVOKED = RoleRevoked(holding=READING, account=ACTOR, role="reader")
ROW = HoldingRow(holding=READING, account=ACTOR, role="reader", scope=EU)


def test_is_held_in_the_scope_where_granted() -> None:
    grant = GrantRole(holding=READING, account=ACTOR, role="reader")
    given(holding).when(grant, context(scope=EU)).then(GRANTED).answers(READING)


def test_is_revoked_once() -> None:
    given(holding, GRANTED).when(RevokeRole(holding=READING)).then(REVOKED)
    given(holding, GRANTED, REVOKED).when(RevokeRole(holding=READING)).changes_nothing()


def test_keeps_its_row_when_it_is_revoked() -> None:
    assert rows(holdings, GRANTED) == [ROW]
    assert rows(holdings, GRANTED, REVOKED) == [replace(ROW, revoked=True)]


def test_tells_what_an_account_holds() -> None:
    held = HeldRoles()
    held.put(ROW)
    assert held.held(ACTOR) == (RoleHeld("reader", EU),)
    assert held.held(AccountId(named("", "another"))) == ()
    held.put(replace(ROW, revoked=True))
    assert held.held(ACTOR) == ()


def test_grows_a_generation_with_each_change() -> None:
    held = HeldRoles()
    before = held.generation(ACTOR)
    held.put(ROW)
    granted = held.generation(ACTOR)
    held.drop(ROW)
    assert before < granted < held.generation(ACTOR)
    assert held.held(ACTOR) == ()


def test_a_new_tenant_has_an_administrator() -> None:
    opened = TenantOpened(
        tenant=TenantId(named("", "acme")),
        name="acme",
        type="customer",
        root=ROOT,
        administrator=ACTOR,
        email=Personal("ada@acme.example"),
        person=Personal("Ada"),
        password=Sealed("hash"),
        locale="en",
    )
    (ask,) = react(opened, context())
    assert (ask.tenant, ask.scope) == (opened.tenant, ROOT)
    assert isinstance(ask.command, GrantRole)
    assert (ask.command.account, ask.command.role) == (ACTOR, "administrator")
    assert react(opened, context()) == [ask]
