"""The HTTP front: what a connection may do, what it costs, how it ends."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from osteon.app.front import Bounds, Front
from osteon.gateway import Gateway, Request, Response

pytestmark = pytest.mark.anyio

GET = b"GET /%s HTTP/1.1\r\nHost: acme.localhost:8000\r\n\r\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class FakeGateway:
    """Answers with what it was asked; `hold` keeps an answer back until it is released."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.held: dict[str, asyncio.Future[None]] = {}

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path.startswith("/hold"):
            self.held[request.path] = asyncio.get_running_loop().create_future()
            await self.held[request.path]
        if request.path.startswith("/yield"):
            await asyncio.sleep(0)
        if request.path.startswith("/cancel"):
            raise asyncio.CancelledError
        return Response(200, request.path.encode() + request.body, (("content-type", "text/plain"),))


@asynccontextmanager
async def serving(**bounds: Any) -> AsyncGenerator[tuple[FakeGateway, Front, Callable[[], Awaitable["Talk"]]], None]:
    gateway = FakeGateway()
    front = Front(cast("Gateway", gateway), Bounds(**bounds))
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    await front.serve(listener)
    talks: list[Talk] = []

    async def connect() -> Talk:
        talks.append(Talk(*await asyncio.open_connection("127.0.0.1", port)))
        return talks[-1]

    try:
        yield gateway, front, connect
    finally:
        for talk in talks:
            talk.writer.close()
        await front.close(0.1)


class Talk:
    """A client's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    async def ended(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with serving() as (gateway, _, connect):
        talk = await connect()
        talk.say(GET % b"hold1" + GET % b"now" + GET % b"yield" + GET % b"hold2")
        while len(gateway.held) < 2:
            await asyncio.sleep(0)
        gateway.held["/hold2"].set_result(None)
        gateway.held["/hold1"].set_result(None)
        assert [(await talk.hear())[2] for _ in range(4)] == [b"/hold1", b"/now", b"/yield", b"/hold2"]


async def test_a_request_may_come_byte_by_byte() -> None:
    async with serving() as (gateway, _, connect):
        talk = await connect()
        for byte in b"POST /p?q=1 HTTP/1.1\r\nHost: ACME.localhost:1\r\nContent-Length: 3\r\n\r\nabc":
            talk.say(bytes([byte]))
            await talk.writer.drain()
            await asyncio.sleep(0)
        assert (await talk.hear())[2] == b"/pabc"
        assert (gateway.requests[0].host, gateway.requests[0].address) == ("acme.localhost", "127.0.0.1")


async def test_a_chunked_body_is_put_together() -> None:
    async with serving() as (_, _, connect):
        talk = await connect()
        talk.say(b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await talk.hear())[2] == b"/cabcde"


async def test_whoever_asks_is_told_to_continue() -> None:
    async with serving() as (_, _, connect):
        talk = await connect()
        talk.say(b"POST /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await talk.hear())[0] == 100
        talk.say(b"ok")
        assert (await talk.hear())[2] == b"/eok"


async def test_a_head_request_gets_no_body() -> None:
    async with serving() as (_, _, connect):
        talk = await connect()
        talk.say(b"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + GET % b"next")
        head = await talk.reader.readuntil(b"\r\n\r\n")
        assert b"content-length: 2\r\n" in head
        assert (await talk.hear())[2] == b"/next"


@pytest.mark.parametrize(
    "request_line",
    [b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"GET /a HTTP/1.0\r\nHost: h\r\n\r\n"],
)
async def test_a_connection_closes_when_asked_to(request_line: bytes) -> None:
    async with serving() as (_, _, connect):
        talk = await connect()
        talk.say(request_line)
        status, headers, _ = await talk.hear()
        assert (status, headers["connection"]) == (200, "close")
        assert await talk.ended()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET http://globex.localhost/ HTTP/1.1\r\nHost: acme.localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_closed(data: bytes) -> None:
    async with serving() as (gateway, _, connect):
        talk = await connect()
        talk.say(data)
        status, headers, body = await talk.hear()
        assert (status, headers["content-type"]) == (400, "application/problem+json")
        assert b'"key":"not-http"' in body
        assert await talk.ended()
        assert gateway.requests == []


@pytest.mark.parametrize("head", [b"Content-Length: 2000000", b"Transfer-Encoding: chunked"])
async def test_a_body_too_large_is_refused_before_its_end(head: bytes) -> None:
    async with serving() as (gateway, _, connect):
        talk = await connect()
        talk.say(b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n")
        if b"chunked" in head:
            for _ in range(20):
                talk.say(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        status, _, body = await talk.hear()
        assert (status, b'"key":"too-large"' in body) == (413, True)
        assert gateway.requests == []


async def test_a_slow_request_is_ended() -> None:
    async with serving(slow=0.05) as (_, _, connect):
        talk = await connect()
        talk.say(b"GET / HTTP/1.1\r\nHost:")
        assert (await talk.hear())[0] == 408
        assert await talk.ended()


async def test_an_idle_connection_is_ended_quietly() -> None:
    async with serving(idle=0.05) as (_, _, connect):
        talk = await connect()
        talk.say(GET % b"a")
        assert (await talk.hear())[0] == 200
        assert await talk.ended()


async def test_too_many_connections_are_turned_away() -> None:
    async with serving(connections=1) as (_, _, connect):
        first, second = await connect(), await connect()
        first.say(GET % b"a")
        assert (await first.hear())[0] == 200
        second.say(GET % b"b")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await second.hear()


async def test_more_than_a_few_pipelined_requests_wait() -> None:
    async with serving(pipelined=2) as (gateway, _, connect):
        talk = await connect()
        talk.say(GET % b"hold1")
        talk.say(b"".join(GET % b"n%d" % number for number in range(50)))
        while not gateway.held:
            await asyncio.sleep(0)
        gateway.held["/hold1"].set_result(None)
        assert [(await talk.hear())[2] for _ in range(51)] == [b"/hold1", *(b"/n%d" % n for n in range(50))]


async def test_a_cancelled_request_is_answered_all_the_same() -> None:
    async with serving() as (_, _, connect):
        talk = await connect()
        talk.say(GET % b"cancel" + GET % b"next")
        assert (await talk.hear())[0] == 500
        assert (await talk.hear())[2] == b"/next"


async def test_closing_ends_idle_connections_and_finishes_running_ones() -> None:
    async with serving() as (gateway, front, connect):
        idle, busy = await connect(), await connect()
        idle.say(GET % b"a")
        await idle.hear()
        busy.say(GET % b"hold")
        while not gateway.held:
            await asyncio.sleep(0)
        closing = asyncio.create_task(front.close(5.0))
        assert await idle.ended()
        gateway.held["/hold"].set_result(None)
        status, headers, _ = await busy.hear()
        assert (status, headers["connection"]) == (200, "close")
        assert await busy.ended()
        await closing


async def test_a_request_that_does_not_end_does_not_hold_up_the_end() -> None:
    async with serving() as (gateway, front, connect):
        talk = await connect()
        talk.say(GET % b"hold")
        while not gateway.held:
            await asyncio.sleep(0)
        await front.close(0.05)
        assert await talk.ended()


async def test_a_client_that_leaves_costs_nothing() -> None:
    async with serving() as (gateway, front, connect):
        talk = await connect()
        talk.say(GET % b"hold")
        while not gateway.held:
            await asyncio.sleep(0)
        talk.writer.transport.abort()
        await asyncio.sleep(0)
        gateway.held["/hold"].set_result(None)
        async with asyncio.timeout(10):
            while front.connections:
                await asyncio.sleep(0)
        other = await connect()
        other.say(GET % b"a")
        assert (await other.hear())[0] == 200
