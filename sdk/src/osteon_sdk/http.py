"""The transport over HTTP."""

from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLContext
from typing import Any

import httpx

from osteon_sdk.client import Client
from osteon_sdk.contract import Request, Response
from osteon_sdk.patience import Patience
from osteon_sdk.problems import Unreachable

__all__ = ["HttpTransport", "connect"]


class HttpTransport:
    """Exchanges over HTTP/1.1 with a pool of connections.

    A host under `.localhost` is the loopback address, which not every system's resolver knows; its name stays in the
    `Host` header, and with TLS in the certificate that is expected. Proxies of the environment are not asked for it.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 10.0,
        connect_timeout: float = 3.0,
        connections: int = 100,
        tls: SSLContext | None = None,
    ) -> None:
        """Prepares the pool; nothing is connected yet.

        Args:
            address: Of the tenant, such as `https://acme.example`, with a path if the platform lives under one.
            timeout: Seconds without a byte, after which an exchange is given up.
            connect_timeout: Seconds for a new connection.
            connections: The most at a time.
            tls: Whom to trust, if not the usual authorities.

        Raises:
            ValueError: The address is none of HTTP.
        """
        url = httpx.URL(address)
        if url.scheme not in ("http", "https") or not url.host:
            message = f"'{address}' is no address; give one like 'https://acme.example'."
            raise ValueError(message)
        local = url.host == "localhost" or url.host.endswith(".localhost")
        self._address = address
        self._extensions: Mapping[str, Any] = {"sni_hostname": url.host} if local else {}
        self._client = httpx.AsyncClient(
            base_url=url.copy_with(host="127.0.0.1") if local else url,
            headers={"Host": url.netloc.decode("ascii"), "User-Agent": "osteon-sdk-python"},
            # Waiting for a free connection ends with the patience of the client.
            timeout=httpx.Timeout(timeout, connect=connect_timeout, pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            # To load whom to trust takes a tenth of a second: only where it is asked.
            verify=tls or url.scheme == "https",
            trust_env=not local,
        )
        # Who is calling is said by each request alone: a cookie would say it a second time.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def exchange(self, request: Request) -> Response:
        """See `Transport`."""
        try:
            response = await self._client.request(
                request.method,
                request.path,
                headers=request.headers,
                content=request.body,
                extensions=dict(self._extensions),
            )
        except (httpx.TransportError, httpx.DecodingError) as lost:
            message = f"'{self._address}' gave no answer: {str(lost) or type(lost).__name__}."
            raise Unreachable(message) from lost
        # httpx gives names as they came, in its mapping in lower case.
        return Response(status=response.status_code, headers=dict(response.headers), body=response.content)

    async def close(self) -> None:
        """See `Transport`."""
        await self._client.aclose()


def connect(address: str, *, patience: Patience | None = None, tls: SSLContext | None = None) -> Client:
    """A client of the tenant at an address; nothing is connected yet.

    Args:
        address: Such as `https://acme.example` or `http://acme.localhost:8000`.
        patience: How long to go on trying.
        tls: Whom to trust, if not the usual authorities.

    Raises:
        ValueError: The address is none of HTTP.
    """
    return Client(HttpTransport(address, tls=tls), patience=patience)
