"""Turns of cold work: so much in each round of the loop, and one tenant as good as another."""

import asyncio

import pytest

from osteon.engine.turns import LONG, SHORT, Turns
from osteon.model import Identifier, TenantId

pytestmark = pytest.mark.anyio

ACME, GLOBEX, HOUSE = (TenantId(Identifier(f"01J0000000000000000000000{letter}")) for letter in "ABC")


class Rounds:
    """Work that takes turns, and in which round of the loop each piece was done."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.now = 0
        self.done: list[tuple[str, int]] = []

    async def piece(self, name: str, tenant: TenantId, weight: int) -> None:
        """Does a piece of work when it is its turn."""
        await self.turns.take(tenant, weight)
        self.done.append((name, self.now))

    async def count(self) -> None:
        """Counts rounds."""
        while True:
            await asyncio.sleep(0)
            self.now += 1


async def rounds_of(*pieces: tuple[str, TenantId, int]) -> list[tuple[str, int]]:
    """What was done, and how many rounds after the first of it."""
    rounds = Rounds()
    counting = asyncio.ensure_future(rounds.count())
    await asyncio.gather(*(rounds.piece(*piece) for piece in pieces))
    counting.cancel()
    return [(name, at - rounds.done[0][1]) for name, at in rounds.done]


async def test_long_pieces_have_a_round_of_their_own() -> None:
    done = await rounds_of(("one", ACME, LONG), ("two", ACME, LONG), ("three", GLOBEX, LONG))

    assert done == [("one", 0), ("three", 1), ("two", 2)]


async def test_short_pieces_share_a_round() -> None:
    done = await rounds_of(*((f"{number}", ACME, SHORT) for number in range(2 * LONG)))

    assert [at for _, at in done] == [0] * LONG + [1] * LONG


async def test_tenants_take_turns_however_much_one_has_to_do() -> None:
    flood = [(f"acme {number}", ACME, LONG) for number in range(100)]
    done = await rounds_of(*flood, ("globex", GLOBEX, SHORT), ("house", HOUSE, LONG))

    assert dict(done)["globex"] <= 1
    assert dict(done)["house"] <= 2


async def test_what_is_not_awaited_any_more_takes_no_turn() -> None:
    turns = Turns()
    given_up = asyncio.ensure_future(turns.take(ACME, LONG))
    await asyncio.sleep(0)
    given_up.cancel()

    await asyncio.wait_for(turns.take(ACME, LONG), 5)
