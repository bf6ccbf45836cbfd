"""The HTTP/1.1 front: httptools reads, the gateway answers, one connection after another on one loop.

What a front must do is here: requests of one connection are answered in order, bodies and headers are bounded, slow and idle
connections end, and when the server ends, idle connections are closed at once and running requests are finished.

A request's coroutine is stepped right away instead of being made a task: most answers are there without waiting, and a command
waits for one future. `docs/decisions` says what that gains.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, NamedTuple

import httptools
import structlog

from osteon.gateway import Gateway, Request, Response
from osteon.gateway.problems import problem_response
from osteon.model import Problem

__all__ = ["Bounds", "Front"]


class Bounds(NamedTuple):
    """What a connection may cost.

    Attributes:
        body: Bytes of a body.
        headers: Bytes of path and headers together.
        pipelined: Requests of one connection that may wait for their answers.
        idle: Seconds between two requests.
        slow: Seconds that a request may take to arrive.
        linger: Seconds for a client to take a refusal while it still sends what was refused.
        connections: How many may be open at once.
    """

    body: int = 1 << 20
    headers: int = 16 << 10
    pipelined: int = 64
    idle: float = 75.0
    slow: float = 15.0
    linger: float = 2.0
    connections: int = 10_000


class Front:
    """Accepts connections and hands their requests to a gateway."""

    def __init__(self, gateway: Gateway, bounds: Bounds | None = None) -> None:
        """A front for `gateway`; `serve` starts it."""
        self.gateway = gateway
        self.bounds = bounds or Bounds()
        self.connections: set[_Connection] = set()
        self.log = structlog.get_logger("osteon.front")
        self.date = b""
        self.now = 0.0
        self._server: asyncio.Server | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self._all_closed = asyncio.Event()

    async def serve(self, listener: Any) -> None:
        """Accepts connections on a bound socket from now on."""
        loop = asyncio.get_running_loop()
        self._tick()
        self._server = await loop.create_server(lambda: _Connection(self), sock=listener, backlog=2048)

    async def close(self, grace: float) -> None:
        """Accepts no more, closes idle connections, and gives running requests `grace` seconds to end."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.finish()
        if self.connections:
            timer = asyncio.get_running_loop().call_later(grace, self._all_closed.set)
            await self._all_closed.wait()
            timer.cancel()
        for connection in list(self.connections):
            connection.abort()
        if self._ticking is not None:
            self._ticking.cancel()

    def closed(self, connection: "_Connection") -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._all_closed.set()

    def _tick(self) -> None:
        """Once a second: the Date header, and connections that take too long."""
        self.date = b"date: " + formatdate(usegmt=True).encode() + b"\r\n"
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        for connection in list(self.connections):
            connection.look_at_clock(self.now)
        self._ticking = loop.call_later(1.0, self._tick)


class _Connection(asyncio.Protocol):
    """One connection: reads requests, answers them in order."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._bounds = front.bounds
        self._transport: Any = None
        self._parser: Any = None
        self._address: str | None = None
        self._headers: dict[str, str] = {}
        self._path = b""
        self._size = 0
        self._body: list[bytes] = []
        self._answers: deque[_Answer] = deque()
        self._writable = True
        self._paused = False
        self._last = False
        self._lingering_since: float | None = None
        self._reading_since: float | None = None
        self._idle_since = front.now

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if peer else None
        self._parser = httptools.HttpRequestParser(self)
        if len(self._front.connections) >= self._bounds.connections:
            transport.abort()
            return
        self._front.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        # Nobody takes the answers any more, but what was begun goes on to its end.
        self._front.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._last:
            return
        if self._reading_since is None:
            self._reading_since = self._front.now
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(Problem(key="not-http"))
        except httptools.HttpParserError:
            self._refuse(Problem(key="not-http"))

    def eof_received(self) -> bool:
        self._last = True
        self._lingering_since = None
        self._close_if_done()
        return bool(self._answers)

    def pause_writing(self) -> None:
        self._writable = False
        self._pause_reading()

    def resume_writing(self) -> None:
        self._writable = True
        self._resume_reading()

    def on_message_begin(self) -> None:
        self._headers = {}
        self._path = b""
        self._size = 0
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._path += url
        self._size += len(url)
        if self._size > self._bounds.headers:
            raise _Malformed("path")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._size += len(name) + len(value)
        if self._size > self._bounds.headers:
            raise _Malformed("headers")
        key = _NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key in self._headers:
            if key in _ONCE:
                raise _Malformed(key)
            # A list may come in several lines.
            text = f"{self._headers[key]}, {text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and not self._answers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if int(self._headers.get("content-length") or 0) > self._bounds.body:
            self._refuse(Problem(key="too-large", params={"limit": self._bounds.body}))

    def on_body(self, body: bytes) -> None:
        if self._last:
            return
        self._body.append(body)
        self._size += len(body)
        if self._size > self._bounds.body + self._bounds.headers:
            self._refuse(Problem(key="too-large", params={"limit": self._bounds.body}))

    def on_message_complete(self) -> None:
        if self._last:
            return
        self._reading_since = None
        method = self._parser.get_method().decode("latin-1")
        host = self._headers.get("host", "").lower()
        if host and host[-1] != "]":
            host = host.partition(":")[0]
        path = self._path.partition(b"?")[0].decode("latin-1")
        if path[:1] not in ("/", "*"):
            # A proxy's form names a host of its own, which nothing here would look at.
            self._refuse(Problem(key="not-http"))
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = Request(method, host, path, self._headers, body, self._address)
        answer = _Answer(self, keep=self._parser.should_keep_alive(), head=method == "HEAD")
        self._answers.append(answer)
        if len(self._answers) >= self._bounds.pipelined:
            self._pause_reading()
        if not answer.keep:
            self._last = True
        answer.step(self._front.gateway(request))

    def flush(self) -> None:
        """Writes the answers that are there and whose turn it is, together."""
        ready: list[bytes] = []
        while self._answers and self._answers[0].data is not None:
            answer = self._answers.popleft()
            assert answer.data is not None
            ready.append(answer.data)
        if not ready or self._transport.is_closing():
            return
        self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        self._idle_since = self._front.now
        self._resume_reading()
        self._close_if_done()

    def finish(self) -> None:
        """Takes no more requests; closes once all are answered."""
        self._last = True
        self._lingering_since = None
        self._close_if_done()

    def abort(self) -> None:
        """Closes at once, whatever is running."""
        self._transport.abort()

    def look_at_clock(self, now: float) -> None:
        """Ends a connection that is idle, or sends too slowly, or takes nothing."""
        if self._answers:
            return
        if self._lingering_since is not None:
            if now - self._lingering_since > self._bounds.linger:
                self._transport.abort()
        elif self._reading_since is not None:
            if now - self._reading_since > self._bounds.slow:
                self._refuse(Problem(key="too-slow", retryable=True))
        elif now - self._idle_since > self._bounds.idle or not self._writable:
            self._transport.abort()

    def failed(self, fault: BaseException) -> None:
        """A request ended in a way that the gateway does not know."""
        self._front.log.error("a request was given up", reason=repr(fault))

    def encode(self, response: Response, keep: bool, head: bool) -> bytes:
        """A response as bytes."""
        begin = _begin(response.status, response.headers)
        end = b"" if keep and not self._last else b"connection: close\r\n"
        body = b"" if head else response.body
        return b"%b%b%bcontent-length: %d\r\n\r\n%b" % (begin, self._front.date, end, len(response.body), body)

    def _refuse(self, problem: Problem) -> None:
        """Answers what is no request that the gateway could answer, and closes: what follows cannot be told apart."""
        if self._last:
            return
        self._last = True
        self._reading_since = None
        self._lingering_since = self._front.now
        answer = _Answer(self, keep=False, head=False)
        self._answers.append(answer)
        answer.finish(problem_response(problem))

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and self._writable and not self._last and len(self._answers) < self._bounds.pipelined:
            self._paused = False
            self._transport.resume_reading()

    def _close_if_done(self) -> None:
        if not self._last or self._answers or self._transport.is_closing():
            return
        if self._lingering_since is None:
            self._transport.close()
        else:
            # Closed with bytes unread, the kernel would reset the connection and the client lose the refusal.
            self._transport.write_eof()


class _Answer:
    """The answer to one request, in the making."""

    __slots__ = ("_connection", "_coroutine", "_waiting", "data", "head", "keep")

    def __init__(self, connection: _Connection, *, keep: bool, head: bool) -> None:
        self._connection = connection
        self._coroutine: Coroutine[Any, None, Response] | None = None
        self._waiting: asyncio.Future[Any] | None = None
        self.keep = keep
        self.head = head
        self.data: bytes | None = None

    def step(self, coroutine: Coroutine[Any, None, Response]) -> None:
        """Runs until there is a response or something to wait for."""
        self._coroutine = coroutine
        self._resume(None)

    def finish(self, response: Response) -> None:
        """The response is there."""
        self.data = self._connection.encode(response, self.keep, self.head)
        self._connection.flush()

    def _resume(self, done: "asyncio.Future[Any] | None") -> None:
        assert self._coroutine is not None
        try:
            waiting = self._coroutine.send(None)
        except StopIteration as stop:
            self.finish(stop.value)
        except BaseException as fault:  # noqa: BLE001 - a cancelled wait is no reason to leave a client without an answer
            self._connection.failed(fault)
            self.finish(problem_response(Problem(key="unexpected", retryable=True)))
        else:
            if waiting is None:
                asyncio.get_running_loop().call_soon(self._resume, None)
                return
            # What a task does for its coroutine: the future is told that its waiter was heard.
            waiting._asyncio_future_blocking = False  # noqa: SLF001 - asyncio's own protocol of awaiting
            waiting.add_done_callback(self._resume)


class _Malformed(Exception):
    """Raised inside the parser to end it."""


@lru_cache(1000)
def _begin(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The first line of a response and the headers that the gateway gave it."""
    known = HTTPStatus(status)
    lines = [f"HTTP/1.1 {known.value} {known.phrase}\r\n", *(f"{name}: {value}\r\n" for name, value in headers)]
    return "".join(lines).encode("latin-1")


# What clients send again and again, in the spellings that they use.
_NAMES = {
    spelling.encode(): name
    for name in (
        "host",
        "authorization",
        "content-type",
        "content-length",
        "idempotency-key",
        "osteon-scope",
        "user-agent",
    )
    for spelling in (name, name.title())
}
_ONCE = frozenset({"host", "content-length", "authorization", "idempotency-key", "osteon-scope", "content-type"})
