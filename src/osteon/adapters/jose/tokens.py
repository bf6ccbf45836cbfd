"""Access tokens as JSON Web Tokens signed with Ed25519, refresh tokens behind a MAC.

An access token's header is `{"alg":"Ed25519","typ":"JWT","kid":<thumbprint, RFC 7638>}`. The algorithm has the name
that RFC 9864 gave it in place of `EdDSA`. The claims:

    iss     the tenant's identifier
    sub     the account's
    sid     the session's
    locale  such as `en`
    roles   [{"role", "scope"}, …], for clients: authority is decided elsewhere
    iat     when it was issued, in whole seconds since 1970
    exp     from when on it is not valid any more

A refresh token is `osr_<session>.<generation>.<MAC>`: keyed BLAKE2b-256 over `<session>.<generation>` in URL-safe
Base64.
"""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from osteon.model import AccountId, Identifier, SessionId, TenantId
from osteon.ports.keyring import KeyMissing, Keyring
from osteon.ports.policies import RoleHeld
from osteon.ports.tokens import Claims, InvalidToken

__all__ = ["JoseTokens"]

_REGISTRY = jws.JWSRegistry(algorithms=["Ed25519"])
_REFRESH = re.compile(r"osr_([0-7][0-9A-HJKMNP-TV-Z]{25})\.([0-9]{1,18})\.[A-Za-z0-9_-]{43}")


class JoseTokens:
    """Tokens under keys that the ring derives for each tenant: a signing key for `tokens/1`, a MAC's for `refresh`."""

    def __init__(self, keyring: Keyring, remembered: int = 256) -> None:
        """Keeps the keys of at most `remembered` tenants in memory."""
        self._keyring = keyring
        self._signer = lru_cache(maxsize=remembered)(self._make_signer)
        self._refresh_key = lru_cache(maxsize=remembered)(self._derive_refresh_key)

    def mint(self, claims: Claims) -> str:
        signer = self._signer(claims.tenant)
        return jws.serialize_compact(signer.header, _payload(claims), signer.key, registry=_REGISTRY)

    def verify(self, tenant: TenantId, token: str, now: datetime) -> Claims:
        claims = self._genuine(tenant, token)
        if claims.tenant != tenant:
            raise _invalid()
        if now >= claims.expires:
            raise InvalidToken(f"The token has expired at '{claims.expires.isoformat()}': refresh it.")
        return claims

    def mint_refresh(self, tenant: TenantId, session: SessionId, generation: int) -> str:
        named = f"{session}.{generation}"
        mac = hashlib.blake2b(named.encode(), key=self._refresh_key(tenant), digest_size=32).digest()
        return f"osr_{named}.{_base64(mac)}"

    def read_refresh(self, tenant: TenantId, token: str) -> tuple[SessionId, int]:
        named = _REFRESH.fullmatch(token)
        if named is None:
            raise _invalid()
        session, generation = SessionId(Identifier(named[1])), int(named[2])
        try:
            genuine = self.mint_refresh(tenant, session, generation)
        except KeyMissing:
            raise _invalid() from None
        if not hmac.compare_digest(genuine, token):
            raise _invalid()
        return session, generation

    def public_keys(self, tenant: TenantId) -> dict[str, Any]:
        signer = self._signer(tenant)
        public = signer.key.as_dict(private=False)
        return {"keys": [{**public, "kid": signer.header["kid"], "use": "sig", "alg": "Ed25519"}]}

    def _genuine(self, tenant: TenantId, token: str) -> Claims:
        try:
            signer = self._signer(tenant)
            # A tenant's tokens have one header: what names another algorithm, key or extension is not even read.
            if not token.startswith(signer.start):
                raise _invalid()
            return _claims(jws.deserialize_compact(token, signer.key, registry=_REGISTRY).payload)
        except (JoseError, KeyMissing, ValueError, OverflowError):
            raise _invalid() from None

    def _make_signer(self, tenant: TenantId) -> "_Signer":
        key = _signing_key(self._keyring.derive(tenant, "tokens/1"))
        header = {"alg": "Ed25519", "typ": "JWT", "kid": key.thumbprint()}
        return _Signer(key, header, jws.serialize_compact(header, b"", key, registry=_REGISTRY).partition(".")[0] + ".")

    def _derive_refresh_key(self, tenant: TenantId) -> bytes:
        return self._keyring.derive(tenant, "refresh")


class _Signer(NamedTuple):
    """A tenant's signing key, the header of all that it signs, and how each token therefore starts."""

    key: OKPKey
    header: dict[str, Any]
    start: str


class _Payload(msgspec.Struct, frozen=True):
    iss: TenantId
    sub: AccountId
    sid: SessionId
    locale: str
    roles: tuple[RoleHeld, ...]
    iat: int
    exp: int


_DECODER = msgspec.json.Decoder(_Payload)


def _payload(claims: Claims) -> bytes:
    return msgspec.json.encode(
        _Payload(
            iss=claims.tenant,
            sub=claims.account,
            sid=claims.session,
            locale=claims.locale,
            roles=claims.roles,
            iat=int(claims.issued.timestamp()),
            exp=int(claims.expires.timestamp()),
        )
    )


def _claims(payload: bytes | None) -> Claims:
    said = _DECODER.decode(payload or b"")
    return Claims(
        tenant=said.iss,
        account=said.sub,
        session=said.sid,
        locale=said.locale,
        roles=said.roles,
        issued=datetime.fromtimestamp(said.iat, UTC),
        expires=datetime.fromtimestamp(said.exp, UTC),
    )


def _signing_key(seed: bytes) -> OKPKey:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _base64(public), "d": _base64(seed)})


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _invalid() -> InvalidToken:
    return InvalidToken("The token is not a valid one of this tenant: log in again.")
