"""Scopes: a role is active where it is held and in all below; nothing else is to be seen or changed."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.main import product
from osteon.app.inprocess import InProcess, in_process, transport
from osteon.app.world import PersonSeed, RoleSeed, TenantSeed, World
from osteon_sdk import Client, NotFound, NotPermitted, OsteonProblem, Reply, call, new_id

pytestmark = pytest.mark.anyio

ADMINISTRATOR = PersonSeed("ada@example.org", "Ada", "password", (RoleSeed("administrator"),))
SMALL = World(
    tenants=(
        TenantSeed("house", "internal", (ADMINISTRATOR,)),
        TenantSeed("acme", "customer", (ADMINISTRATOR,), (("EU",), ("US",))),
        TenantSeed("globex", "customer", (ADMINISTRATOR,), (("EU",),)),
    )
)
# A scope's parent, by number: the root is 0, and each stands below one that came before.
trees = st.lists(st.integers(0, 10), min_size=1, max_size=6).map(
    lambda drawn: [parent % (number + 1) for number, parent in enumerate(drawn)]
)
holdings = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(["reader", "contributor", "administrator"])), max_size=3
)
CHANGING = {"contributor", "administrator"}


@settings(max_examples=15, deadline=None)
@given(trees, holdings, st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4))
def test_a_role_is_active_where_held_and_below(
    parents: list[int], held: list[tuple[int, str]], moves: list[tuple[int, int]]
) -> None:
    count = len(parents) + 1
    held = [(scope % count, role) for scope, role in held]

    async def run() -> None:
        async with in_process(product, SMALL) as installation:
            scopes, person = await furnished(installation, parents, held)
            for number, scope in enumerate(scopes):
                roles = {role for at, role in held if at in above(number, parents)}
                assert await permitted(person, scope, "list-projects") == bool(roles)
                assert await permitted(person, scope, "create-project") == bool(roles & CHANGING)
            for here, there in ((here % count, there % count) for here, there in moves):
                both = [{role for at, role in held if at in above(each, parents)} & CHANGING for each in (here, there)]
                asked = call("move-project", project=new_id(), destination=scopes[there]).using(scope=scopes[here])
                assert is_permitted((await person.commands([asked]))[0]) == all(both)

    asyncio.run(run())


async def test_missing_elsewhere_and_foreign_look_alike() -> None:
    async with in_process(product, SMALL) as installation:
        acme, globex = [await ada(installation, tenant) for tenant in ("acme", "globex")]
        scopes = {row["name"]: row["scope"] async for row in acme.browse("list-scopes")}
        elsewhere, foreign = new_id(), new_id()
        await acme.using(scope=scopes["EU"]).command("create-project", project=elsewhere, name="Bridge")
        await globex.command("create-project", project=foreign, name="Tunnel")
        us = acme.using(scope=scopes["US"])
        for project in (new_id(), elsewhere, foreign):
            for refused in (
                us.command("rename-project", project=project, name="Mine"),
                us.query("get-project", project=project),
                us.query("list-project-history", project=project),
            ):
                with pytest.raises(NotFound) as caught:
                    await refused
                assert (caught.value.status, caught.value.key, caught.value.problem.params) == (
                    404,
                    "projects.not-found",
                    {},
                )


async def test_histories_answer_nothing_that_is_sealed() -> None:
    async with in_process(product, SMALL) as installation:
        acme, house = await ada(installation, "acme"), await ada(installation, "house")
        people = [row async for row in acme.browse("list-people")]
        tenants = [row async for row in house.browse("list-tenants")]
        history = [row async for row in acme.browse("list-account-history", account=people[0]["account"])]
        history += [row async for row in house.browse("list-tenant-history", tenant=tenants[1]["tenant"])]
        assert [row["event"] for row in history] == ["person-enrolled", "tenant-opened"]
        assert [row["data"]["email"] for row in history] == ["ada@example.org"] * 2
        assert not any("password" in row["data"] for row in history)


async def test_a_history_is_of_one_kind() -> None:
    async with in_process(product, SMALL) as installation:
        acme = await ada(installation, "acme")
        account = (await acme.query("list-people")).answer["items"][0]["account"]
        await acme.command("create-project", project=account, name="A project with somebody's identifier")
        history = [row["event"] async for row in acme.browse("list-project-history", project=account)]
        assert history == ["project-created"]


async def furnished(
    installation: InProcess, parents: list[int], held: list[tuple[int, str]]
) -> tuple[list[str], Client]:
    """The scopes of a new branch, the root of it first, and somebody who holds roles in them."""
    administrator = await ada(installation, "acme")
    tops = {row["name"]: row["scope"] async for row in administrator.browse("list-scopes")}
    scopes = [tops["EU"]]
    for parent in parents:
        added = await administrator.command("add-scope", parent=scopes[parent], name=new_id())
        scopes.append(added.answer)
    person = {"email": "pat@example.org", "person": "Pat", "password": "password"}
    account = (await administrator.command("add-person", **person)).answer
    for scope, role in held:
        await administrator.using(scope=scopes[scope]).command("grant-role", account=account, role=role)
    client = Client(transport(installation, "acme"))
    await client.log_in("pat@example.org", "password")
    return scopes, client


def above(scope: int, parents: list[int]) -> set[int]:
    """A scope, and all above it."""
    found = {scope}
    while scope:
        scope = parents[scope - 1]
        found.add(scope)
    return found


async def permitted(person: Client, scope: str, type: str) -> bool:
    """Whether a person may ask something in a scope."""
    here = person.using(scope=scope)
    try:
        await (here.query(type) if type.startswith("list") else here.command(type, project=new_id(), name="Bridge"))
    except NotPermitted:
        return False
    return True


def is_permitted(outcome: Reply | OsteonProblem) -> bool:
    """Whether a command was let through, to be told that there is no such project."""
    assert isinstance(outcome, NotPermitted | NotFound)
    return isinstance(outcome, NotFound)


async def ada(installation: InProcess, tenant: str, email: str = ADMINISTRATOR.email) -> Client:
    """The administrator of a tenant, logged in."""
    client = Client(transport(installation, tenant))
    await client.log_in(email, ADMINISTRATOR.password)
    return client
