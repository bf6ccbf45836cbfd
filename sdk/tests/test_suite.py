"""The suite holds on a small platform, so that what it finds on a real one is the platform's."""

import pytest

from osteon_sdk import Client
from sdk.tests.small_platform import SmallPlatform
from sdk.tests.suite import CASES, Case, Person

pytestmark = pytest.mark.anyio

ADA = Person(email="ada@acme.example", password="right", home="HOME", destination="THERE", beyond="BEYOND")


@pytest.mark.parametrize("case", CASES)
async def test_holds_on_a_small_platform(case: Case) -> None:
    await case(Client(SmallPlatform(ADA)), ADA)
