"""The client logs in, stays logged in, and uses no refresh token twice."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from osteon_sdk import Client, NotAuthenticated, Request, Response, Tokens, Unintelligible
from sdk.tests.stand_in import LOST, Script, Watch, accepted, refused

pytestmark = pytest.mark.anyio


class Office:
    """A platform that hands out numbered tokens and takes the latest alone."""

    def __init__(self, *, lifetime: int = 900, clock_ahead: int = 0) -> None:
        """Begins with nobody logged in."""
        self.asked: list[Request] = []
        self.renewals: list[str] = []
        self.ended = False
        self.lose_renewals = 0
        self._lifetime = timedelta(seconds=lifetime)
        self._ahead = timedelta(seconds=clock_ahead)
        self._number = 0

    async def exchange(self, request: Request) -> Response:
        """Answers as the platform would."""
        self.asked.append(request)
        # Others get their turn, as on a real connection.
        await asyncio.sleep(0)
        body: dict[str, Any] = msgspec.json.decode(request.body)
        match request.path:
            case "/commands/log-in" if "right" in body.values():
                return self._hand_out()
            case "/commands/log-in":
                return refused(401, "identity.not-recognised")
            case "/commands/refresh-session":
                return self._renew(body["refreshToken"], request.headers["Idempotency-Key"])
            case _ if self.ended or request.headers.get("Authorization") != f"Bearer access-{self._number}":
                return refused(401, "not-authenticated")
            case "/commands/log-out":
                self.ended = True
                return accepted()
            case _:
                return accepted()

    async def close(self) -> None:
        """Has nothing to close."""

    def spoil(self) -> None:
        """Makes the access token that is out worthless, as a change of keys does."""
        self._number += 100

    def headers(self, path: str, name: str) -> list[str | None]:
        """The values of a header in the requests to a path."""
        return [request.headers.get(name) for request in self.asked if request.path == path]

    def _renew(self, token: str, key: str) -> Response:
        replayed = key in self.renewals
        self.renewals.append(key)
        if self.ended or not (replayed or token == f"refresh-{self._number % 100}"):
            return refused(401, "identity.session-ended")
        answer = self._latest() if replayed else self._hand_out()
        if self.lose_renewals:
            self.lose_renewals -= 1
            raise LOST
        return answer

    def _hand_out(self) -> Response:
        self._number = self._number % 100 + 1
        return self._latest()

    def _latest(self) -> Response:
        now = datetime.now(UTC) + self._ahead
        answer = {
            "accessToken": f"access-{self._number}",
            "refreshToken": f"refresh-{self._number}",
            "expiresAt": now + self._lifetime,
        }
        return accepted(answer, headers={"date": format_datetime(now, usegmt=True)})


async def _logged_in(office: Office, watch: Watch) -> Client:
    client = Client(office, patience=watch.patience())
    await client.log_in("ada@acme.example", "right")
    return client


async def test_shows_its_token_once_logged_in() -> None:
    office = Office()
    client = await _logged_in(office, Watch())
    await client.query("list")
    assert office.headers("/queries/list", "Authorization") == ["Bearer access-1"]
    assert office.headers("/commands/log-in", "Authorization") == [None]
    assert client.tokens is not None
    assert client.tokens.refresh_token == "refresh-1"


async def test_names_itself_as_one_guest_until_then() -> None:
    script = Script(accepted())
    client = Client(script)
    await client.command("ask")
    await client.command("ask")
    await Client(script).command("ask")
    first, second, other = script.headers("Osteon-Guest")
    assert first is not None
    assert len(bytes.fromhex(first)) == 16
    assert first == second != other
    office = Office()
    await (await _logged_in(office, Watch())).query("list")
    assert office.headers("/queries/list", "Osteon-Guest") == [None]


async def test_stays_a_guest_when_not_recognised() -> None:
    client = Client(Office())
    with pytest.raises(NotAuthenticated) as caught:
        await client.log_in("ada@acme.example", "wrong")
    assert caught.value.key == "identity.not-recognised"
    assert client.tokens is None


async def test_renews_its_token_before_it_expires() -> None:
    office, watch = Office(), Watch()
    client = await _logged_in(office, watch)
    watch.time += 860
    await client.query("list")
    watch.time += 20
    await client.query("list")
    assert office.headers("/queries/list", "Authorization") == ["Bearer access-1", "Bearer access-2"]
    assert len(office.renewals) == 1


@pytest.mark.parametrize("clock_ahead", [-7200, 7200])
async def test_does_not_mind_that_clocks_differ(clock_ahead: int) -> None:
    office, watch = Office(clock_ahead=clock_ahead), Watch()
    client = await _logged_in(office, watch)
    await client.query("list")
    assert office.renewals == []
    watch.time += 880
    await client.query("list")
    assert len(office.renewals) == 1


async def test_renews_a_short_token_at_half_its_life() -> None:
    office, watch = Office(lifetime=20), Watch()
    client = await _logged_in(office, watch)
    await client.query("list")
    watch.time += 12
    await client.query("list")
    assert office.headers("/queries/list", "Authorization") == ["Bearer access-1", "Bearer access-2"]


@pytest.mark.parametrize("late", [0, 1000])
async def test_renews_once_for_all_that_wait(late: int) -> None:
    office, watch = Office(), Watch()
    client = await _logged_in(office, watch)
    office.spoil()
    watch.time += late
    await asyncio.gather(*(client.using(scope=str(number)).query("list") for number in range(20)))
    assert len(office.renewals) == 1


async def test_asks_for_a_lost_renewal_under_one_key() -> None:
    office, watch = Office(), Watch()
    client = await _logged_in(office, watch)
    office.spoil()
    office.lose_renewals = 2
    await client.query("list")
    assert len(office.renewals) == 3
    assert len(set(office.renewals)) == 1
    watch.time += 880
    await client.query("list")
    assert len(set(office.renewals)) == 2


async def test_becomes_a_guest_when_its_session_ended() -> None:
    office = Office()
    client = await _logged_in(office, Watch())
    office.ended = True
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            await client.query("list")
    assert client.tokens is None
    assert len(office.renewals) == 1


async def test_stays_logged_in_when_renewing_is_unavailable() -> None:
    watch = Watch()
    tokens = Tokens(access_token="old", refresh_token="r", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    script = Script(
        refused(503, "unavailable"),
        accepted({"accessToken": "new", "refreshToken": "s", "expiresAt": 4102444800}),
        accepted(),
    )
    client = Client(script, patience=watch.patience())
    client.resume(tokens)
    await client.query("list")
    assert [request.path for request in script.asked] == ["/commands/refresh-session"] * 2 + ["/queries/list"]
    assert script.headers("Authorization")[-1] == "Bearer new"


async def test_goes_on_with_a_session_from_earlier() -> None:
    office, watch = Office(), Watch()
    tokens = (await _logged_in(office, watch)).tokens
    assert tokens is not None
    later = Client(office, patience=watch.patience())
    later.resume(tokens)
    await later.query("list")
    assert office.headers("/queries/list", "Authorization") == ["Bearer access-1"]


async def test_forgets_its_tokens_when_logged_out() -> None:
    office = Office()
    client = await _logged_in(office, Watch())
    await client.log_out()
    await client.log_out()
    assert office.headers("/commands/log-out", "Authorization") == ["Bearer access-1"]
    assert client.tokens is None


async def test_logs_out_of_a_session_that_ended() -> None:
    office = Office()
    client = await _logged_in(office, Watch())
    office.ended = True
    await client.log_out()
    assert client.tokens is None


async def test_keeps_a_log_in_made_while_renewing() -> None:
    class Slow(Office):
        async def exchange(self, request: Request) -> Response:
            response = await super().exchange(request)
            if request.path == "/commands/refresh-session":
                await client.log_in("ada@acme.example", "right")
            return response

    office = Slow()
    client = await _logged_in(office, Watch())
    office.spoil()
    await client.query("list")
    assert client.tokens is not None
    assert client.tokens.access_token == "access-3"
    assert len(office.renewals) == 1


async def test_says_when_tokens_are_not_tokens() -> None:
    with pytest.raises(Unintelligible):
        await Client(Script(accepted({"token": "x"}))).log_in("ada@acme.example", "right")
