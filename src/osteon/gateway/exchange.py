"""Requests and responses, free of any server: what the gateway takes and gives."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Request", "Response"]


class Request(NamedTuple):
    """An HTTP request. `headers` are in lower case; `host` is without its port; `address` is the client's."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    address: str | None = None


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
