"""The contract of Tokens, on JSON Web Tokens and on the readable ones."""

import base64
import hashlib
import hmac
import json
import string
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from osteon.adapters.jose.tokens import JoseTokens
from osteon.adapters.memory.keyring import MemoryKeyring
from osteon.adapters.memory.tokens import MemoryTokens
from osteon.model import AccountId, Identifier, SessionId, TenantId, replace
from osteon.ports.policies import RoleHeld
from osteon.ports.tokens import Claims, InvalidToken, Tokens

ACME, GLOBEX, CLOSED = (TenantId(Identifier(f"01J0000000000000000000000{letter}")) for letter in "AGC")
SESSION = SessionId(Identifier("01J0000000000000000000000S"))
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLAIMS = Claims(
    tenant=ACME,
    account=AccountId(Identifier("01J0000000000000000000000B")),
    session=SESSION,
    locale="de",
    roles=(RoleHeld("reader", "01J00000000000000000000001"), RoleHeld("contributor", "01J00000000000000000000002")),
    issued=NOW,
    expires=NOW + timedelta(minutes=15),
)


@pytest.fixture(params=["memory", "jose"])
def tokens(request: pytest.FixtureRequest) -> Tokens:
    """The adapter under test."""
    return MemoryTokens() if request.param == "memory" else jose()


def test_a_token_says_what_it_was_made_of(tokens: Tokens) -> None:
    assert tokens.verify(ACME, tokens.mint(CLAIMS), NOW) == CLAIMS


def test_a_token_without_roles_is_one_too(tokens: Tokens) -> None:
    claims = replace(CLAIMS, roles=())
    assert tokens.verify(ACME, tokens.mint(claims), NOW) == claims


def test_a_token_counts_in_whole_seconds(tokens: Tokens) -> None:
    half = timedelta(milliseconds=500)
    token = tokens.mint(replace(CLAIMS, issued=CLAIMS.issued + half, expires=CLAIMS.expires + half))
    assert tokens.verify(ACME, token, NOW) == CLAIMS


def test_minting_twice_gives_the_same(tokens: Tokens) -> None:
    assert tokens.mint(CLAIMS) == tokens.mint(CLAIMS)
    assert tokens.mint(CLAIMS) != tokens.mint(replace(CLAIMS, locale="en"))
    assert tokens.mint_refresh(ACME, SESSION, 1) == tokens.mint_refresh(ACME, SESSION, 1)


def test_a_token_is_valid_until_it_expires(tokens: Tokens) -> None:
    token = tokens.mint(CLAIMS)
    assert tokens.verify(ACME, token, CLAIMS.expires - timedelta(microseconds=1)) == CLAIMS
    for late in (CLAIMS.expires, CLAIMS.expires + timedelta(days=1)):
        with pytest.raises(InvalidToken):
            tokens.verify(ACME, token, late)


def test_refuses_the_token_of_another_tenant(tokens: Tokens) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(GLOBEX, tokens.mint(CLAIMS), NOW)


def test_refuses_a_token_with_any_change(tokens: Tokens) -> None:
    token = tokens.mint(CLAIMS)
    for offset in range(len(token)):
        for other in ("A", "B", "-", ".", "=", "!", " ", "é"):
            if other != token[offset]:
                refuse(tokens, token[:offset] + other + token[offset + 1 :])


def test_takes_one_spelling_of_each_part(tokens: Tokens) -> None:
    token = tokens.mint(CLAIMS)
    for offset in (token.index(".") - 1, token.rindex(".") - 1, len(token) - 1):
        for other in set(string.ascii_letters + string.digits + "-_+/") - {token[offset]}:
            refuse(tokens, token[:offset] + other + token[offset + 1 :])


def test_refuses_a_token_of_another_length(tokens: Tokens) -> None:
    token = tokens.mint(CLAIMS)
    for offset in range(len(token)):
        refuse(tokens, token[:offset])
    for odd in (
        token + "A",
        token + "=",
        token + ".",
        token + "\n",
        " " + token,
        token + "\ud800",
        "\ud800",
        "." * 10_000,
    ):
        refuse(tokens, odd)


def test_a_refresh_token_names_session_and_generation(tokens: Tokens) -> None:
    for generation in (0, 1, 123_456_789):
        token = tokens.mint_refresh(ACME, SESSION, generation)
        assert token.startswith("osr_")
        assert tokens.read_refresh(ACME, token) == (SESSION, generation)


def test_refuses_the_refresh_token_of_another_tenant(tokens: Tokens) -> None:
    with pytest.raises(InvalidToken):
        tokens.read_refresh(GLOBEX, tokens.mint_refresh(ACME, SESSION, 1))


def test_refuses_a_refresh_token_with_any_change(tokens: Tokens) -> None:
    token = tokens.mint_refresh(ACME, SESSION, 12)
    changed = [token[:offset] for offset in range(len(token))]
    changed += [token + "A", token + "\n", " " + token, "osr_" + "9" * 10_000, "\ud800", "\u0661"]
    for offset in range(len(token)):
        changed += [token[:offset] + other + token[offset + 1 :] for other in "0AB-_.=é" if other != token[offset]]
    for odd in changed:
        with pytest.raises(InvalidToken):
            tokens.read_refresh(ACME, odd)


def test_takes_one_kind_of_token_for_the_other_never(tokens: Tokens) -> None:
    refuse(tokens, tokens.mint_refresh(ACME, SESSION, 1))
    with pytest.raises(InvalidToken):
        tokens.read_refresh(ACME, tokens.mint(CLAIMS))


def test_publishes_keys_as_a_set(tokens: Tokens) -> None:
    assert isinstance(tokens.public_keys(ACME)["keys"], list)


def test_anyone_can_check_a_token_by_the_published_key() -> None:
    tokens = jose()
    header, payload, signature = tokens.mint(CLAIMS).split(".")
    (key,) = tokens.public_keys(ACME)["keys"]
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{header}.{payload}".encode())
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert json.loads(decoded(header)) == {"alg": "Ed25519", "typ": "JWT", "kid": key["kid"]}
    assert json.loads(decoded(payload)) == {
        "iss": ACME,
        "sub": CLAIMS.account,
        "sid": SESSION,
        "locale": "de",
        "roles": [{"role": held.role, "scope": held.scope} for held in CLAIMS.roles],
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 900,
    }


def test_each_tenant_has_a_key_of_its_own() -> None:
    tokens = jose()
    assert tokens.public_keys(ACME) != tokens.public_keys(GLOBEX)
    assert tokens.public_keys(ACME) == jose().public_keys(ACME)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "EdDSA"},
        {"alg": "Ed448"},
        {"alg": ["Ed25519"]},
        {"alg": None},
        {"kid": "other"},
        {"kid": None},
        {"crit": ["b64"], "b64": False},
        {"jwk": {"kty": "OKP"}},
        {"typ": "at+jwt"},
    ],
)
def test_refuses_any_other_header(change: dict[str, Any]) -> None:
    tokens = jose()
    header, payload, signature = tokens.mint(CLAIMS).split(".")
    forged = encoded(json.dumps({**json.loads(decoded(header)), **change}).encode())
    for ending in (signature, "", shared_secret_signature(tokens, f"{forged}.{payload}")):
        refuse(tokens, f"{forged}.{payload}.{ending}")


def test_refuses_claims_signed_by_somebody_else() -> None:
    tokens = jose()
    header, payload, _ = tokens.mint(CLAIMS).split(".")
    _, _, signature = tokens.mint(replace(CLAIMS, tenant=GLOBEX)).split(".")
    refuse(tokens, f"{header}.{payload}.{signature}")
    refuse(tokens, f"{header}.{payload}.{encoded(bytes(64))}")


def test_refuses_what_the_key_signed_for_another_use() -> None:
    header, payload, _ = jose().mint(CLAIMS).split(".")
    assert jose().verify(ACME, signed(header, payload), NOW) == CLAIMS
    said = json.loads(decoded(payload))
    for change in ({"iss": GLOBEX}, {"exp": "never"}, {"exp": 1e30}, {"exp": 10**15}, {"exp": 10**30}, {"sub": None}):
        refuse(jose(), signed(header, encoded(json.dumps({**said, **change}).encode())))
    for odd in (b"{", b"{}", b"[]", b"null", b"\xff", b""):
        refuse(jose(), signed(header, encoded(odd)))
    for named in ({"typ": "logout+jwt"}, {"kid": "other"}, {"crit": ["exp"], "exp": 1}, {"alg": "EdDSA"}):
        other_header = encoded(json.dumps({**json.loads(decoded(header)), **named}).encode())
        refuse(jose(), signed(other_header, payload))


def test_refuses_any_token_of_a_closed_tenant() -> None:
    tokens = jose()
    with pytest.raises(InvalidToken):
        tokens.verify(CLOSED, tokens.mint(CLAIMS), NOW)
    with pytest.raises(InvalidToken):
        tokens.read_refresh(CLOSED, tokens.mint_refresh(ACME, SESSION, 1))


def test_works_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokens = jose()
        tokens.verify(ACME, tokens.mint(CLAIMS), NOW)


def refuse(tokens: Tokens, token: str) -> None:
    with pytest.raises(InvalidToken):
        tokens.verify(ACME, token, NOW)


def jose() -> JoseTokens:
    keyring = MemoryKeyring()
    keyring.create(ACME)
    keyring.create(GLOBEX)
    return JoseTokens(keyring)


def signed(header: str, payload: str) -> str:
    """A token with the genuine signature of a tenant, whatever it says."""
    keyring = MemoryKeyring()
    keyring.create(ACME)
    key = Ed25519PrivateKey.from_private_bytes(keyring.derive(ACME, "tokens/1"))
    return f"{header}.{payload}.{encoded(key.sign(f'{header}.{payload}'.encode()))}"


def shared_secret_signature(tokens: Tokens, signed: str) -> str:
    """What HS256 gives when the public key is taken for a shared secret."""
    public = decoded(tokens.public_keys(ACME)["keys"][0]["x"])
    return encoded(hmac.digest(public, signed.encode(), hashlib.sha256))


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
