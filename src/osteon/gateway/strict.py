"""Strict JSON: what a lenient parser would let through is refused, and told in terms of the field.

A fast look decides whether the slow pass is needed at all: as many colons as keys means that there is nothing nested and nothing
doubled.
"""

import difflib
import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from osteon.messages import Message, MessageType
from osteon.model import Refused, is_identifier

__all__ = ["MAX_DEPTH", "Derived", "check_json", "read_message", "refuse_invalid"]

MAX_DEPTH = 32

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(rb"[\[\]{}]")
_REASONS = {
    "wrong-type": re.compile("Expected `(?P<expected>[^`]+)`, got `(?P<given>[^`]+)`"),
    "too-long": re.compile(r"Expected `(?:str|array|object|bytes)` of length <= (?P<max>\d+)"),
    "too-short": re.compile(r"Expected `(?:str|array|object|bytes)` of length >= (?P<min>\d+)"),
    "too-large": re.compile(r"Expected `\w+` <= (?P<max>\S+)"),
    "too-small": re.compile(r"Expected `\w+` >= (?P<min>\S+)"),
    "not-below": re.compile(r"Expected `\w+` < (?P<limit>\S+)"),
    "not-above": re.compile(r"Expected `\w+` > (?P<limit>\S+)"),
    "not-a-multiple": re.compile(r"Expected `\w+` that's a multiple of (?P<of>\S+)"),
    "wrong-form": re.compile("Expected `str` matching regex .*|Invalid (?!enum).*", re.DOTALL),
    "unknown-value": re.compile("Invalid enum value .*", re.DOTALL),
}
_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "array": "array",
    "object": "object",
    "null": "null",
}
"""The names of JSON Schema."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Derived(msgspec.Struct, frozen=True, gc=False):
    """A field that may be left out, and what then makes its value."""

    field: str
    make: Callable[[], str]


def read_message(message: MessageType, body: bytes, derived: Derived | None = None) -> Message:
    """A command or query from its JSON; `derived` names a field that may be left out.

    Raises:
        Refused: `not-json`, `duplicate-key`, `too-deep`; `invalid` with the field, and the nearest known one where it is unknown.
    """
    try:
        fields = _FIELDS.decode(body or b"{}")
        if body.count(b":") != len(fields) or body.count(b"[") > MAX_DEPTH:
            check_json(body)
        if not message.wire_fields.issuperset(fields):
            _refuse_unknown(message, fields)
        if derived is not None and derived.field not in fields:
            body = _with_field(derived, fields)
        command = message.decoder.decode(body or b"{}")
    except msgspec.ValidationError as error:
        refuse_invalid(error, body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused("not-json") from None
    except RecursionError:
        raise Refused("too-deep", depth=MAX_DEPTH) from None
    for name in message.identifiers:
        value = getattr(command, name)
        if value.__class__ is not str or not is_identifier(value):
            _check_identifier(message.fields[name], value)
    return command


def check_json(body: bytes) -> None:
    """Refuses keys that stand twice in one object, and values nested too deep.

    Raises:
        Refused: `not-json`, `duplicate-key`, `too-deep`.
    """
    if _depth_bound(body) > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise Refused("too-deep", depth=MAX_DEPTH)
    try:
        json.loads(body, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except RecursionError:
        raise Refused("too-deep", depth=MAX_DEPTH) from None
    except (ValueError, UnicodeDecodeError):
        raise Refused("not-json") from None


def _with_field(derived: Derived, fields: dict[str, msgspec.Raw]) -> bytes:
    return msgspec.json.encode({derived.field: derived.make(), **fields})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise Refused("duplicate-key", field=next(name for name in names if names.count(name) > 1))
    return found


def _refuse_constant(_: str) -> NoReturn:
    """Python's parser knows `NaN` and `Infinity`, JSON does not."""
    raise Refused("not-json")


def _depth_bound(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _depth(body: bytes) -> int:
    """How deep objects and lists are nested; brackets inside texts do not count."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(_TEXT.sub(b"", body)):
        depth += 1 if bracket in b"{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _refuse_unknown(message: MessageType, fields: dict[str, Any]) -> NoReturn:
    unknown = next(name for name in fields if name not in message.wire_fields)
    nearest = difflib.get_close_matches(unknown, message.wire_fields, n=1, cutoff=0)
    raise Refused("invalid", field=unknown, reason="unknown-field", nearest=nearest[0] if nearest else None)


def refuse_invalid(error: msgspec.ValidationError, body: bytes) -> NoReturn:
    """Tells what is wrong with JSON that cannot be decoded as what was expected: in which field, and why, as a key.

    Raises:
        Refused: `invalid`, always.
    """
    text = str(error)
    reason, _, place = text.partition(" - at `$")
    if not place and "missing required field" in text:
        raise Refused("invalid", field=text.rpartition("field `")[2].rstrip("`"), reason="missing-field")
    if not place and body.lstrip()[:1] != b"{":
        raise Refused("invalid", field="", reason="not-an-object")
    raise Refused("invalid", field=place.strip("`.").removeprefix("[...]"), **_reason(reason))


def _reason(text: str) -> dict[str, Any]:
    """What is wrong with a value, as a key and its parameters."""
    for key, pattern in _REASONS.items():
        found = pattern.fullmatch(text)
        if found is not None:
            return {"reason": key, **{name: _parameter(value) for name, value in found.groupdict().items()}}
    return {"reason": "wrong-value"}


def _parameter(text: str) -> str | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return _TYPES.get(text, text)


def _check_identifier(field: str, value: Any) -> None:
    if isinstance(value, str):
        if not is_identifier(value):
            raise Refused("invalid", field=field, reason="not-an-identifier")
    elif value is not None:
        for each in value:
            _check_identifier(field, each)
