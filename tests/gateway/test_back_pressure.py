"""Back-pressure over HTTP: what does not fit is refused with 429 or 503 and told when to come back, and then works."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

import msgspec
import pytest

from demo.world import PASSWORD, world
from osteon.app.front import Front
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.engine import Limits
from osteon.gateway import Gateway, Request, Response
from osteon.gateway.limits import Buckets, Rate
from osteon.ports.drain import Drain
from tests.engine.sending import HeldUp, until
from tests.plain import product

pytestmark = pytest.mark.anyio

LIMITS = Limits(batch=4, share=10, waiting=15)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Told(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: dict[str, object]

    @property
    def refusal(self) -> tuple[int, object, str | None]:
        """Its status, the key of its problem, and when to come back."""
        return self.status, self.body.get("key"), self.headers.get("retry-after")


class Serving:
    """The real front and gateway on loopback, over memory."""

    def __init__(self, installation: InProcess, journal: HeldUp, port: int) -> None:
        """Is asked on `port`."""
        self.installation = installation
        self.journal = journal
        self._port = port
        self._tokens: dict[str, str] = {}

    async def log_in(self, tenant: str, email: str) -> None:
        """Logs somebody in, who asks from then on."""
        told = await self.ask(tenant, "commands/log-in", email=email, password=PASSWORD)
        self._tokens[tenant] = cast("dict[str, str]", told.body["answer"])["accessToken"]

    async def ask(
        self, tenant: str, path: str, after: str | None = None, key: str | None = None, **fields: str
    ) -> Told:
        """Asks over a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = msgspec.json.encode(fields)
        head = [f"POST /{path} HTTP/1.1", f"host: {tenant}.localhost:{self._port}", "content-type: application/json"]
        head += [f"content-length: {len(body)}", f"idempotency-key: {key or self.new_key()}", "connection: close"]
        head += [f"authorization: Bearer {self._tokens[tenant]}"] if tenant in self._tokens else []
        head += [f"osteon-after: {after}"] if after else []
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        lines, _, answer = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        first, *rest = lines.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        return Told(int(first.split()[1]), headers, msgspec.json.decode(answer))

    def create(self, tenant: str) -> "asyncio.Task[Told]":
        """Asks for a new project; under a new identifier, as under another one it might be old and would be looked for."""
        return asyncio.ensure_future(self.ask(tenant, "commands/create-project", project=self.new_key(), name="Bridge"))

    async def flood(self, tenant: str) -> "list[asyncio.Task[Told]]":
        """Asks for more new projects than may wait, while nothing is recorded."""
        self.journal.open.clear()
        first = self.create(tenant)
        await until(lambda: self.journal.waiting == 1)
        noisy = [first, *(self.create(tenant) for _ in range(LIMITS.batch + LIMITS.share + 3))]
        await until(lambda: any(task.done() for task in noisy))
        return noisy

    def new_key(self) -> str:
        """A key."""
        return self.installation.gateway.new_key()


class Tasks:
    """The gateway, each request in a task of its own: the drain in memory waits in tasks only."""

    def __init__(self, gateway: Gateway) -> None:
        """Hands on to `gateway`."""
        self._gateway = gateway

    async def __call__(self, request: Request) -> Response:
        """See `Gateway`."""
        return await asyncio.ensure_future(self._gateway(request))


@asynccontextmanager
async def serving(limits: Limits | None = None) -> AsyncGenerator[Serving]:
    """Serves the demo's world, with people of two tenants logged in."""
    storage = Storage()
    journal = HeldUp.on(storage)
    async with in_process(product, world, storage=storage):
        pass
    async with in_process(product, world, storage=storage, journal=journal, limits=limits) as installation:
        front = Front(cast("Gateway", Tasks(installation.gateway)))
        listener = socket.create_server(("127.0.0.1", 0))
        await front.serve(listener)
        try:
            made = Serving(installation, journal, listener.getsockname()[1])
            await made.log_in("acme", "alice@acme.example")
            await made.log_in("globex", "gina@globex.example")
            yield made
        finally:
            journal.open.set()
            await front.close(0.1)


async def test_a_tenants_full_share_is_429_and_others_are_let_in() -> None:
    async with serving(LIMITS) as served:
        noisy = await served.flood("acme")
        quiet = served.create("globex")
        refused = [(await task) for task in noisy if task.done()]
        assert refused[0].refusal == (429, "too-many-requests", "1")
        served.journal.open.set()
        assert (await quiet).status == 200
        statuses = [(await task).status for task in noisy]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) == 1 + LIMITS.batch + LIMITS.share


async def test_a_full_inbox_is_503_and_the_same_key_works_later() -> None:
    async with serving(LIMITS) as served:
        noisy = await served.flood("acme")
        also = [served.create("globex") for _ in range(LIMITS.waiting - LIMITS.share + 1)]
        await until(lambda: any(task.done() for task in also))
        key, project = served.new_key(), served.new_key()
        refused = await served.ask("globex", "commands/create-project", key=key, project=project, name="Bridge")
        assert refused.refusal == (503, "busy", "1")
        assert refused.body["retryable"] is True
        served.journal.open.set()
        await asyncio.gather(*noisy, *also)
        accepted = await served.ask("globex", "commands/create-project", key=key, project=project, name="Bridge")
        assert (accepted.status, accepted.headers.get("idempotency-replayed")) == (200, None)


async def test_a_rate_says_when_the_next_one_is_due() -> None:
    async with serving() as served:
        served.installation.gateway._accounts = Buckets(Rate(1 / 7, 2))  # pyright: ignore[reportPrivateUsage]
        told = [(await served.create("acme")).refusal for _ in range(3)]
        assert [status for status, _, _ in told] == [200, 200, 429]
        assert told[-1][1:] == ("too-many-requests", "7")
        assert (await served.create("globex")).status == 200


async def test_guessing_a_password_is_slowed_down() -> None:
    async with serving() as served:
        for _ in range(20):
            told = await served.ask("acme", "commands/log-in", email="alice@acme.example", password="password")
            assert told.status == 401
        told = await served.ask("acme", "commands/log-in", email="alice@acme.example", password=PASSWORD)
        assert told.refusal[:2] == (429, "too-many-requests")
        assert 1 <= int(told.refusal[2] or "0") <= 3


async def test_a_late_view_is_503_with_its_lag() -> None:
    async with serving() as served:
        engine = served.installation.engine
        engine.reader._bound = 0.01  # pyright: ignore[reportPrivateUsage]
        resume = hold(engine.ports.drain)
        made = [await served.create("acme") for _ in range(3)]
        after = str(made[-1].body["position"])
        late = await served.ask("acme", "queries/list-projects", after=after)
        assert late.refusal == (503, "views.behind", "1")
        assert cast("dict[str, int]", late.body["params"])["entries"] >= 3
        resume()
        told = await served.ask("acme", "queries/list-projects", after=after)
        assert told.status == 200


async def test_commands_wait_while_the_drain_is_far_behind() -> None:
    async with serving(Limits(batch=4, lag=5)) as served:
        engine = served.installation.engine
        resume = hold(engine.ports.drain)
        asked = [served.create("acme") for _ in range(40)]
        await until(lambda: engine.batches.undrained > 5 and engine.inbox.waiting > 0)
        for _ in range(1_000):
            await asyncio.sleep(0)
        # What was let in before is recorded, and no more of it, however long one waits.
        assert 5 < engine.batches.undrained <= 5 + 2 * 4
        assert engine.inbox.waiting >= 40 - 5 - 3 * 4
        resume()
        assert {(await task).status for task in asked} == {200}


def hold(drain: Drain) -> "Resume":
    """Keeps the drain in memory from draining anything."""
    resume = Resume(drain)
    object.__setattr__(drain, "_catch_up", lambda: None)
    return resume


class Resume:
    """Lets a drain go on."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain

    def __call__(self) -> None:
        """Goes on."""
        object.__delattr__(self._drain, "_catch_up")
