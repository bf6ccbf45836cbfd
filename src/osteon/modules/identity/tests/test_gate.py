"""The edge of identity, by commands through the engine in process: passwords, tokens, and what is told to whom."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from osteon.app.inprocess import InProcess, in_process, transport
from osteon.domain import Product
from osteon.modules import PLATFORM
from osteon_sdk import Client, NotAuthenticated, NotPermitted, OsteonProblem, Rejected, Reply, Tokens, call

product = Product("platform", PLATFORM)
ADMIN = ("admin@house.example", "password")
PERSON = {"email": "Pat@house.example", "person": "Pat", "password": "right"}

Work = Callable[[InProcess, Client], Awaitable[None]]


def test_knows_a_person_by_any_spelling_of_the_address() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        await administrator.command("add-person", **PERSON)
        for email in ("pat@house.example", "PAT@house.example", "pat+tag@HOUSE.example"):
            await guest(installation).log_in(email, "right")

    run(work)


def test_tells_no_wrong_password_from_no_address() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        await administrator.command("add-person", **PERSON)
        told = [
            await refusal(guest(installation).log_in(*attempt))
            for attempt in (("pat@house.example", "wrong"), ("nobody@house.example", "right"))
        ]
        assert told == [(401, "identity.not-recognised", {})] * 2

    run(work)


def test_adds_nobody_under_a_taken_address() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        await administrator.command("add-person", **PERSON)
        with pytest.raises(Rejected) as caught:
            await administrator.command("add-person", **{**PERSON, "email": "pat+again@house.example"})
        assert caught.value.key == "identity.email-taken"

    run(work)


def test_a_retry_adds_the_same_person() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        add = call("add-person", **PERSON)
        first, again = await administrator.command(add), await administrator.command(add)
        assert (again.answer, again.replayed) == (first.answer, True)
        assert len((await administrator.query("list-people")).answer["items"]) == 2

    run(work)


def test_a_retried_log_in_gets_the_same_tokens() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        client = guest(installation)
        asked = call("log-in", email=ADMIN[0], password=ADMIN[1])
        first, again = await client.command(asked), await client.command(asked)
        assert (first.replayed, again.replayed) == (False, True)
        assert first.answer == again.answer

    run(work)


def test_a_retried_log_in_needs_the_password_again() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        client = guest(installation)
        asked = call("log-in", email=ADMIN[0], password=ADMIN[1])
        await client.command(asked)
        guessed = call("log-in", email=ADMIN[0], password="guessed").using(key=asked.key)
        with pytest.raises(OsteonProblem) as caught:
            await client.command(guessed)
        assert caught.value.key == "reused-key"

    run(work)


def test_another_guest_cannot_collect_the_tokens() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        asked = call("log-in", email=ADMIN[0], password=ADMIN[1])
        mine = await guest(installation).command(asked)
        theirs = await guest(installation).command(asked)
        assert not theirs.replayed
        assert theirs.answer["access_token"] != mine.answer["access_token"]

    run(work)


def test_a_refresh_token_is_good_once() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        first = tokens(administrator)
        renewed = await refresh(guest(installation), first)
        assert renewed.answer["refresh_token"] != first.refresh_token
        assert await refusal(refresh(guest(installation), first)) == (401, "invalid-token", {})
        # Nobody knows who used it twice, so the newer one is worth nothing either.
        again = Tokens(
            access_token=renewed.answer["access_token"],
            refresh_token=renewed.answer["refresh_token"],
            expires_at=first.expires_at,
        )
        assert await refusal(refresh(guest(installation), again)) == (401, "identity.not-recognised", {})
        other = guest(installation)
        other.resume(again)
        with pytest.raises(NotAuthenticated):
            await other.query("list-people")

    run(work)


def test_what_is_no_token_renews_nothing() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        forged = Tokens(access_token="x", refresh_token="osr_x", expires_at=tokens(administrator).expires_at)
        assert await refusal(refresh(guest(installation), forged)) == (401, "invalid-token", {})

    run(work)


def test_a_role_counts_from_the_next_invocation_on() -> None:
    async def work(installation: InProcess, administrator: Client) -> None:
        account = (await administrator.command("add-person", **PERSON)).answer
        client = guest(installation)
        await client.log_in("pat@house.example", "right")
        with pytest.raises(NotPermitted):
            await client.query("list-people")
        holding = (await administrator.command("grant-role", account=account, role="administrator")).answer
        assert len((await client.query("list-people")).answer["items"]) == 2
        await administrator.command("revoke-role", holding=holding)
        with pytest.raises(NotPermitted):
            await client.query("list-people")

    run(work)


def run(work: Work) -> None:
    """Does the work in a new installation, beside its administrator."""

    async def main() -> None:
        async with in_process(product) as installation:
            administrator = guest(installation)
            await administrator.log_in(*ADMIN)
            await work(installation, administrator)

    asyncio.run(main())


def guest(installation: InProcess) -> Client:
    """A client that nobody is logged in at."""
    return Client(transport(installation, "house"))


def tokens(client: Client) -> Tokens:
    """The tokens of whoever is logged in."""
    assert client.tokens is not None
    return client.tokens


async def refresh(client: Client, held: Tokens) -> Reply:
    """Asks for new tokens."""
    return await client.command("refresh-session", refresh_token=held.refresh_token)


async def refusal(asked: Awaitable[object]) -> tuple[int, str, dict[str, object]]:
    """How something is refused."""
    with pytest.raises(OsteonProblem) as caught:
        await asked
    problem = caught.value.problem
    return problem.status, problem.key, dict(problem.params)
