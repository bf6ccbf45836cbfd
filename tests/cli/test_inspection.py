"""Reading from outside while the drain goes on: what is filed in between is read once."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from osteon.app.inspection import Inspection
from osteon.messages import Position
from tests.cli.installation import ALICE, Left, accepted, copied
from tests.serving import Server, new_key, running


@asynccontextmanager
async def inspecting(data: Path) -> AsyncGenerator[Inspection]:
    inspection = await Inspection.open(data)
    try:
        yield inspection
    finally:
        inspection.close()


def test_reads_once_what_is_filed_in_between(left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    partition = left.first.partition

    async def read() -> list[int]:
        async with inspecting(data) as inspection:
            with running(data) as server:
                server.stop()
            assert inspection.progress(left.tenant) != inspection.filed_to(left.tenant)
            return [each.position.sequence async for each in inspection.entries(left.tenant, partition)]

    found = asyncio.run(read())
    assert found == list(range(1, len(found) + 1))
    assert found[-1] >= Position.of(left.acknowledged[-1][1]).sequence


def test_follows_only_what_was_not_read_already(serving: Server, serving_data: Path) -> None:
    alice = serving.client("acme", ALICE)

    async def follow() -> tuple[Sequence[str], str, str]:
        async with inspecting(serving_data) as inspection:
            invocation, token = accepted(alice, "create-project", project=new_key(), name="Bone")
            assert alice.query("list-projects", after=token).status == 200
            acme = inspection.named("acme")
            entries = inspection.entries(acme, Position.of(token).partition)
            read = [each.context.trace.current async for each in entries]
            assert read[-1] == invocation
            second, _ = accepted(alice, "create-project", project=new_key(), name="Marrow")
            following = (each async for each in inspection.follow() if each.context.tenant == acme)
            return read, (await anext(following)).context.trace.current, second

    read, followed, second = asyncio.run(follow())
    assert followed == second
    assert second not in read
