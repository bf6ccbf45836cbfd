"""Keys: everything of a tenant at rest is under the tenant's own."""

from typing import Protocol

from osteon.model import OsteonError, TenantId

__all__ = ["KeyMissing", "Keyring", "Unreadable"]


class KeyMissing(OsteonError):
    """Raised when a tenant has no key: it was never opened, or it is closed and its key destroyed."""


class Unreadable(OsteonError):
    """Raised when sealed bytes were not sealed under the key that they name, or for another place."""


class Keyring(Protocol):
    """Holds a key for each tenant and uses it; the key itself is never handed out.

    Sealed bytes name the suite and the generation of the key in their first bytes, so that keys can be rotated.
    """

    def create(self, tenant: TenantId) -> None:
        """Gives a tenant its first key, durably; does nothing when it has one."""
        ...

    def has(self, tenant: TenantId) -> bool:
        """Whether the tenant has a key."""
        ...

    def seal(self, tenant: TenantId, plain: bytes, place: bytes) -> bytes:
        """Encrypts and authenticates `plain` for `place`: it can be opened only for the same place.

        Raises:
            KeyMissing: The tenant has no key.
        """
        ...

    def open(self, tenant: TenantId, sealed: bytes, place: bytes) -> bytes:
        """What was sealed.

        Raises:
            KeyMissing: The tenant has no key.
            Unreadable: The bytes were changed, or belong to another tenant or place.
        """
        ...

    def derive(self, tenant: TenantId, purpose: str) -> bytes:
        """32 bytes for one purpose, always the same for a tenant: a page key, a signing seed, the key of a MAC.

        Raises:
            KeyMissing: The tenant has no key.
        """
        ...
