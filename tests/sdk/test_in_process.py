"""The SDK's suite on the real engine in this process, over memory."""

import pytest

from demo.world import world
from osteon.app.inprocess import in_process, transport
from osteon_sdk import Client
from sdk.tests.suite import CASES, Case
from tests.plain import product
from tests.sdk.people import karim

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("case", CASES)
async def test_holds_in_process(case: Case) -> None:
    async with in_process(product, world) as installation:
        person = await karim(Client(transport(installation, "acme")))
        await case(Client(transport(installation, "acme")), person)
