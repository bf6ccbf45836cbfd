"""Maintenance of views in a running server: done once it is recorded that somebody asked for it.

It follows the batches that became durable, so the record precedes the act. What a killed server had recorded but not done is not
done by the next one: whoever asked was told nothing, and asks again.
"""

import asyncio
import difflib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

from osteon.domain import Product
from osteon.engine.batches import Committed
from osteon.model import Refused, TenantId
from osteon.modules.operations import RebuildView, StartView, ViewRebuildAsked, ViewStartAsked
from osteon.ports.clock import Clock
from osteon.ports.scheduler import Scheduler
from osteon.ports.views import Standing

__all__ = ["Maintenance", "ViewWork"]

_EVERY = 0.2
_KEPT = 1_000


class ViewWork(Protocol):
    """Does what is asked of views."""

    def standing(self, tenant: TenantId, view: str) -> Standing | None:
        """Where a view stands; None when it follows."""
        ...

    async def start_view(self, view: str, tenant: TenantId | None = None) -> int:
        """Has a stopped view go on; in how many tenants that is."""
        ...

    async def rebuild_view(self, view: str, tenant: TenantId | None = None) -> int:
        """Makes a view's rows again; in how many tenants that is."""
        ...


class Maintenance:
    """Follows what operators asked of views, and tells how far the work is."""

    commands = (StartView, RebuildView)

    def __init__(self, product: Product, work: ViewWork, clock: Clock, scheduler: Scheduler) -> None:
        """Puts it together; it does nothing before it is told of batches."""
        self._views = {view.name: view for view in product.all_views}
        self._work = work
        self._clock = clock
        self._scheduler = scheduler
        self._done: dict[str, asyncio.Future[int]] = {}
        self._acts: dict[type[Any], Callable[[str, TenantId], Any]] = {
            ViewStartAsked: work.start_view,
            ViewRebuildAsked: work.rebuild_view,
        }

    def follow(self, batch: int, committed: Sequence[Committed]) -> None:
        """See `Follower.follow`."""
        for each in committed:
            for event in each.events:
                act = self._acts.get(event.__class__)
                if act is not None:
                    self._begin(event, act, each.tenant)

    def expect(self, command: StartView | RebuildView, tenant: TenantId) -> None:
        """Looks whether there can be anything to do.

        Raises:
            Refused: `operations.no-such-view`, `operations.view-decides`.
        """
        view = self._views.get(command.view)
        if view is None:
            near = difflib.get_close_matches(command.view, self._views, n=1)
            raise Refused("operations.no-such-view", view=command.view, nearest=near[0] if near else None)
        if view.index is not None:
            raise Refused("operations.view-decides", view=command.view)

    async def progress(self, command: StartView | RebuildView, tenant: TenantId) -> AsyncIterator[dict[str, Any]]:
        """How far the work is, now and then until there is no more to do; last, how it ended."""
        done = self._done.get(command.maintenance)
        while done is not None and not done.done():
            yield {"state": "waiting"}
            await asyncio.wait([done], timeout=_EVERY)
        # Of what was asked long ago, or before this start, nobody knows any more whether there was anything to do.
        taken = None if done is None else done.result() > 0
        while True:
            standing = self._work.standing(tenant, command.view)
            yield {"taken": taken, **_told(standing)}
            if standing is None or standing.stop is not None:
                return
            await self._clock.sleep(_EVERY)

    def _begin(self, event: Any, act: Callable[[str, TenantId], Any], tenant: TenantId) -> None:
        done = self._done[event.maintenance] = asyncio.get_running_loop().create_future()
        if len(self._done) > _KEPT:
            del self._done[next(iter(self._done))]
        self._scheduler.spawn(self._make(act, event.view, tenant, done), "maintenance")

    async def _make(
        self, act: Callable[[str, TenantId], Any], view: str, tenant: TenantId, done: "asyncio.Future[int]"
    ) -> None:
        taken = await act(view, tenant)
        if not done.done():
            done.set_result(taken)


def _told(standing: Standing | None) -> dict[str, Any]:
    """Where a view stands, for whoever asked."""
    if standing is None:
        return {"state": "following", "percent": 100}
    stop, left = standing.stop, standing.seconds_left
    return {
        "state": standing.state,
        "percent": standing.percent,
        "entriesPerSecond": round(standing.rate),
        "secondsLeft": None if left is None else round(left, 1),
        "stop": None if stop is None else {"event": stop.event, "reason": stop.reason, **stop.position._asdict()},
    }
