"""Requests that nobody means well with: each gets its problem, and none leaves anything in the journal."""

import base64
import contextlib
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osteon.adapters.jose.tokens import JoseTokens
from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.model import AccountId, Identifier, SessionId, TenantId
from osteon.ports.tokens import Claims
from tests.hostile.people import Place
from tests.serving import Answer, Client, Server, new_key

CREATE = "/commands/create-project"
LIST = "/queries/list-projects"
NAMED = b'{"name":"Hostile"}'


@pytest.fixture(scope="module")
def ada(place: Place) -> Client:
    return place.server.client("lab", "ada@lab.example")


@pytest.fixture(autouse=True)
def journal_as_it_was(ada: Client) -> Iterator[None]:
    """Whatever a test sends, the tenant's journal has no entry from it."""
    before = entries(ada)
    yield
    assert entries(ada) == before + 1


def entries(client: Client) -> int:
    """How many entries the tenant has, with the one that this makes to be sure that the count is of now."""
    made = client.command("create-project", name="Counted")
    return int(client.query("list-projects", after=made.position, limit=1).position.removeprefix("n"), 16)


def ask(client: Client, path: str, body: bytes, **headers: str) -> Answer:
    """Posts bytes as they are; a command has its key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.ask("POST", path, body, {"Idempotency-Key": new_key(), **named})


# JSON that is none, or that two readers would read differently.


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b'{"name":}',
        b"{'name':'x'}",
        b'{"name":"x"',
        b'{"name":"x"}}',
        b'{"name":"\xff"}',
        b'{"name":NaN}',
        b'{"name":-Infinity}',
        b'{"name":01}',
        b'{"name":"x",}',
        b"\x00",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("path", [CREATE, LIST, "/commands", "/queries"])
def test_refuses_what_is_no_json(ada: Client, path: str, body: bytes) -> None:
    assert ask(ada, path, body).refusal == (400, "not-json")


@pytest.mark.parametrize("path", [CREATE, "/commands/rename-project"])
def test_refuses_half_of_a_character(ada: Client, path: str) -> None:
    assert ask(ada, path, b'{"name":"\\ud800"}').refusal == (400, "not-json")


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"one","name":"two"}',
        b'{"name":"one","\\u006eame":"two"}',
        b'{"\\u006eame":"one","\\u006Eame":"two"}',
        b'{"name":"a:b","na\\u006de":"c"}',
    ],
    ids=ascii,
)
def test_refuses_a_name_that_stands_twice(ada: Client, body: bytes) -> None:
    answer = ask(ada, CREATE, body)
    assert answer.refusal == (400, "duplicate-key")
    assert answer.body["params"] == {"field": "name"}


def test_refuses_doubled_names_deep_in_bulk(ada: Client) -> None:
    item = b'{"type":"create-project","key":"%s","body":{"name":"one","name":"two"}}' % new_key().encode()
    assert ask(ada, "/commands", b'{"items":[' + item + b"]}").refusal == (400, "duplicate-key")


@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
@pytest.mark.parametrize("path", [CREATE, LIST, "/commands"])
def test_refuses_what_is_nested_too_deep(ada: Client, path: str, brackets: tuple[str, str], depth: int) -> None:
    opening, closing = brackets
    nested = f'{{"name":{opening * depth}1{closing * depth}}}'.encode()
    assert ask(ada, path, nested).refusal == (400, "too-deep")


def test_refuses_a_body_of_two_mebibytes(ada: Client) -> None:
    assert ask(ada, CREATE, b'{"name":"' + b"x" * (2 << 20) + b'"}').refusal == (413, "too-large")


def test_refuses_a_chunked_body_that_never_ends(place: Place, ada: Client) -> None:
    head = f"POST {CREATE} HTTP/1.1\r\nHost: {ada.host}\r\nAuthorization: {ada.headers['authorization']}\r\n"
    head += f"Idempotency-Key: {new_key()}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    assert b" 413 " in raw(place.server, head.encode() + chunk * 40).splitlines()[0]


# Fields.


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ({"nmae": "x"}, {"field": "nmae", "reason": "unknown-field", "nearest": "name"}),
        ({"name": "x", "projct": "y"}, {"field": "projct", "reason": "unknown-field", "nearest": "project"}),
        ({}, {"field": "name", "reason": "missing-field"}),
    ],
    ids=["misspelt", "additional", "missing"],
)
def test_names_the_field_and_the_nearest(ada: Client, fields: dict[str, str], params: dict[str, str]) -> None:
    answer = ask(ada, CREATE, json.dumps(fields).encode())
    assert answer.refusal == (422, "invalid")
    assert answer.body["params"] == params


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1, {"reason": "wrong-type", "expected": "string", "given": "integer"}),
        (True, {"reason": "wrong-type", "expected": "string", "given": "boolean"}),
        (None, {"reason": "wrong-type", "expected": "string", "given": "null"}),
        ([], {"reason": "wrong-type", "expected": "string", "given": "array"}),
        ({}, {"reason": "wrong-type", "expected": "string", "given": "object"}),
        ("", {"reason": "too-short", "min": 1}),
        ("x" * 101, {"reason": "too-long", "max": 100}),
    ],
    ids=ascii,
)
def test_says_why_it_refuses_a_value(ada: Client, value: object, reason: dict[str, object]) -> None:
    answer = ask(ada, CREATE, json.dumps({"name": value}).encode())
    assert answer.refusal == (422, "invalid")
    assert answer.body["params"] == {"field": "name", **reason}


def test_says_which_bound_a_number_breaks(ada: Client) -> None:
    answer = ask(ada, LIST, b'{"limit":101}')
    assert answer.body["params"] == {"field": "limit", "reason": "too-large", "max": 100}


@pytest.mark.parametrize("body", [b"[]", b'"name"', b"1", b"null", b"true"], ids=ascii)
def test_refuses_a_body_that_is_no_object(ada: Client, body: bytes) -> None:
    assert ask(ada, CREATE, body).refusal == (422, "invalid")


@pytest.mark.parametrize(
    "identifier", ["x", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01j00000000000000000000000", "01J0000000000000000000000\n"]
)
def test_refuses_what_is_no_identifier(ada: Client, identifier: str) -> None:
    answer = ask(ada, "/commands/rename-project", json.dumps({"project": identifier, "name": "x"}).encode())
    assert answer.refusal == (422, "invalid")
    assert answer.body["params"]["field"] == "project"


def test_refuses_a_line_break_behind_a_pattern(ada: Client) -> None:
    person = {"email": "eve@lab.example", "person": "Eve", "password": "x", "locale": "en\n"}
    answer = ask(ada, "/commands/add-person", json.dumps(person).encode())
    assert answer.refusal == (422, "invalid")
    assert answer.body["params"]["field"] == "locale"


def test_refuses_more_than_a_hundred_items(ada: Client) -> None:
    items = [{"type": "create-project", "key": new_key(), "body": {"name": "x"}} for _ in range(101)]
    assert ask(ada, "/commands", json.dumps({"items": items}).encode()).refusal == (422, "too-many-items")


# Headers.


@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        (None, "key-missing"),
        ("", "key-missing"),
        ("x", "invalid-key"),
        ("../../etc", "invalid-key"),
        ("9" * 26, "invalid-key"),
    ],
)
def test_refuses_a_command_without_a_key(ada: Client, key: str | None, refusal: str) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    assert ada.ask("POST", CREATE, NAMED, headers).refusal == (400, refusal)


@pytest.mark.parametrize("scope", ["", "x", "01J00000000000000000000000", "' or 1=1", "\xff"])
def test_refuses_a_scope_that_is_none(ada: Client, scope: str) -> None:
    for path in (CREATE, LIST):
        assert ask(ada, path, NAMED, Osteon_Scope=scope).refusal == (404, "scope-not-found")


@pytest.mark.parametrize(
    "after", ["", "x", "n", "-1", "n-1", "nffffffff", "ffffffffffffff", "00000000000001,", "0" * 10_000]
)
def test_refuses_a_position_that_never_was(ada: Client, after: str) -> None:
    assert ask(ada, LIST, b"{}", Osteon_After=after).refusal == (422, "invalid-position")


@pytest.mark.parametrize("cursor", ["", "x", "-1", "zz", "\x00", "' or 1=1", "f" * 100, "9" * 5_000])
def test_refuses_a_cursor_that_was_never_given(ada: Client, cursor: str) -> None:
    for path in (LIST, "/queries/list-my-invocations"):
        answer = ask(ada, path, json.dumps({"cursor": cursor}).encode())
        assert answer.refusal == (422, "invalid-cursor"), path


@pytest.mark.parametrize("cursor", ["x", "-1", "+1", "1_0", "f" * 100, "9" * 5_000], ids=ascii)
def test_refuses_a_cursor_of_a_history_likewise(ada: Client, cursor: str) -> None:
    project = ada.query("list-projects", limit=1).answer["items"][0]["project"]
    answer = ask(ada, "/queries/list-project-history", json.dumps({"project": project, "cursor": cursor}).encode())
    assert answer.refusal == (422, "invalid-cursor")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"]
)
def test_refuses_a_body_of_another_type(ada: Client, kind: str) -> None:
    assert ask(ada, CREATE, NAMED, **{"content-type": kind}).refusal == (415, "not-json-type")


# Tokens.


@pytest.mark.parametrize("path", [CREATE, LIST, "/commands", "/queries", "/commands/log-in"])
@pytest.mark.parametrize(
    "kind",
    ["forged", "cut", "none", "hs256", "expired", "other-tenant", "empty", "basic", "no-session", "long"],
)
def test_refuses_a_token_that_proves_nothing(ada: Client, authorizations: dict[str, str], kind: str, path: str) -> None:
    answer = ask(ada, path, NAMED, authorization=authorizations[kind])
    assert answer.refusal == (401, "invalid-token")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_asks_for_a_token_where_one_is_needed(place: Place) -> None:
    guest = place.server.client("lab")
    assert ask(guest, CREATE, NAMED).refusal == (401, "token-missing")
    assert ask(guest, LIST, b"{}").refusal == (401, "token-missing")


# Places that are none.


@pytest.mark.parametrize(
    "host",
    ["nobody.localhost", "localhost", "lab.localhost.example", "127.0.0.1", "", "lab..localhost", "\xe9.localhost"],
)
@pytest.mark.parametrize("path", [CREATE, LIST])
def test_knows_no_tenant_of_another_name(ada: Client, host: str, path: str) -> None:
    assert ask(ada, path, NAMED, Host=host).refusal == (404, "unknown-host")


@pytest.mark.parametrize(
    "path",
    [
        "/commands/no-such-type",
        "/commands/list-projects",
        "/commands/open-session",
        "/commands/project-created",
        "/queries/find-session",
    ],
)
def test_knows_no_type_that_is_not_public(ada: Client, path: str) -> None:
    assert ask(ada, path, NAMED).refusal == (404, "unknown-type")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/commands/",
        "/commands/create-project/more",
        "//commands",
        "/%2e%2e/etc/passwd",
        "/assets/../pages.py",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_finds_nothing_at_an_unknown_path(ada: Client, method: str, path: str) -> None:
    assert ada.ask(method, path, None).refusal == (404, "unknown-path")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
@pytest.mark.parametrize("path", [CREATE, LIST, "/commands", "/queries"])
def test_asks_for_post_where_messages_go(ada: Client, method: str, path: str) -> None:
    answer = ada.ask(method, path, None, {"Idempotency-Key": new_key()})
    assert answer.status == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /commands HTTP/9.9\r\n\r\n",
        b"G" * 100_000,
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    ],
    ids=["tls", "half", "version", "endless", "space"],
)
def test_refuses_bytes_that_are_no_request(place: Place, request_bytes: bytes) -> None:
    head, _, body = raw(place.server, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["key"] == "not-http"


@pytest.mark.parametrize(
    "both",
    [
        "Content-Length: 2\r\nContent-Length: 18",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Host: a\r\nHost: lab.localhost",
    ],
    ids=["lengths", "chunked", "hosts"],
)
def test_refuses_requests_that_two_readers_split_differently(place: Place, both: str) -> None:
    head = f"POST {CREATE} HTTP/1.1\r\n{both}\r\nContent-Type: application/json\r\n\r\n"
    assert raw(place.server, head.encode() + NAMED).startswith(b"HTTP/1.1 400 ")


def raw(server: Server, sent: bytes) -> bytes:
    """Sends bytes over a connection of their own; all that comes back until it is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        with contextlib.suppress(OSError):  # refused before the end: the answer is there already
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


@pytest.fixture(scope="module")
def authorizations(place: Place, ada: Client) -> dict[str, str]:
    """Tokens that look like one of ours and are not."""
    token = ada.headers["authorization"].removeprefix("Bearer ")
    header, payload, signature = token.split(".")
    keys = ada.ask("GET", "/.well-known/jwks.json").body["keys"]
    unsigned = encoded({"alg": "none", "typ": "JWT"}) + "." + payload
    symmetric = encoded({"alg": "HS256", "typ": "JWT", "kid": keys[0]["kid"]}) + "." + payload
    secret = base64.urlsafe_b64decode(keys[0]["x"] + "=")
    mac = hmac.digest(secret, symmetric.encode(), hashlib.sha256)
    bearers = {
        "forged": f"{header}.{payload}.{signature[:-6]}AAAAAA",
        "cut": f"{header}.{payload}",
        "none": f"{unsigned}.",
        "hs256": f"{symmetric}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}",
        "expired": expired(place, json.loads(decoded(payload))),
        "other-tenant": place.server.client("bench", "ada@bench.example")
        .headers["authorization"]
        .removeprefix("Bearer "),
        "empty": "",
        "no-session": f"{header}.{encoded({})}.{signature}",
        "long": "x" * 10_000,
    }
    return {"basic": "Basic YWRhOmFkYQ==", **{kind: f"Bearer {bearer}" for kind, bearer in bearers.items()}}


def expired(place: Place, claims: dict[str, Any]) -> str:
    """A token signed with the tenant's own key that was good until a minute ago."""
    disk, entropy = SystemDisk(place.data), SystemEntropy()
    tokens = JoseTokens(KeyfileKeyring(disk, entropy, installation_key(disk, entropy)))
    now = datetime.now(UTC).replace(microsecond=0)
    return tokens.mint(
        Claims(
            tenant=TenantId(Identifier(claims["iss"])),
            account=AccountId(Identifier(claims["sub"])),
            session=SessionId(Identifier(claims["sid"])),
            locale="en",
            roles=(),
            issued=now - timedelta(minutes=16),
            expires=now - timedelta(minutes=1),
        )
    )


def encoded(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
