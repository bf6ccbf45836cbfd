"""The wire: names, bodies and headers, written and read.

Fields are snake_case in Python and camelCase in JSON. A key of a mapping is translated, at any depth, when it is a name
in the one style or the other; what is no such name (a ULID, `create-project`, `projects.archived`, `en-GB`) stays as it
is.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import quote

import msgspec
from ulid import ULID

from osteon_sdk.contract import Call, Reply, Request, Response, Settling
from osteon_sdk.problems import OsteonProblem, Problem, Unintelligible, problem_error

__all__ = ["from_wire", "is_transient", "read_items", "read_reply", "request", "to_wire", "write"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

TRANSIENT = frozenset({429, 502, 503, 504})
SNAKE = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*_?")
CAMEL = re.compile("[a-z][a-zA-Z0-9]*")


class Answered(msgspec.Struct, frozen=True):
    """What the platform says of an accepted command or an answered query."""

    invocation: str
    answer: Any = None
    position: str = ""
    replayed: bool = False
    settles: tuple[Settling, ...] = ()


class Items(msgspec.Struct, frozen=True):
    """What the platform says of a bulk."""

    items: list[dict[str, Any]]


class Hint(msgspec.Struct, frozen=True):
    """What a refusal says about trying again."""

    retryable: bool = True


def request(kind: str, made: Call, headers: Mapping[str, str]) -> Request:
    """The request for a single call.

    Args:
        kind: `commands` or `queries`.
        made: The call.
        headers: What goes with it.
    """
    return Request(
        method="POST",
        path=f"/{kind}/{quote(made.type, safe='')}",
        headers={"Content-Type": "application/json", **headers},
        body=write(made.fields),
    )


def write(value: object) -> bytes:
    """A value with its names on the wire, as JSON."""
    return msgspec.json.encode(to_wire(msgspec.to_builtins(value, enc_hook=_text)))


def to_wire(value: Json) -> Json:
    """The same JSON value with names in camelCase."""
    return _renamed(value, _camel)


def from_wire(value: Json) -> Json:
    """The same JSON value with names in snake_case."""
    return _renamed(value, _snake)


def read_reply(response: Response, key: str | None) -> Reply:
    """The reply in a response.

    Args:
        response: To a single command or query.
        key: The idempotency key it was sent under; None for a query.

    Raises:
        OsteonProblem: The platform refused.
        Unintelligible: The response is none of the platform's.
    """
    replayed = response.headers.get("idempotency-replayed", "") == "true"
    try:
        if response.status == 200:
            return _reply(msgspec.json.decode(response.body, type=Answered), replayed, key)
        raise _problem(response, replayed, key)
    except msgspec.MsgspecError as damaged:
        raise _unintelligible(response) from damaged


def read_items(response: Response, keys: list[str | None]) -> list[Reply | OsteonProblem]:
    """The outcomes in the response to a bulk, in the order of its items.

    Raises:
        OsteonProblem: The platform refused the request as a whole.
        Unintelligible: The response is none of the platform's.
    """
    try:
        if response.status != 200:
            raise _problem(response, False, None)
        items = msgspec.json.decode(response.body, type=Items).items
        return [_item(item, key) for item, key in zip(items, keys, strict=True)]
    except (msgspec.MsgspecError, ValueError) as damaged:
        raise _unintelligible(response) from damaged


def is_transient(response: Response) -> bool:
    """Whether the same request may fare better in a while. A proxy's page does not say no, so it counts as yes."""
    if response.status not in TRANSIENT:
        return False
    try:
        return msgspec.json.decode(response.body, type=Hint).retryable
    except msgspec.MsgspecError:
        return True


def _item(item: dict[str, Any], key: str | None) -> Reply | OsteonProblem:
    if item.get("status") == 200:
        answered = msgspec.convert(item, Answered)
        return _reply(answered, answered.replayed, key)
    return _refusal(msgspec.convert(item, Problem), item.get("replayed") is True, key)


def _reply(answered: Answered, replayed: bool, key: str | None) -> Reply:
    return Reply(
        answer=from_wire(answered.answer),
        invocation=answered.invocation,
        position=answered.position,
        replayed=replayed,
        idempotency_key=key,
        settles=answered.settles,
    )


def _problem(response: Response, replayed: bool, key: str | None) -> OsteonProblem:
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        raise _unintelligible(response)
    return _refusal(msgspec.json.decode(response.body, type=Problem), replayed, key)


def _refusal(problem: Problem, replayed: bool, key: str | None) -> OsteonProblem:
    params = from_wire(problem.params)
    return problem_error(msgspec.structs.replace(problem, params=params, replayed=replayed, idempotency_key=key))


def _unintelligible(response: Response) -> Unintelligible:
    # The body of an accepted answer may hold tokens, and an error is logged: none of it is shown.
    excerpt = "" if response.status == 200 else response.body[:200].decode("utf-8", "replace")
    return Unintelligible(response.status, excerpt)


def _renamed(value: Json, rename: Callable[[str], str]) -> Json:
    if isinstance(value, dict):
        return {rename(key): _renamed(each, rename) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, rename) for each in value]
    return value


@lru_cache(maxsize=4096)
def _camel(name: str) -> str:
    if SNAKE.fullmatch(name) is None:
        return name
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)


@lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    if CAMEL.fullmatch(name) is None:
        return name
    return re.sub("[A-Z]", lambda upper: "_" + upper.group().lower(), name)


def _text(value: object) -> str:
    if isinstance(value, (str, ULID)):
        return str(value)
    raise NotImplementedError(f"'{type(value).__name__}' has no JSON form; give plain values, dates, structs or lists.")
