"""A tenant between its opening and the moment when it can be used."""

import asyncio
from collections.abc import Mapping

import msgspec
import pytest

from osteon.adapters.memory.journal import MemoryJournal
from osteon.app.inprocess import Storage, in_process
from osteon.gateway import Request
from osteon.model import TenantId, named
from tests.engine.counting import product
from tests.engine.sending import HeldUp
from tests.engine.test_cascade import ada

pytestmark = pytest.mark.anyio


async def test_asks_to_come_again_while_a_tenant_opens() -> None:
    storage = Storage()
    journal = HeldUp.on(storage)
    async with in_process(product, storage=storage, journal=journal) as installation:
        house = await ada(installation, "house", "admin@house.example")
        journal.batches_left = 1
        fields = {"name": "acme", "type": "customer", "email": "ada@example.org", "person": "Ada", "password": "x"}
        await house.command("open-tenant", **fields)
        body = msgspec.json.encode({"email": "ada@example.org", "password": "x"})
        headers = {"content-type": "application/json", "idempotency-key": "01J00000000000000000000001"}
        response = await installation.gateway(Request("POST", "acme.localhost", "/commands/log-in", headers, body))
        problem = msgspec.json.decode(response.body)
        assert (response.status, problem["key"], problem["retryable"]) == (503, "unavailable", True)


async def test_takes_a_tenant_over_once_however_many_ask() -> None:
    class Counted(MemoryJournal):
        taken = 0

        async def take_over(self, tenant: TenantId) -> Mapping[int, int]:
            self.taken += 1
            await asyncio.sleep(0)
            return await super().take_over(tenant)

    storage = Storage()
    journal = Counted(storage.tape, storage.keyring)
    async with in_process(product, storage=storage, journal=journal) as installation:
        before = journal.taken
        unknown = TenantId(named("", "a new tenant"))
        opened = await asyncio.gather(*(installation.engine.processor.open_tenant(unknown) for _ in range(5)))
        assert journal.taken == before + 1
        assert all(each is opened[0] for each in opened)
