"""The in-process profile: the real engine and gateway over memory, in this process, for tests and for trying out.

    async with in_process(product) as installation:
        acme = Client(transport(installation, "acme"))
        await acme.log_in("alice@acme.example", "correct horse battery staple")
        await acme.command("create-project", project=new_id(), name="Bridge")

Nothing of it is left behind the block, but for the `Storage` that a next one may go on with.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.utils import format_datetime
from typing import TYPE_CHECKING, NamedTuple, cast

from osteon.adapters.memory.access_log import MemoryAccessLog
from osteon.adapters.memory.drain import MemoryDrain
from osteon.adapters.memory.entropy import MemoryEntropy
from osteon.adapters.memory.filing import MemoryFiling
from osteon.adapters.memory.history import MemoryHistory
from osteon.adapters.memory.journal import MemoryJournal
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.passwords import MemoryPasswords
from osteon.adapters.memory.policies import MemoryPolicies
from osteon.adapters.memory.replies import MemoryReplies
from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.adapters.memory.shelf import Shelf
from osteon.adapters.memory.snapshots import MemorySnapshots
from osteon.adapters.memory.tape import Tape
from osteon.adapters.memory.tokens import MemoryTokens
from osteon.adapters.memory.views import MemoryViews
from osteon.adapters.system.clock import SystemClock
from osteon.adapters.useragent.agents import UaParserAgents
from osteon.app.pages import Pages
from osteon.app.wiring import report_policy_fault, rulebook
from osteon.app.world import PersonSeed, RoleSeed, TenantSeed, World, begin_world, is_new, populate
from osteon.domain import Product
from osteon.engine import Engine, Limits, Ports, Projection, SnapshotMaker, States, tables
from osteon.gateway import Gateway, Request
from osteon.model import HOUSE, OsteonError
from osteon.ports.clock import Clock
from osteon.ports.journal import Journal

if TYPE_CHECKING:
    from osteon_sdk import Request as SentRequest
    from osteon_sdk import Response as SentResponse
    from osteon_sdk import Transport

__all__ = ["EMPTY", "Ended", "InProcess", "Storage", "in_process", "transport"]

EMPTY = World(
    tenants=(
        TenantSeed(
            "house",
            "internal",
            (PersonSeed("admin@house.example", "Administrator", "password", (RoleSeed("administrator"),)),),
        ),
    )
)
"""A world of nothing but `house` and its administrator."""


class Ended(OsteonError):
    """Raised at the end of the block when something in the background had failed that would have ended a server."""


class Storage:
    """What outlives an installation in this process: give it to the next one, and that one is a restart."""

    def __init__(self) -> None:
        """Nothing was ever recorded."""
        self.tape = Tape()
        self.shelf = Shelf()
        self.keyring = MemoryKeyring()


class InProcess(NamedTuple):
    """A running installation."""

    engine: Engine
    gateway: Gateway
    storage: Storage


@asynccontextmanager
async def in_process(
    product: Product,
    world: World | None = None,
    *,
    storage: Storage | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
    journal: Journal | None = None,
    seed: int | str = 0,
) -> AsyncGenerator[InProcess]:
    """Runs a product until the end of the block. Passwords are hashed fast, policies are ruled in plain Python.

    Args:
        product: What runs.
        world: What it begins with when the storage is new; the product's own without one, or `EMPTY`.
        storage: What it goes on with; a new one without.
        clock: Tells the time; the machine's without one.
        limits: Bounds of the engine, such as small ones that make it forget.
        journal: In place of the one on the storage's tape, such as one that fails now and then.
        seed: Of what is random: identifiers, and the order in which partitions are drained.

    Raises:
        Ended: Something in the background failed.
    """
    faults: list[tuple[str, BaseException]] = []
    scheduler = MemoryScheduler(lambda name, fault: faults.append((name, fault)))
    installation = _wired(product, storage or Storage(), clock or SystemClock(), scheduler, limits, journal, seed)
    try:
        await installation.engine.start()
        if is_new(installation.engine):
            await _begin(installation, world or cast("World | None", product.world) or EMPTY)
        yield installation
    finally:
        scheduler.close()
        await asyncio.sleep(0)
    for name, fault in faults:
        raise Ended(f"'{name}' failed in the background; a server ends by that.") from fault


def transport(installation: InProcess, tenant: str) -> "Transport":
    """The way of an `osteon_sdk.Client` to one tenant, straight to the gateway. Needs the SDK to be installed."""
    return _GatewayTransport(installation, tenant)


class _GatewayTransport:
    """The SDK's `Transport`, in process."""

    def __init__(self, installation: InProcess, tenant: str) -> None:
        # Imported late: the SDK is a distribution of its own, and only its users have it.
        from osteon_sdk import Response  # noqa: PLC0415

        self._response = Response
        self._gateway = installation.gateway
        self._clock = installation.engine.ports.clock
        self._host = f"{tenant}.{installation.gateway.domain}"

    async def exchange(self, request: "SentRequest") -> "SentResponse":
        """See the SDK's `Transport`."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, self._host, request.path, headers, request.body, "127.0.0.1")
        given = await self._gateway(asked)
        date = format_datetime(self._clock.now(), usegmt=True)
        return self._response(status=given.status, headers={"date": date, **dict(given.headers)}, body=given.body)

    async def close(self) -> None:
        """See the SDK's `Transport`; the installation ends with its block."""


def _wired(
    product: Product,
    storage: Storage,
    clock: Clock,
    scheduler: MemoryScheduler,
    limits: Limits | None,
    journal: Journal | None,
    seed: int | str,
) -> InProcess:
    keyring, shelf = storage.keyring, storage.shelf
    keyring.create(HOUSE)
    filing, snapshots = MemoryFiling(shelf, tables(product)), MemorySnapshots(shelf)
    projection = Projection(product, filing, keyring)
    maker = SnapshotMaker(States(product, keyring), filing, keyring, snapshots)
    projection.renew()
    ports = Ports(
        journal=journal or MemoryJournal(storage.tape, keyring),
        history=MemoryHistory(shelf, keyring),
        snapshots=snapshots,
        views=MemoryViews(shelf),
        access_log=MemoryAccessLog(shelf, keyring),
        drain=MemoryDrain(storage.tape, projection.apply, clock, scheduler, seed, projection.standing, maker.make),
        replies=MemoryReplies(),
        passwords=MemoryPasswords(),
        tokens=MemoryTokens(),
        keyring=keyring,
        clock=clock,
        # Begun elsewhere with each batch, so that a restart under the same seed repeats no identifier.
        entropy=MemoryEntropy(f"{seed}/{storage.tape.last}"),
        scheduler=scheduler,
    )
    engine = Engine(product, ports, limits)
    policies = MemoryPolicies(rulebook(product), report_policy_fault)
    domain = "localhost"
    return InProcess(engine, Gateway(engine, policies, UaParserAgents(), Pages(engine, domain), domain), storage)


async def _begin(installation: InProcess, world: World) -> None:
    await begin_world(installation.engine, world.house)
    await populate(installation.engine, installation.gateway, world)
