"""Peer L: the limit, the same wire as ours with nothing behind it, bare ASGI and msgspec.

It decodes what it is sent and answers in our shape. It knows no tenant, checks no token and stores nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Write(msgspec.Struct):
    """The body of a create or a rename."""

    note: str
    name: str


class Get(msgspec.Struct):
    """The body of a get."""

    note: str


class List(msgspec.Struct):
    """The body of a list."""

    limit: int = 20


class Row(msgspec.Struct):
    """A note."""

    note: str
    scope: str
    name: str
    archived: bool = False


class Page(msgspec.Struct):
    """A page of notes."""

    items: list[Row]
    next: str | None = None


class Verdict(msgspec.Struct):
    """The answer to a command."""

    verdict: str
    answer: None
    invocation: str
    position: str


class Found(msgspec.Struct):
    """The answer to a query."""

    answer: Row | Page
    invocation: str
    position: str


ANY = "01J00000000000000000000000"
HEADERS = [(b"content-type", b"application/json")]
PAGE = [Row(note=ANY, scope=ANY, name=f"Note {ANY}") for _ in range(100)]

encode = msgspec.json.Encoder().encode
decode_write = msgspec.json.Decoder(Write).decode
decode_get = msgspec.json.Decoder(Get).decode
decode_list = msgspec.json.Decoder(List).decode


def write(body: bytes) -> bytes:
    """Accept a command."""
    command = decode_write(body)
    return encode(Verdict(verdict="accepted", answer=None, invocation=command.note, position=ANY))


def get(body: bytes) -> bytes:
    """Answer with the note that was asked for."""
    query = decode_get(body)
    return encode(Found(answer=Row(note=query.note, scope=ANY, name=f"Note {ANY}"), invocation=ANY, position=ANY))


def browse(body: bytes) -> bytes:
    """Answer with a page."""
    query = decode_list(body)
    return encode(Found(answer=Page(items=PAGE[: query.limit]), invocation=ANY, position=ANY))


ROUTES: dict[str, Callable[[bytes], bytes]] = {
    "/commands/create-note": write,
    "/commands/rename-note": write,
    "/queries/get-note": get,
    "/queries/list-notes": browse,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    answer = ROUTES[scope["path"]](body)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": answer})
