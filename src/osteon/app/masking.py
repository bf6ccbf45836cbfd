"""Recorded messages as they may be shown: what is sensitive is masked, unless somebody asks to see it."""

from functools import cache
from typing import Any

import msgspec

from osteon.messages import Catalogue
from osteon.model import Decoder, Sensitive, decoder, record_json

__all__ = ["MASKED", "Masking"]

MASKED = "masked"


class Masking:
    """Shows messages.

    Nobody knows which fields of a message are sensitive but its type: what the catalogue does not know is masked as a
    whole.
    """

    def __init__(self, catalogue: Catalogue, *, reveal: bool = False) -> None:
        """Knows the types of `catalogue`; masks nothing if it is to `reveal`."""
        self._catalogue = catalogue
        self._reveal = reveal
        self._encode = record_json if reveal else msgspec.json.Encoder(enc_hook=_masked).encode

    def message(self, type: str, body: bytes) -> Any:
        """The fields of a message as plain JSON values."""
        if self._reveal:
            return msgspec.json.decode(body)
        known = self._catalogue.get(type)
        return MASKED if known is None else self._read(known.decoder, body)

    def answer(self, type: str, answer: bytes) -> Any:
        """What a command of a type was answered, as plain JSON values."""
        if self._reveal or answer == b"null":
            return msgspec.json.decode(answer)
        known = self._catalogue.get(type)
        return MASKED if known is None else self._read(_decoder(known.answer), answer)

    def json(self, value: Any) -> str:
        """A value as JSON."""
        return self._encode(value).decode()

    def _read(self, reading: Decoder[Any], body: bytes) -> Any:
        try:
            return msgspec.json.decode(self._encode(reading.decode(body)))
        except (ValueError, NotImplementedError):
            return MASKED


@cache
def _decoder(type: Any) -> Decoder[Any]:
    return decoder(type)


def _masked(value: Any) -> str:
    if isinstance(value, Sensitive):
        return str(value)  # pyright: ignore[reportUnknownArgumentType]
    raise NotImplementedError(f"'{type(value).__name__}' has no JSON form.")
