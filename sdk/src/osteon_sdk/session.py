"""The session: who is calling, and the tokens that prove it.

An access token is renewed shortly before it expires, and once more when the platform no longer takes it. Renewing
happens once for all calls that wait for it, and always under the same key for the same refresh token: a lost answer is
asked for again, and a token that can be used once is never used twice.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec
from msgspec import Struct, structs

from osteon_sdk.contract import Call, Reply, Request, Response, Transport, call
from osteon_sdk.patience import Patience
from osteon_sdk.problems import Unintelligible
from osteon_sdk.wire import is_transient, read_reply, request

__all__ = ["Session", "Tokens"]

MARGIN = 30.0


class Tokens(Struct, frozen=True, kw_only=True):
    """What a session lives on. Keep it as you keep a password."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    """When the access token ends."""

    def __repr__(self) -> str:
        """Shows the end alone."""
        return f"Tokens(expires_at={self.expires_at.isoformat()})"


class Session:
    """Sends requests as whoever is logged in, or as a guest."""

    def __init__(self, transport: Transport, patience: Patience) -> None:
        """Begins as a guest.

        Args:
            transport: The way to the platform.
            patience: How long to go on trying.
        """
        self.tokens: Tokens | None = None
        self._transport = transport
        self._patience = patience
        # Keys of one guest are of no use to another: whoever reads a key in a log cannot collect the answer.
        self._guest = secrets.token_hex(16)
        self._renewing = asyncio.Lock()
        self._renew_at = 0.0
        self._renewal = call("refresh-session")

    async def send(self, asked: Request) -> Response:
        """Sends as whoever is logged in, and again as `Patience` says.

        Raises:
            Unreachable: No answer came in time.
        """
        return await self._patience.persist(lambda: self._attempt(asked))

    async def log_in(self, email: str, password: str) -> Reply:
        """Becomes the person, or raises `NotAuthenticated`."""
        made = call("log-in", email=email, password=password)
        asked = _guest_request(made)
        response = await self._patience.persist(lambda: self._exchange(asked, None))
        reply = read_reply(response, made.key)
        self._keep(_tokens(reply), response.headers)
        return reply

    def resume(self, tokens: Tokens | None) -> None:
        """Goes on with tokens kept from earlier, or as a guest."""
        if tokens is None:
            self.tokens = None
        else:
            self._keep(tokens, {})

    async def _attempt(self, asked: Request) -> Response:
        tokens = self.tokens
        if tokens is not None and self._patience.now() >= self._renew_at:
            refusal = await self._renew(tokens)
            if refusal is not None:
                return refusal
            tokens = self.tokens
        response = await self._exchange(asked, tokens)
        if response.status != 401 or tokens is None:
            return response
        refusal = await self._renew(tokens)
        return refusal if refusal is not None else await self._exchange(asked, self.tokens)

    async def _renew(self, stale: Tokens) -> Response | None:
        """Replaces the tokens, unless somebody did it meanwhile; the response if the platform refuses."""
        async with self._renewing:
            if self.tokens is not stale:
                return None
            response = await self._exchange(_guest_request(self._renewal), None)
            # Who logged in or out meanwhile stays so.
            if self.tokens is not stale:
                return None
            if response.status == 200:
                self._keep(_tokens(read_reply(response, self._renewal.key)), response.headers)
                return None
            if response.status < 500 and not is_transient(response):
                self.tokens = None
            return response

    async def _exchange(self, asked: Request, tokens: Tokens | None) -> Response:
        proof = {"Osteon-Guest": self._guest} if tokens is None else {"Authorization": f"Bearer {tokens.access_token}"}
        return await self._transport.exchange(structs.replace(asked, headers={**asked.headers, **proof}))

    def _keep(self, tokens: Tokens, headers: Mapping[str, str]) -> None:
        # The platform's own clock says how long the token lives: the one here may be wrong by hours.
        lifetime = tokens.expires_at.timestamp() - _moment(headers)
        self._renew_at = self._patience.now() + max(lifetime - MARGIN, lifetime / 2)
        self._renewal = call("refresh-session", refresh_token=tokens.refresh_token)
        self.tokens = tokens


def _guest_request(made: Call) -> Request:
    return request("commands", made, {"Idempotency-Key": made.key})


def _tokens(reply: Reply) -> Tokens:
    try:
        # Not strict: an end in seconds since 1970 is understood as well as a date.
        tokens = msgspec.convert(reply.answer, Tokens, strict=False)
    except msgspec.ValidationError as missing:
        raise Unintelligible(200, "") from missing
    if tokens.expires_at.tzinfo is None:
        return structs.replace(tokens, expires_at=tokens.expires_at.replace(tzinfo=UTC))
    return tokens


def _moment(headers: Mapping[str, str]) -> float:
    """The time at the platform, in seconds since 1970; the time here if it does not say."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return time.time()
