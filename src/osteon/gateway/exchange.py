"""Requests and responses, free of any server: what the gateway takes and gives."""

from collections.abc import Mapping

import msgspec

__all__ = ["Request", "Response"]


class Request(msgspec.Struct, frozen=True, gc=False):
    """An HTTP request. `headers` are in lower case; `host` is without its port; `address` is the client's."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    address: str | None = None


class Response(msgspec.Struct, frozen=True, gc=False):
    """An HTTP response."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
