"""Problems on the wire: RFC 9457 `application/problem+json`, with a key instead of English words."""

from math import ceil
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
    "unexpected": 500,
    "busy": 503,
    "unavailable": 503,
    "expired": 503,
    "views.behind": 503,
    "views.rebuilding": 503,
    "views.stopped": 503,
}
_SUFFIXES = {"not-found": 404, "not-recognised": 401}
_JSON = (("content-type", "application/problem+json"),)
_SOON, _LATER, _LATEST = 1, 60, 3600
"""Seconds after which to come back: where nobody knows better, where somebody must mend something first, and at the latest."""
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
        return (*_JSON, ("retry-after", str(_seconds(problem))))
    if status == 401:
        return _WHO
    return (*_JSON, ("allow", problem.params["allow"])) if status == 405 else _JSON


def _seconds(problem: Problem) -> int:
    """When to come back: as the problem says itself, if it does."""
    if problem.key == "views.stopped":
        return _LATER
    seconds = problem.params.get("seconds")
    return min(_LATEST, max(_SOON, ceil(seconds))) if isinstance(seconds, (int, float)) else _SOON
