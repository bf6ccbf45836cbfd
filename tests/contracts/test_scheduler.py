"""The contract of Scheduler, with threads and without."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise

import pytest

from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.ports.scheduler import Scheduler

Failures = list[tuple[str, BaseException]]


@pytest.fixture
def failures() -> Failures:
    """What left a task, with the task's name."""
    return []


@pytest.fixture(params=["memory", "system"])
def scheduler(request: pytest.FixtureRequest, failures: Failures) -> Scheduler:
    """The adapter under test."""

    def failed(name: str, fault: BaseException) -> None:
        failures.append((name, fault))

    return MemoryScheduler(failed) if request.param == "memory" else SystemScheduler(failed, threads=2)


@pytest.fixture
def threaded(failures: Failures) -> SystemScheduler:
    """The adapter with threads, where only it makes the promise."""
    return SystemScheduler(lambda name, fault: failures.append((name, fault)), threads=2)


def test_keeps_a_task_that_nobody_holds(scheduler: Scheduler, failures: Failures) -> None:
    async def main() -> None:
        done, known = asyncio.Event(), list[weakref.ref[asyncio.Future[None]]]()

        async def work() -> None:
            # A future that only the task knows: with the task unreferenced, both would be collected.
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            known.append(weakref.ref(future))
            await future
            done.set()

        scheduler.spawn(work(), "work")
        await asyncio.sleep(0)
        gc.collect()
        future = known[0]()
        assert future is not None
        future.set_result(None)
        await done.wait()

    asyncio.run(main())
    assert failures == []


def test_reports_what_leaves_a_task(scheduler: Scheduler, failures: Failures) -> None:
    fault = ValueError("broken")

    async def work() -> None:
        raise fault

    async def main() -> None:
        task = scheduler.spawn(work(), "work")
        await asyncio.wait([task])

    asyncio.run(main())
    assert failures == [("work", fault)]


def test_a_cancelled_task_is_no_failure(scheduler: Scheduler, failures: Failures) -> None:
    async def main() -> None:
        task = scheduler.spawn(asyncio.Event().wait(), "work")  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    assert failures == []


def test_a_lane_keeps_the_order_of_calls(scheduler: Scheduler) -> None:
    ran: list[int] = []

    async def main() -> list[None]:
        lane = scheduler.lane("lane")
        calls = [lane.run(partial(ran.append, number)) for number in range(500)]
        lane.close()
        return await asyncio.gather(*calls)

    asyncio.run(main())
    assert ran == list(range(500))


def test_a_lane_runs_one_call_at_a_time(scheduler: Scheduler) -> None:
    ran: list[str] = []

    def work() -> None:
        ran.append("begin")
        ran.append("end")

    async def main() -> None:
        lane = scheduler.lane("lane")
        await asyncio.gather(*(lane.run(work) for _ in range(200)))
        lane.close()

    asyncio.run(main())
    assert all(first != second for first, second in pairwise(ran))


def test_a_lane_gives_back_results_and_errors(scheduler: Scheduler) -> None:
    async def main() -> list[object]:
        lane = scheduler.lane("lane")
        outcomes = await asyncio.gather(
            lane.run(lambda: 7), lane.run(broken), lane.run(lambda: 8), return_exceptions=True
        )
        lane.close()
        return [repr(outcome) for outcome in outcomes]

    assert asyncio.run(main()) == ["7", "ValueError('broken')", "8"]


def test_a_lane_gives_back_every_error(scheduler: Scheduler) -> None:
    async def main() -> None:
        lane = scheduler.lane("lane")
        with pytest.raises(RuntimeError, match="StopIteration"):
            await lane.run(lambda: next(iter(())))
        lane.close()

    asyncio.run(main())


def test_a_cancelled_call_is_run_all_the_same(scheduler: Scheduler) -> None:
    ran: list[str] = []

    async def main() -> None:
        lane = scheduler.lane("lane")
        gone = asyncio.ensure_future(lane.run(lambda: ran.append("gone")))
        gone.cancel()
        await lane.run(lambda: ran.append("next"))
        lane.close()

    asyncio.run(main())
    assert ran == ["gone", "next"]


def test_a_closed_lane_finishes_and_takes_nothing(scheduler: Scheduler) -> None:
    async def main() -> str:
        lane = scheduler.lane("lane")
        last = lane.run(lambda: "done")
        lane.close()
        lane.close()
        with pytest.raises(RuntimeError, match="closed"):
            lane.run(lambda: "late")
        return await last

    assert asyncio.run(main()) == "done"


def test_blocking_work_gives_back_results_and_errors(scheduler: Scheduler) -> None:
    async def main() -> int:
        with pytest.raises(ValueError, match="broken"):
            await scheduler.blocking(broken)
        return await scheduler.blocking(lambda: 7)

    assert asyncio.run(main()) == 7


def test_work_beside_leaves_the_loop_free(threaded: SystemScheduler) -> None:
    async def main(beside: Callable[[Callable[[], bool]], Awaitable[bool]]) -> bool:
        free = threading.Event()
        waiting = beside(lambda: free.wait(10))
        await asyncio.sleep(0)
        free.set()
        return await waiting

    async def lane() -> bool:
        return await main(threaded.lane("lane").run)

    assert asyncio.run(main(threaded.blocking))
    assert asyncio.run(lane())


def test_blocking_work_is_bounded_by_threads(threaded: SystemScheduler) -> None:
    running, most = set[int](), 0
    both, lock = threading.Barrier(2), threading.Lock()

    def work() -> None:
        nonlocal most
        with lock:
            running.add(threading.get_ident())
            most = max(most, len(running))
        both.wait(10)
        with lock:
            running.discard(threading.get_ident())

    async def main() -> None:
        await asyncio.gather(*(threaded.blocking(work) for _ in range(20)))

    asyncio.run(main())
    assert most == 2


def test_a_lane_outlives_its_loop(threaded: SystemScheduler) -> None:
    began, ended, go = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        began.set()
        go.wait(10)

    async def main() -> None:
        lane = threaded.lane("lane")
        lane.run(first)
        lane.run(ended.set)
        lane.close()

    asyncio.run(main())
    assert began.wait(10)
    go.set()
    assert ended.wait(10)


def test_closing_drops_work_that_has_not_begun(threaded: SystemScheduler) -> None:
    async def main() -> bool:
        go = threading.Event()
        running = [asyncio.ensure_future(threaded.blocking(lambda: go.wait(10))) for _ in range(2)]
        late = asyncio.ensure_future(threaded.blocking(lambda: True))
        threaded.close()
        go.set()
        await asyncio.wait([late])
        return late.cancelled() and all(await asyncio.gather(*running))

    assert asyncio.run(main())


def broken() -> None:
    message = "broken"
    raise ValueError(message)
