"""The gateway: tenancy, tokens, grants, limits, the wire. Free of any HTTP server."""

from osteon.gateway.exchange import Request, Response
from osteon.gateway.gateway import Gateway, Rates
from osteon.gateway.limits import Rate

__all__ = ["Gateway", "Rate", "Rates", "Request", "Response"]
