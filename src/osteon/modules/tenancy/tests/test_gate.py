"""The edge of tenancy, by commands through the engine in process: a new tenant is ready for its administrator."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from osteon.app.inprocess import InProcess, in_process, transport
from osteon.domain import Product
from osteon.modules import PLATFORM
from osteon_sdk import Client, Invalid, NotFound, Rejected, call

product = Product("platform", PLATFORM)
ACME = {"name": "acme", "type": "customer", "email": "ada@acme.example", "person": "Ada", "password": "right"}

Work = Callable[[InProcess, Client], Awaitable[None]]


def test_a_new_tenant_has_all_it_needs() -> None:
    async def work(installation: InProcess, house: Client) -> None:
        await house.command("open-tenant", **ACME)
        acme = await logged_in(installation, "acme", "ada@acme.example")
        scopes = (await acme.query("list-scopes")).answer["items"]
        assert [(scope["name"], scope["parent"]) for scope in scopes] == [("Global", None)]
        held = (await acme.query("list-holdings")).answer["items"]
        assert [(row["role"], row["scope"]) for row in held] == [("administrator", scopes[0]["scope"])]

    run(work)


def test_a_name_is_taken_once() -> None:
    async def work(installation: InProcess, house: Client) -> None:
        await house.command("open-tenant", **ACME)
        with pytest.raises(Rejected) as caught:
            await house.command("open-tenant", **ACME)
        assert (caught.value.key, caught.value.problem.params) == ("tenancy.name-taken", {"name": "acme"})

    run(work)


def test_a_retry_opens_the_same_tenant() -> None:
    async def work(installation: InProcess, house: Client) -> None:
        opening = call("open-tenant", **ACME)
        first, again = await house.command(opening), await house.command(opening)
        assert (again.answer, again.replayed) == (first.answer, True)

    run(work)


@pytest.mark.parametrize("name", ["Acme", "a", "a_b", "-acme", "acme.", "x" * 41])
def test_a_name_must_be_fit_for_a_subdomain(name: str) -> None:
    async def work(installation: InProcess, house: Client) -> None:
        with pytest.raises(Invalid):
            await house.command("open-tenant", **{**ACME, "name": name})

    run(work)


def test_only_house_opens_tenants() -> None:
    async def work(installation: InProcess, house: Client) -> None:
        await house.command("open-tenant", **ACME)
        acme = await logged_in(installation, "acme", "ada@acme.example")
        with pytest.raises(Rejected) as caught:
            await acme.command("open-tenant", **{**ACME, "name": "other"})
        assert caught.value.key == "tenancy.only-in-house"

    run(work)


def test_a_scope_stands_where_it_was_added() -> None:
    async def work(installation: InProcess, house: Client) -> None:
        root = (await house.query("list-scopes")).answer["items"][0]["scope"]
        adding = call("add-scope", parent=root, name="EU")
        added = (await house.command(adding)).answer
        assert (await house.command(adding)).replayed
        assert (await house.query("get-scope", scope=added)).answer == {"scope": added, "parent": root, "name": "EU"}

    run(work)


def test_an_unknown_host_is_nobodys() -> None:
    async def work(installation: InProcess, house: Client) -> None:
        with pytest.raises(NotFound) as caught:
            await Client(transport(installation, "nobody")).query("list-scopes")
        assert caught.value.key == "unknown-host"

    run(work)


def run(work: Work) -> None:
    """Does the work in a new installation, with the administrator of `house`."""

    async def main() -> None:
        async with in_process(product) as installation:
            await work(installation, await logged_in(installation, "house", "admin@house.example", "password"))

    asyncio.run(main())


async def logged_in(installation: InProcess, tenant: str, email: str, password: str = "right") -> Client:
    """A person of a tenant, logged in once all that follows its opening is done."""
    async with asyncio.timeout(5):
        while installation.engine.reactions.running:
            await asyncio.sleep(0)
    client = Client(transport(installation, tenant))
    await client.log_in(email, password)
    return client
