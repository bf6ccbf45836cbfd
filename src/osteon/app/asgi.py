"""The gateway as an ASGI application, for any server that speaks ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from osteon.gateway import Gateway, Request, Response
from osteon.gateway.problems import problem_response
from osteon.model import Problem

__all__ = ["AsgiFront"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LARGEST = 1 << 20


class AsgiFront:
    """Hands requests to a gateway; a body beyond the limit is refused before it is read to the end."""

    def __init__(self, gateway: Gateway) -> None:
        """A front for `gateway`."""
        self._gateway = gateway

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(receive)
        if body is None:
            response = problem_response(Problem(key="too-large", params={"limit": _LARGEST}))
        else:
            host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
            client = scope["client"]
            request = Request(
                scope["method"], host.lower(), scope["path"], headers, body, client[0] if client else None
            )
            response = await self._gateway(request)
        await _respond(response, send, head=scope["method"] == "HEAD")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is too large."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > _LARGEST:
            return None
    return body


async def _respond(response: Response, send: Send, *, head: bool) -> None:
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})
