"""The module `notes` on Osteon's wire: how its two commands and two queries are asked for."""

from typing import NamedTuple

from benchmarks.peers import PAGE, Kind
from benchmarks.wire import KEY, NOTE, Ask, body


class Caller(NamedTuple):
    """Somebody with a token: the tenant's host, the token, and the scope they work in."""

    host: str
    token: str
    scope: str


def ask(kind: Kind, caller: Caller, *, after: str | None = None) -> Ask:
    """Give the request of a kind in a caller's name; a query may ask for a state after a position."""
    headers = {"Host": caller.host, "Authorization": f"Bearer {caller.token}", "Osteon-Scope": caller.scope}
    if kind.writes:
        headers["Idempotency-Key"] = KEY
    if after is not None:
        headers["Osteon-After"] = after
    match kind:
        case Kind.CREATE:
            return Ask("POST", "/commands/create-note", headers, body({"note": NOTE, "name": f"Note {KEY}"}))
        case Kind.RENAME:
            return Ask("POST", "/commands/rename-note", headers, body({"note": NOTE, "name": f"Renamed {KEY}"}))
        case Kind.GET:
            return Ask("POST", "/queries/get-note", headers, body({"note": NOTE}))
        case Kind.LIST:
            return Ask("POST", "/queries/list-notes", headers, body({"limit": PAGE}))


def log_in(host: str, email: str, password: str) -> Ask:
    """Give the request that trades a password for a token."""
    return Ask(
        "POST",
        "/commands/log-in",
        {"Host": host, "Idempotency-Key": KEY},
        body({"email": email, "password": password}),
    )
