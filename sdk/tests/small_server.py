"""A real HTTP server of a few lines, which can also do what a good one does not: lose a reply, or never give one."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext

import msgspec

from osteon_sdk import Request

Handler = Callable[[Request], Awaitable[bytes] | bytes]

LOSE = b""


@asynccontextmanager
async def serving(handler: Handler, tls: SSLContext | None = None) -> AsyncGenerator[int]:
    """Serves on a free port of the loopback address; a handler gives the bytes of the response, or `LOSE`.

    The request's header names come in lower case.
    """

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read(reader):
                handled = handler(request)
                response = handled if isinstance(handled, bytes) else await handled
                if response == LOSE:
                    return
                writer.write(response)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def response(status: int, body: object, *headers: str, form: str = "application/json") -> bytes:
    """The bytes of a response."""
    content = msgspec.json.encode(body)
    lines = [f"HTTP/1.1 {status} Because", f"Content-Type: {form}", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode("ascii") + content


def answer(value: object, *headers: str) -> bytes:
    """The bytes of an accepted command or an answered query."""
    body = {"verdict": "accepted", "answer": value, "invocation": "01J0INVOCATION", "position": "p"}
    return response(200, body, *headers)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    method, path, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method=method, path=path, headers=headers, body=body)
