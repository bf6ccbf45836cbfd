"""The key that signs the heads of a tenant's journal, derived for `journal-heads/1`, and its public half."""

import base64
import binascii
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from osteon.messages.heads import JournalHead, SignedHead, signed_bytes
from osteon.model import OsteonError, TenantId, replace
from osteon.ports.keyring import Keyring

__all__ = ["HeadSigner", "InvalidKey", "PublicKey"]


class InvalidKey(OsteonError):
    """Raised when a text is not a public key for heads."""


class PublicKey:
    """Tells whether a head was signed by the key that belongs to this one."""

    def __init__(self, raw: bytes) -> None:
        """Takes the 32 bytes of an Ed25519 public key."""
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self._x = _text(raw)

    @classmethod
    def read(cls, text: str) -> "PublicKey":
        """Reads a JSON Web Key, or a set with one key (RFC 7517, RFC 8037).

        Raises:
            InvalidKey: It is something else.
        """
        try:
            said = json.loads(text)
            key = said["keys"][0] if "keys" in said and len(said["keys"]) == 1 else said
            if (key["kty"], key["crv"]) == ("OKP", "Ed25519"):
                return cls(_bytes(key["x"]))
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            pass
        raise InvalidKey("This is not a public key for heads. 'osteon journal key' writes it, as a JSON Web Key set.")

    @property
    def thumbprint(self) -> str:
        """What heads name the key by (RFC 7638)."""
        canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{self._x}"}}'
        return _text(hashlib.sha256(canonical.encode()).digest())

    @property
    def published(self) -> dict[str, Any]:
        """The key as a JSON Web Key set."""
        key = {"kty": "OKP", "crv": "Ed25519", "x": self._x, "kid": self.thumbprint, "use": "sig", "alg": "Ed25519"}
        return {"keys": [key]}

    def accepts(self, signed: SignedHead) -> bool:
        """Whether the head is as it was when the key signed it."""
        try:
            self._key.verify(_bytes(signed.signature), signed_bytes(signed.head))
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


class HeadSigner:
    """Signs the heads of one tenant.

    Attributes:
        public: The key by which others check them.
    """

    def __init__(self, keyring: Keyring, tenant: TenantId) -> None:
        """Derives the tenant's key.

        Raises:
            KeyMissing: The tenant has none.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(keyring.derive(tenant, "journal-heads/1"))
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    def sign(self, head: JournalHead) -> SignedHead:
        """The head with the key's name and signature."""
        named = replace(head, key=self.public.thumbprint)
        return SignedHead(head=named, signature=_text(self._key.sign(signed_bytes(named))))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
