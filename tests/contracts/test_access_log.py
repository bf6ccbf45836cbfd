"""The contract of AccessLog, on a shelf in memory and on SQLite."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from osteon.model import AccountId, InvocationId
from osteon.ports.access_log import Access
from tests.contracts.filed import (
    ACME,
    ANN,
    BOB,
    GLOBEX,
    World,
    access_record,
    identifier,
    in_memory,
    on_sqlite,
    run,
)


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The adapters under test."""
    made = in_memory() if request.param == "memory" else on_sqlite(tmp_path)
    yield made
    made.filing.close()


def test_knows_nothing_of_a_new_tenant(world: World) -> None:
    assert run(world.access_log.by_account(ACME, ANN, None, 10)) == []


def test_lists_accesses_of_an_account_newest_first(world: World) -> None:
    file(world, [(ANN, 1), (BOB, 2), (None, 3), (ANN, 4)], [(BOB, 5)], [(ANN, 6)])

    assert asked(world, ANN, None, 10) == [6, 4, 1]
    assert asked(world, ANN, None, 2) == [6, 4]
    assert asked(world, BOB, None, 10) == [5, 2]
    assert run(world.access_log.by_account(GLOBEX, ANN, None, 10)) == []


def test_gives_accesses_back_as_recorded(world: World) -> None:
    file(world, [(ANN, 1)])

    (access,) = run(world.access_log.by_account(ACME, ANN, None, 10))

    assert (access.type, access.context.account) == ("get-project", ANN)


def test_goes_on_before_any_invocation(world: World) -> None:
    file(world, [(ANN, 1), (ANN, 2), (ANN, 4)], [(ANN, 6), (BOB, 7)])

    assert asked(world, ANN, 4, 10) == [2, 1]
    assert asked(world, ANN, 5, 2) == [4, 2]
    assert asked(world, ANN, 1, 10) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
def test_orders_accesses_that_were_overtaken(world: World, limit: int) -> None:
    file(world, [(ANN, 1), (ANN, 9)], [(ANN, 8)], [(ANN, 4), (ANN, 3)], [(ANN, 5)], [(ANN, 10), (ANN, 2)], [(ANN, 7)])

    found: list[int] = []
    while part := asked(world, ANN, found[-1] if found else None, limit):
        found += part

    assert found == [10, 9, 8, 7, 5, 4, 3, 2, 1]


def file(world: World, *blocks: Sequence[tuple[AccountId | None, int]]) -> None:
    """Files blocks, each of accounts and the numbers of their invocations."""
    world.file(accesses=[access_record(world.keyring, number, *block) for number, block in enumerate(blocks, 1)])


def asked(world: World, account: AccountId, before: int | None, limit: int) -> list[int]:
    """The numbers of the invocations that the log gives for an account."""
    end = None if before is None else InvocationId(identifier(before))
    return [number(access) for access in run(world.access_log.by_account(ACME, account, end, limit))]


def number(access: Access) -> int:
    """The number of an access's invocation."""
    return next(each for each in range(100) if identifier(each) == access.context.trace.current)
