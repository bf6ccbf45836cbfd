"""Problems on the wire: RFC 9457 `application/problem+json`, with a key instead of English words."""

from typing import Any

import msgspec

from osteon.gateway.exchange import Response
from osteon.model import Problem

__all__ = ["problem_body", "problem_response", "status_of"]

_STATUS = {
    "not-http": 400,
    "not-json": 400,
    "duplicate-key": 400,
    "too-deep": 400,
    "key-missing": 400,
    "invalid-key": 400,
    "invalid-header": 400,
    "invalid-token": 401,
    "token-missing": 401,
    "not-permitted": 403,
    "unknown-host": 404,
    "unknown-path": 404,
    "unknown-type": 404,
    "scope-not-found": 404,
    "method-not-allowed": 405,
    "too-slow": 408,
    "too-large": 413,
    "not-json-type": 415,
    "invalid": 422,
    "invalid-cursor": 422,
    "invalid-position": 422,
    "reused-key": 422,
    "too-many-items": 422,
    "not-run": 424,
    "too-many-requests": 429,
    "busy": 429,
    "unexpected": 500,
    "unavailable": 503,
    "expired": 503,
    "views.behind": 503,
    "views.rebuilding": 503,
    "views.stopped": 503,
}
_SUFFIXES = {"not-found": 404, "not-recognised": 401}
_JSON = (("content-type", "application/problem+json"),)
_SOON = (*_JSON, ("retry-after", "1"))
_LATER = (*_JSON, ("retry-after", "60"))
_WHO = (*_JSON, ("www-authenticate", "Bearer"))


def status_of(problem: Problem) -> int:
    """The HTTP status of a problem: the platform's own by table, a module's by the end of its key, any other rejection is 409."""
    known = _STATUS.get(problem.key)
    return known if known is not None else _SUFFIXES.get(problem.key.rpartition(".")[2], 409)


def problem_body(problem: Problem, invocation: str | None) -> bytes:
    """The problem as JSON; `type` is the path of its page in the reference."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.key}",
        "status": status_of(problem),
        "key": problem.key,
        "params": problem.params,
        "retryable": problem.retryable,
        "invocation": invocation,
    }
    return msgspec.json.encode(body)


def problem_response(problem: Problem, invocation: str | None = None) -> Response:
    """The whole response; says when to come back where a retry helps, and what HTTP wants to be said beside."""
    status = status_of(problem)
    return Response(status, problem_body(problem, invocation), _headers(status, problem))


def _headers(status: int, problem: Problem) -> tuple[tuple[str, str], ...]:
    if status in (429, 503):
        return _LATER if problem.key == "views.stopped" else _SOON
    if status == 401:
        return _WHO
    return (*_JSON, ("allow", problem.params["allow"])) if status == 405 else _JSON
