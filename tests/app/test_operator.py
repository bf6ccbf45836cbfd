"""What is asked at the management socket: by whom, how it is recorded, and that nothing said there harms the server."""

import asyncio
import contextlib
import json
import os
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from ulid import ULID

from osteon.adapters.memory.scheduler import MemoryScheduler
from osteon.app.inprocess import InProcess, Storage, in_process
from osteon.app.maintenance import Maintenance, ViewWork
from osteon.app.operator import Operator
from osteon.app.operator_client import NotRunning, RefusedByServer, ask, result
from osteon.app.operator_socket import MAX_CONNECTIONS, NAME, OperatorSocket, is_let_in
from osteon.context import Authenticated, InternalProof
from osteon.domain import Product
from osteon.engine import service_account
from osteon.gateway import Request
from osteon.messages import Entry, Position
from osteon.model import HOUSE, ScopeId, TenantId, decoder, named, replace
from osteon.modules import PLATFORM
from osteon.modules.operations import RebuildView, StartView
from osteon.ports.views import Standing, Stop
from tests.contracts.filed import fail
from tests.engine.sending import entries
from tests.plain import product as plain

PERSON = "ann"
VIEW = "person"
STOP = Stop(position=Position(2, 3), event="person-added", reason="LookupError in 'begin'")
STOPPED = Standing(tenant=HOUSE, view=VIEW, entries=10, place=4, stop=STOP)

pytestmark = pytest.mark.anyio


class Works:
    """A drain that does what is asked of views: step by step, and with an end that a test chooses."""

    def __init__(self, *standings: Standing | None) -> None:
        """Stands there, one after the other as often as it is looked at; the last one stays."""
        self.standings: list[Standing | None] = list(standings) or [None]
        self.asked: list[tuple[str, str, TenantId | None]] = []
        self.taken = 1
        self.recorded: list[int] = []
        self.count: Callable[[], int] = lambda: 0

    def standing(self, tenant: TenantId, view: str) -> Standing | None:
        """See `ViewWork`."""
        return self.standings.pop(0) if len(self.standings) > 1 else self.standings[0]

    async def start_view(self, view: str, tenant: TenantId | None = None) -> int:
        """See `ViewWork`."""
        return self._took("start", view, tenant)

    async def rebuild_view(self, view: str, tenant: TenantId | None = None) -> int:
        """See `ViewWork`."""
        return self._took("rebuild", view, tenant)

    def _took(self, what: str, view: str, tenant: TenantId | None) -> int:
        self.asked.append((what, view, tenant))
        self.recorded.append(self.count())
        return self.taken


class Place(NamedTuple):
    """A running installation and its operator."""

    installation: InProcess
    operator: Operator
    works: Works

    async def answers(self, request: Any, person: str = PERSON) -> list[dict[str, Any]]:
        """All lines of the answer to a request."""
        return [each async for each in self.operator.answer(json.dumps(request).encode(), person)]

    async def result(self, request: Any) -> Any:
        """The result of what must not be refused."""
        return (await self.answers(request))[-1]["result"]

    def acts(self) -> list[Entry]:
        """What is recorded of operators."""
        return [each for each in entries(self.installation.storage) if each.entity_type == "maintenance"]


@pytest.fixture
def anyio_backend() -> str:
    """Servers run on asyncio."""
    return "asyncio"


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    works = Works()
    async with in_process(Product("small", PLATFORM)) as installation:
        engine = installation.engine
        acts = Maintenance(engine.product, cast("ViewWork", works), engine.ports.clock, engine.ports.scheduler)
        engine.batches.follow_with(acts)
        operator = Operator(engine, status, dict.fromkeys(Maintenance.commands, acts))
        place = Place(installation, operator, works)
        works.count = lambda: len(place.acts())
        yield place


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path, as sockets want it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


async def status() -> Any:
    """Nothing much to tell."""
    return {"well": True}


def starting(**changes: Any) -> dict[str, Any]:
    """The request that starts a view."""
    body = {"maintenance": str(ULID()), "view": VIEW, "reason": "its code is mended"}
    return {"do": "command", "tenant": "house", "type": "start-view", "key": str(ULID()), "body": body} | changes


async def test_a_tenant_is_open_before_anybody_looks_into_it() -> None:
    storage, seen = Storage(), list[bool]()
    async with in_process(plain, storage=storage):
        pass
    async with in_process(plain, storage=storage) as installation:
        engine = installation.engine

        class Looking(Maintenance):
            def expect(self, command: StartView | RebuildView, tenant: TenantId) -> None:
                seen.append(engine.indexes.is_open(tenant))

        acts = Looking(engine.product, cast("ViewWork", Works()), engine.ports.clock, engine.ports.scheduler)
        operator = Operator(engine, status, dict.fromkeys(Maintenance.commands, acts))
        entry = engine.indexes.tenants.named("acme")
        assert entry is not None
        assert not engine.indexes.is_open(entry.tenant)
        async for _ in operator.answer(json.dumps(starting(tenant="acme")).encode(), PERSON):
            break
    assert seen == [True]


async def test_a_command_is_recorded_with_operator_and_person(place: Place) -> None:
    request = starting()
    told = await place.result(request)
    assert (told["tenant"], told["verdict"], told["replayed"]) == ("house", "accepted", False)

    (act,) = place.acts()
    assert act.position.token == told["position"]
    assert [event.type for event in act.events] == ["view-start-asked"]
    access = act.context.access
    assert isinstance(access, Authenticated)
    assert access.actor.account == service_account(HOUSE, "operator")
    assert access.actor.authentication == InternalProof(handler="operator", person=PERSON)
    assert (access.authorization.permission, access.authorization.reason) == ("start-view", "operator")
    assert act.context.scope.path == (ScopeId(named(HOUSE, HOUSE, "root")),)
    assert act.context.trace.external == request["key"]


async def test_the_act_follows_its_record(place: Place) -> None:
    await place.result(starting())
    assert place.works.asked == [("start", VIEW, HOUSE)]
    assert place.works.recorded == [1]


async def test_a_rebuild_is_asked_of_its_tenant(place: Place) -> None:
    told = await place.result(starting(type="rebuild-view", tenant=HOUSE))
    assert place.works.asked == [("rebuild", VIEW, HOUSE)]
    assert told["outcome"] == {"taken": True, "state": "following", "percent": 100}


async def test_a_retry_gets_the_recorded_verdict_and_does_nothing(place: Place) -> None:
    request = starting()
    first = await place.result(request)
    again = await place.result(request)
    assert (again["replayed"], again["position"]) == (True, first["position"])
    assert again["outcome"] == first["outcome"]
    assert (len(place.acts()), len(place.works.asked)) == (1, 1)


async def test_a_key_that_was_used_for_something_else_is_refused(place: Place) -> None:
    request = starting()
    await place.result(request)
    (answer,) = await place.answers({**request, "body": {**request["body"], "reason": "another"}})
    assert answer["refused"].key == "reused-key"
    assert (len(place.acts()), len(place.works.asked)) == (1, 1)


async def test_a_rejection_is_told(place: Place) -> None:
    request = starting()
    await place.result(request)
    told = await place.result({**request, "key": str(ULID())})
    assert (told["verdict"], told["problem"].key, told["outcome"]) == ("rejected", "operations.already-exists", None)


async def test_progress_is_told_until_a_view_follows(place: Place) -> None:
    place.works.standings = [
        replace(STOPPED, stop=None),
        replace(STOPPED, stop=None, place=8, rate=2.0),
        None,
    ]
    *progress, last = await place.answers(starting())
    assert [each["progress"]["percent"] for each in progress[-3:]] == [40, 80, 100]
    assert progress[-2]["progress"]["secondsLeft"] == 1.0
    assert last["result"]["outcome"]["state"] == "following"


async def test_a_view_that_stops_again_is_told_with_its_reason(place: Place) -> None:
    place.works.standings = [replace(STOPPED, stop=None), STOPPED]
    outcome = (await place.result(starting()))["outcome"]
    assert outcome["state"] == "stopped"
    assert outcome["stop"] == {"event": STOP.event, "reason": STOP.reason, "partition": 2, "sequence": 3}


async def test_what_cannot_be_done_is_not_recorded(place: Place) -> None:
    body = starting()["body"]
    for refused, key in (("persn", "operations.no-such-view"), ("scope", "operations.view-decides")):
        (answer,) = await place.answers(starting(body={**body, "view": refused}))
        assert answer["refused"].key == key
    assert place.acts() == []


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b"", "not-json"),
        (b"mend it", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b"[" * 5000, "too-deep"),
        (b"[1]", "invalid"),
        (b'{"do": "dance"}', "invalid"),
        (b'{"do": "status", "now": true}', "invalid"),
        (b'{"do": "status", "do": "command"}', "duplicate-key"),
        (b'{"do": "command", "tenant": "house"}', "invalid"),
    ],
)
async def test_refuses_what_it_cannot_read(place: Place, line: bytes, key: str) -> None:
    (answer,) = [each async for each in place.operator.answer(line, PERSON)]
    assert answer["refused"].key == key
    assert answer["says"].endswith(".")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"type": "start-vew"}, "unknown-type"),
        ({"type": "add-scope"}, "not-permitted"),
        ({"type": "enter-tenant"}, "not-permitted"),
        ({"type": "view-start-asked"}, "not-permitted"),
        ({"tenant": "nowhere"}, "unknown-tenant"),
        ({"key": "again"}, "invalid-key"),
        ({"body": {"maintenance": "x", "view": VIEW, "reason": "y"}}, "invalid"),
        ({"body": {"maintenance": str(ULID()), "view": VIEW}}, "invalid"),
        ({"body": {"maintenance": str(ULID()), "view": VIEW, "reason": ""}}, "invalid"),
    ],
)
async def test_refuses_what_operators_may_not_ask(place: Place, changes: dict[str, Any], key: str) -> None:
    (answer,) = await place.answers(starting(**changes))
    assert answer["refused"].key == key
    assert place.acts() == []


async def test_a_fault_of_the_status_is_answered(place: Place) -> None:
    async def failing() -> Any:
        raise LookupError

    operator = Operator(place.installation.engine, failing)
    (answer,) = [each async for each in operator.answer(b'{"do": "status"}', PERSON)]
    assert answer["refused"].key == "unexpected"


async def test_no_client_can_send_an_operators_command(place: Place) -> None:
    headers = {"content-type": "application/json", "idempotency-key": str(ULID())}
    body = json.dumps(starting()["body"]).encode()
    request = Request("POST", "house.localhost", "/commands/start-view", headers, body)
    response = await place.installation.gateway(request)
    assert (response.status, json.loads(response.body)["key"]) == (404, "unknown-type")


async def test_an_operator_is_answered_over_the_socket(place: Place, folder: Path) -> None:
    async with opened(place, folder):
        assert await asyncio.to_thread(result, folder, {"do": "status"}) == {"well": True}
        answers = await asyncio.to_thread(lambda: list(ask(folder, starting())))
        assert answers[-1]["result"]["verdict"] == "accepted"
        with pytest.raises(RefusedByServer, match="There is no tenant 'nowhere'"):
            await asyncio.to_thread(result, folder, starting(tenant="nowhere"))
    (act,) = place.acts()
    access = act.context.access
    assert isinstance(access, Authenticated)
    assert cast("InternalProof", access.actor.authentication).person not in (None, "")


async def test_the_socket_is_its_owners_alone_and_goes_with_the_server(place: Place, folder: Path) -> None:
    async with opened(place, folder):
        assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600
    assert not (folder / NAME).exists()
    with pytest.raises(NotRunning):
        result(folder, {"do": "status"})


async def test_a_socket_of_a_dead_server_is_replaced(place: Place, folder: Path) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(folder / NAME))
    with pytest.raises(NotRunning):
        result(folder, {"do": "status"})
    async with opened(place, folder):
        assert await asyncio.to_thread(result, folder, {"do": "status"}) == {"well": True}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take short paths only")
async def test_a_long_path_is_gone_around(place: Place, folder: Path) -> None:
    deep = folder / ("x" * 120)
    deep.mkdir()
    async with opened(place, deep):
        assert await asyncio.to_thread(result, deep, {"do": "status"}) == {"well": True}


async def test_too_much_is_refused(place: Place, folder: Path) -> None:
    async with opened(place, folder):
        (answer,) = await said(folder, b'{"do": "' + b"x" * 70_000)
        assert answer["refused"]["key"] == "too-large"


async def test_silence_is_ended(place: Place, folder: Path) -> None:
    async with opened(place, folder, patience=0.05):
        (answer,) = await said(folder, b'{"do": "sta')
        assert answer["refused"]["key"] == "too-slow"


async def test_too_many_at_once_are_told_so(place: Place, folder: Path) -> None:
    async with opened(place, folder), contextlib.AsyncExitStack() as others:
        for _ in range(MAX_CONNECTIONS):
            _, writer = await asyncio.open_unix_connection(str(folder / NAME))
            others.callback(writer.close)
        (answer,) = await said(folder, b'{"do": "status"}\n')
        assert answer["refused"]["key"] == "busy"


async def test_the_end_of_the_server_ends_what_is_still_asked(place: Place, folder: Path) -> None:
    async with opened(place, folder):
        reader, writer = await asyncio.open_unix_connection(str(folder / NAME))
        assert await said(folder, b'{"do": "status"}\n')
    assert await reader.read() == b""
    writer.close()


async def test_whoever_goes_away_harms_nobody(place: Place, folder: Path) -> None:
    async with opened(place, folder):
        for line in (b"", b'{"do": ', b'{"do": "status"}\n'):
            _, writer = await asyncio.open_unix_connection(str(folder / NAME))
            writer.write(line)
            writer.transport.abort()
        assert await said(folder, b'{"do": "status"}\n') == [{"result": {"well": True}}]


def test_lets_in_root_and_its_own_user() -> None:
    assert [is_let_in(user, 1000) for user in (1000, 0, 1001, 65534)] == [True, True, False, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
async def test_another_user_gets_no_answer(place: Place, folder: Path) -> None:
    ask_as_nobody = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
        "print(s.recv(100))"
    )
    async with opened(place, folder):
        # As if the modes of folder and file had been opened by mistake.
        os.chmod(folder, 0o755)  # noqa: S103
        os.chmod(folder / NAME, 0o666)  # noqa: S103
        asking = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ask_as_nobody, str(folder / NAME), stdout=asyncio.subprocess.PIPE
        )
        heard, _ = await asking.communicate()
        assert heard == b"b''\n"


def test_a_proof_recorded_without_a_person_is_read() -> None:
    proof = decoder(InternalProof).decode(b'{"type": "internal", "handler": "genesis"}')
    assert proof == InternalProof(handler="genesis")


@contextlib.asynccontextmanager
async def opened(place: Place, folder: Path, **options: Any) -> AsyncGenerator[None]:
    """Serves operators in a folder."""
    sockets = OperatorSocket(folder, place.operator, MemoryScheduler(fail), **options)
    await sockets.open()
    try:
        yield
    finally:
        await sockets.close()


async def said(folder: Path, line: bytes) -> list[Any]:
    """The answers to whatever is sent."""
    reader, writer = await asyncio.open_unix_connection(str(folder / NAME))
    writer.write(line)
    heard = (await reader.read()).splitlines()
    writer.close()
    return [json.loads(each) for each in heard]
