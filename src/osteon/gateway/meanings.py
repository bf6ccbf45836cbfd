"""What the platform's own problems mean, for developers: the words of the reference. Clients have their own."""

from collections.abc import Mapping

__all__ = ["MEANINGS", "STATUSES", "meaning_of"]

MEANINGS: Mapping[str, str] = {
    "not-http": "The bytes are not an HTTP request that can be read.",
    "not-json": "The body is not JSON.",
    "duplicate-key": "A name stands twice in one object, so nobody knows which value is meant. `field` names it.",
    "too-deep": "Objects and lists are nested deeper than `depth`.",
    "key-missing": "A command needs the header `Idempotency-Key`: the ID of the invocation, made by the client.",
    "invalid-key": "The key is neither a ULID nor a UUID.",
    "invalid-header": "A header cannot be read. `header` names it.",
    "invalid-token": "The token is not one of this tenant, has expired, or its session has ended. Log in again.",
    "token-missing": "This needs somebody who is logged in: send `Authorization: Bearer <access token>`.",
    "not-permitted": "No role that the account holds in this scope, or above it, grants this. `permission` names it.",
    "unknown-host": "No tenant has this name. A tenant is addressed by its subdomain.",
    "unknown-path": "There is nothing at this path. Commands are under `/commands`, queries under `/queries`.",
    "unknown-type": "There is no command or query of this name. `/openapi.json` lists all of them.",
    "scope-not-found": "The tenant has no such scope, or the scope cannot be seen.",
    "method-not-allowed": "Commands and queries are asked by POST, pages and documents by GET.",
    "too-slow": "The request did not arrive in time.",
    "too-large": "The body is larger than `limit` bytes.",
    "not-json-type": "A body must be sent as `application/json`.",
    "invalid": (
        "A field cannot be taken as it is. `field` names it, `reason` says why: `missing-field`, `unknown-field` (`nearest` is a "
        "known one), `wrong-type` (`expected`, `given`), `too-long` and `too-large` (`max`), `too-short` and `too-small` "
        "(`min`), `wrong-form`, `unknown-value`."
    ),
    "invalid-cursor": "The cursor is not one that a list of this kind has given.",
    "invalid-position": "The position is not one that this tenant has given.",
    "reused-key": "The key was used for another payload. A new invocation needs a new key.",
    "too-many-items": "More items than `limit` in one request.",
    "not-run": "An item before this one failed, and the client had asked to stop there. Nothing was done.",
    "too-many-requests": (
        "The account, or the tenant, asks more than it may for now, or too many commands of the tenant wait already. Nothing was "
        "done; wait as `Retry-After` says, and as `seconds` where it is known."
    ),
    "busy": "Too many commands of all tenants wait already. Nothing was done; wait as `Retry-After` says.",
    "unexpected": "The platform failed; its log has the cause under the invocation's ID. Try again under the same key.",
    "unavailable": "It is not known whether the command was recorded. The same request under the same key will tell.",
    "expired": "The command waited for too long and was not run. Try again under the same key.",
    "views.behind": "The view has not come to the position asked for: `entries` are missing at most. Try again.",
    "views.rebuilding": (
        "The view is being made again, and what is there of it does not answer this. `percent` of it is done, the rest takes "
        "`seconds` (null while nobody knows). Try again."
    ),
    "views.stopped": (
        "The view stopped at an entry that it cannot take, and what it shows is old. Commands and other queries go on. It goes "
        "on once its code is mended; to try again at once does not help."
    ),
}

STATUSES: Mapping[int, str] = {
    400: "The request cannot be read.",
    401: "Nobody known asks: no token, a bad one, or one of another tenant; or what was given was not recognised.",
    403: "Whoever asks may not.",
    404: "There is no such tenant, type, scope or entity; or it cannot be seen from here.",
    405: "The path knows no such method.",
    408: "The request did not arrive in time.",
    409: "The command was decided and rejected. A retry gets the same verdict.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "A field is wrong, or the key was used for something else.",
    424: "Not run, because an item before it failed.",
    429: "Too much for now.",
    500: "The platform failed.",
    503: "Not now; a retry under the same key is safe.",
}


def meaning_of(key: str, status: int) -> str:
    """What a problem means: the platform's own by its key, a module's by its status."""
    return MEANINGS.get(key) or STATUSES[status]
