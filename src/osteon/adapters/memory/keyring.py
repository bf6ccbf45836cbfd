"""Keys in memory, made from the tenant's name: what they seal is safe from mistakes, not from people."""

import hashlib
import hmac

from osteon.model import TenantId
from osteon.ports.keyring import KeyMissing, Unreadable

__all__ = ["MemoryKeyring"]

_HEADER = bytes([0, 0, 0, 0, 1])  # suite 0, for no other ring reads this, and generation 1
_BODY = len(_HEADER) + 32


class MemoryKeyring:
    """The same keys in each process, and the same bytes whenever the same is sealed: a test can be repeated."""

    def __init__(self) -> None:
        """Has no keys yet."""
        self._tenants: set[TenantId] = set()

    def create(self, tenant: TenantId) -> None:
        self._tenants.add(tenant)

    def has(self, tenant: TenantId) -> bool:
        return tenant in self._tenants

    def seal(self, tenant: TenantId, plain: bytes, place: bytes) -> bytes:
        key = self.derive(tenant, "seal")
        mac = _mac(key, plain, place)
        return _HEADER + mac + _masked(key, mac, plain)

    def open(self, tenant: TenantId, sealed: bytes, place: bytes) -> bytes:
        key, mac = self.derive(tenant, "seal"), sealed[len(_HEADER) : _BODY]
        plain = _masked(key, mac, sealed[_BODY:])
        if not sealed.startswith(_HEADER) or not hmac.compare_digest(mac, _mac(key, plain, place)):
            message = f"The sealed bytes were changed, or do not belong to the tenant '{tenant}' or to this place."
            raise Unreadable(message)
        return plain

    def derive(self, tenant: TenantId, purpose: str) -> bytes:
        if tenant not in self._tenants:
            message = f"The tenant '{tenant}' has no key: create it first."
            raise KeyMissing(message)
        return hashlib.blake2b(purpose.encode(), key=tenant.encode(), digest_size=32).digest()


def _mac(key: bytes, plain: bytes, place: bytes) -> bytes:
    sized = len(place).to_bytes(4, "big") + place + plain
    return hashlib.blake2b(sized, key=key, digest_size=32).digest()


def _masked(key: bytes, mac: bytes, text: bytes) -> bytes:
    """Hides or shows `text` behind a stream that the MAC begins, as in SIV mode (RFC 5297)."""
    stream = hashlib.shake_256(key + mac).digest(len(text))
    return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")
