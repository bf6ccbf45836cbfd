"""Values to JSON and back, with sensitive values treated by where the bytes go.

Two encoders differ in one thing: a record may hold what is `Sealed`, an answer may not. Neither takes a `Secret`.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec

from osteon.model.problems import OsteonError
from osteon.model.sensitive import Personal, Sealed, Secret, Sensitive

__all__ = ["Decoder", "Leak", "answer_json", "decoder", "record_json"]

T = TypeVar("T")


class Leak(OsteonError):
    """Raised when a sensitive value is about to be written where it must not be."""


class Decoder(Generic[T]):
    """Reads JSON as one type; sensitive fields arrive wrapped."""

    __slots__ = ("decode",)

    def __init__(self, type: type[T]) -> None:
        """Prepares a decoder for `type`."""
        self.decode = msgspec.json.Decoder(type, dec_hook=_wrap).decode


def decoder(type: type[T]) -> Decoder[T]:
    """A decoder for `type`: make it once, use it often."""
    return Decoder(type)


def _reveal_for_record(value: Any) -> Any:
    if isinstance(value, (Personal, Sealed)):
        return value.reveal()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    raise _leak(value, "a record")


def _reveal_for_answer(value: Any) -> Any:
    if isinstance(value, Personal):
        return value.reveal()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    raise _leak(value, "an answer")


def _leak(value: object, place: str) -> Exception:
    name = value.__class__.__name__
    if isinstance(value, Sensitive):
        return Leak(f"A '{name}' value must not be written to {place}; drop the field or change its type.")
    return NotImplementedError(f"'{name}' has no JSON form; use a Value, a number, a text or a list of them.")


def _wrap(kind: Any, value: Any) -> Any:
    origin: Any = get_origin(kind)
    if origin in _WRAPPERS:
        return _WRAPPERS[origin](msgspec.convert(value, get_args(kind)[0], dec_hook=_wrap))
    raise NotImplementedError(f"'{kind}' has no JSON form; use a Value, a number, a text or a list of them.")


_WRAPPERS: dict[Any, Callable[[Any], Any]] = {kind: kind for kind in (Personal, Sealed, Secret)}

record_json = msgspec.json.Encoder(enc_hook=_reveal_for_record).encode
"""Encodes a value as JSON for the journal, the history, a view: `Personal` and `Sealed` pass, `Secret` raises `Leak`."""

answer_json = msgspec.json.Encoder(enc_hook=_reveal_for_answer).encode
"""Encodes a value as JSON for a client: `Personal` passes, `Sealed` and `Secret` raise `Leak`."""
