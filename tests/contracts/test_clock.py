"""The contract of Clock, on the machine's and on the one moved by hand."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from osteon.adapters.memory.clock import MemoryClock
from osteon.adapters.system.clock import SystemClock
from osteon.ports.clock import Clock

Pass = Callable[[float], Awaitable[None]]
"""Lets that many seconds pass."""

TOLERANCE = 0.002  # a loop may wake somebody within the grain of its own clock


@pytest.fixture(params=["memory", "system"])
def clocked(request: pytest.FixtureRequest) -> tuple[Clock, Pass]:
    """The adapter under test, and how its time passes."""
    if request.param == "system":
        return SystemClock(), asyncio.sleep
    clock = MemoryClock()
    return clock, lambda seconds: advanced(clock, seconds)


def test_tells_one_time_in_two_ways(clocked: tuple[Clock, Pass]) -> None:
    clock, _ = clocked
    before, now, after = clock.milliseconds(), clock.now(), clock.milliseconds()
    assert now.tzinfo is UTC
    assert before <= now.timestamp() * 1000 < after + 1


def test_time_goes_on_as_it_passes(clocked: tuple[Clock, Pass]) -> None:
    clock, pass_time = clocked
    wall, monotonic = clock.milliseconds(), clock.monotonic()
    asyncio.run(awaited(pass_time(0.01)))
    assert clock.milliseconds() >= wall + 10 - TOLERANCE * 1000
    assert clock.monotonic() >= monotonic + 0.01 - TOLERANCE


def test_never_goes_back_monotonically(clocked: tuple[Clock, Pass]) -> None:
    clock, _ = clocked
    readings = [clock.monotonic() for _ in range(1000)]
    assert readings == sorted(readings)


def test_sleeps_as_long_as_asked(clocked: tuple[Clock, Pass]) -> None:
    clock, pass_time = clocked

    async def sleep() -> float:
        began = clock.monotonic()
        sleeper = asyncio.ensure_future(clock.sleep(0.01))
        while not sleeper.done():
            await pass_time(0.002)
        return clock.monotonic() - began

    assert asyncio.run(sleep()) >= 0.01 - TOLERANCE


def test_a_sleep_of_nothing_lets_others_on(clocked: tuple[Clock, Pass]) -> None:
    clock, _ = clocked

    async def sleep() -> list[str]:
        went: list[str] = []
        asyncio.get_running_loop().call_soon(went.append, "other")
        await clock.sleep(0)
        return [*went, "sleeper"]

    assert asyncio.run(sleep()) == ["other", "sleeper"]


def test_wakes_sleepers_in_the_order_of_time() -> None:
    clock = MemoryClock()

    async def sleep() -> list[int]:
        woken: list[int] = []

        async def one(seconds: int) -> None:
            await clock.sleep(seconds)
            woken.append(seconds)

        async with asyncio.TaskGroup() as tasks:
            cancelled, *_ = [tasks.create_task(one(seconds)) for seconds in (4, 3, 1, 2, 3)]
            await asyncio.sleep(0)
            assert clock.sleepers() == 5
            cancelled.cancel()
            await asyncio.sleep(0)
            assert clock.sleepers() == 4
            clock.advance(2)
            await asyncio.sleep(0)
            assert woken == [1, 2]
            clock.advance(2)
        return woken

    assert asyncio.run(sleep()) == [1, 2, 3, 3]


def test_fractions_of_a_second_add_up() -> None:
    clock = MemoryClock()
    for _ in range(10):
        clock.advance(0.1)
    assert clock.monotonic() == 1.0


def test_the_wall_jumps_without_waking_anyone() -> None:
    clock = MemoryClock(datetime(2026, 5, 1, 12, tzinfo=UTC))

    async def jump() -> None:
        sleeper = asyncio.ensure_future(clock.sleep(1))
        await asyncio.sleep(0)
        clock.jump(-3600)
        await asyncio.sleep(0)
        assert not sleeper.done()
        clock.advance(1)
        await sleeper

    asyncio.run(jump())
    assert clock.now() == datetime(2026, 5, 1, 11, tzinfo=UTC) + timedelta(seconds=1)
    assert clock.monotonic() == 1.0


async def advanced(clock: MemoryClock, seconds: float) -> None:
    clock.advance(seconds)
    await asyncio.sleep(0)


async def awaited(passing: Awaitable[None]) -> None:
    await passing
