"""Tokens for tests: plain JSON behind a MAC whose key everybody knows."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

from osteon.model import Identifier, SessionId, TenantId, decoder, record_json, replace
from osteon.ports.tokens import Claims, InvalidToken

__all__ = ["MemoryTokens"]

_CLAIMS = decoder(Claims)


class MemoryTokens:
    """Makes tokens of the shape `<claims in Base64>.<MAC>`: short, readable, forged by whoever wants to."""

    def mint(self, claims: Claims) -> str:
        whole = replace(claims, issued=_second(claims.issued), expires=_second(claims.expires))
        return _signed(claims.tenant, _base64(record_json(whole)))

    def verify(self, tenant: TenantId, token: str, now: datetime) -> Claims:
        try:
            body = _genuine(tenant, token)
            claims = _CLAIMS.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except ValueError:
            raise _invalid() from None
        if now >= claims.expires:
            raise _invalid()
        return claims

    def mint_refresh(self, tenant: TenantId, session: SessionId, generation: int) -> str:
        return _signed(tenant, f"osr_{session}_{generation}")

    def read_refresh(self, tenant: TenantId, token: str) -> tuple[SessionId, int]:
        prefix, _, rest = _genuine(tenant, token).partition("_")
        session, _, generation = rest.partition("_")
        if prefix != "osr":
            raise _invalid()
        return SessionId(Identifier(session)), int(generation)

    def public_keys(self, tenant: TenantId) -> dict[str, Any]:  # it has none
        return {"keys": []}


def _signed(tenant: TenantId, body: str) -> str:
    mac = hashlib.blake2b(body.encode(), key=tenant.encode(), digest_size=16)
    return f"{body}.{mac.hexdigest()}"


def _genuine(tenant: TenantId, token: str) -> str:
    body = token.rpartition(".")[0]
    if not hmac.compare_digest(_signed(tenant, body).encode(), token.encode(errors="surrogatepass")):
        raise _invalid()
    return body


def _second(time: datetime) -> datetime:
    return time.replace(microsecond=0)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _invalid() -> InvalidToken:
    return InvalidToken("The token is not a valid one of this tenant: log in again.")
