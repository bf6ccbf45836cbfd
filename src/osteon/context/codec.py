"""The context as a header between services: JSON in Base64, authenticated by a MAC that names its key."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from osteon.context.invocation import InvocationContext
from osteon.model import OsteonError, decoder, record_json

__all__ = ["ContextCodec", "ForgedContext"]

_DECODER = decoder(InvocationContext)


class ForgedContext(OsteonError):
    """Raised when a context header is malformed, or was not made with a key that this service knows."""


class ContextCodec:
    """Writes and reads the header `Osteon-Context`: `<key name>.<context>.<MAC>`, each part in URL-safe Base64.

    The MAC is keyed BLAKE2b-256 over the first two parts. To rotate, add the new key everywhere, then make it `current`.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        """Makes a codec.

        Args:
            keys: Keys by name; each of 32 to 64 bytes.
            current: The name of the key that signs.
        """
        self._keys = dict(keys)
        self._current = current

    def encode(self, context: InvocationContext) -> str:
        """The header's value for `context`."""
        signed = f"{_text(self._current.encode())}.{_text(record_json(context))}"
        return f"{signed}.{_text(_mac(self._keys[self._current], signed))}"

    def decode(self, header: str) -> InvocationContext:
        """The context that another service sent.

        Raises:
            ForgedContext: The header is not ours.
        """
        try:
            name, body, mac = header.split(".")
            key = self._keys[_bytes(name).decode()]
            genuine = hmac.compare_digest(_mac(key, f"{name}.{body}"), _bytes(mac))
            if genuine:
                return _DECODER.decode(_bytes(body))
        except (ValueError, KeyError, binascii.Error, msgspec.MsgspecError):
            pass
        raise ForgedContext("The context header was not made with a key that this service knows; refuse the request.")


def _mac(key: bytes, signed: str) -> bytes:
    return hashlib.blake2b(signed.encode(), key=key, digest_size=32).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
