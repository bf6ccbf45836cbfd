"""Pages and documents that the gateway serves to GET requests: the tenant's first page, the contract, the public keys."""

import msgspec

from osteon.engine import Engine
from osteon.gateway import Request, Response

__all__ = ["Pages"]


class Pages:
    """Answers GET requests; what costs something to make is made once."""

    def __init__(self, engine: Engine, domain: str) -> None:
        """Pages of the engine's product."""
        self._engine = engine
        self._domain = domain

    def __call__(self, request: Request) -> Response | None:
        """The page at the request's path; None where there is none."""
        if request.path == "/.well-known/jwks.json":
            return self._keys(request)
        return None

    def _keys(self, request: Request) -> Response | None:
        entry = self._engine.indexes.tenants.named(request.host.removesuffix(f".{self._domain}"))
        if entry is None:
            return None
        keys = self._engine.ports.tokens.public_keys(entry.tenant)
        return Response(200, msgspec.json.encode(keys), (("content-type", "application/jwk-set+json"),))
