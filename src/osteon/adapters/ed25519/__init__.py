"""Signatures over heads with Ed25519 (RFC 8032)."""

from osteon.adapters.ed25519.keys import HeadSigner, InvalidKey, PublicKey

__all__ = ["HeadSigner", "InvalidKey", "PublicKey"]
