"""The SDK's suite over HTTP, on a server as it is really started."""

import asyncio

import pytest

from osteon_sdk import connect
from sdk.tests.suite import CASES, Case, Person
from tests.sdk.people import karim
from tests.serving import Server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def address(serving: Server) -> str:
    """Where acme is served."""
    return f"http://acme.localhost:{serving.port}"


@pytest.fixture(scope="module")
def person(address: str) -> Person:
    """The person of all cases: log-ins are limited, so the administrator's happens once."""

    async def prepare() -> Person:
        async with connect(address) as administrator:
            return await karim(administrator)

    return asyncio.run(prepare())


@pytest.mark.parametrize("case", CASES)
async def test_holds_over_http(case: Case, address: str, person: Person) -> None:
    async with connect(address) as client:
        await case(client, person)
