"""Keys in files: one of the installation, and one of each tenant, wrapped under it.

    keys/installation.key     32 random bytes
    keys/<tenant>.key         32 random bytes, sealed under the former for the place `tenant-key/<tenant>`

Sealed bytes are `suite u8 = 1 | generation u32 = 1 | nonce 12 | ciphertext | tag 16`, numbers big-endian: AES-256-GCM
with the place as associated data. No key is used as it is: HKDF-SHA256 (RFC 5869) without a salt makes the cipher's
key by the info `seal`, and the bytes for a purpose by the info `derive/<purpose>`.

A tenant's file is made with one byte more, which is cut off once its name is synced. While the byte is there, what the
page cache shows may not be on the platter, as a failed sync is not tried again by the next one: such a file is written
anew before it is used. So is the installation's, until there is a tenant's.
"""

import contextlib
from functools import lru_cache
from struct import pack
from threading import Lock
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from osteon.adapters.keyfile.nonces import Nonces
from osteon.model import TenantId, is_identifier
from osteon.ports.disk import Disk, put_file
from osteon.ports.entropy import Entropy
from osteon.ports.keyring import KeyMissing, Unreadable

__all__ = ["KeyfileKeyring", "KeyringUsage", "installation_key"]

_FOLDER = "keys"
_INSTALLATION = f"{_FOLDER}/installation.key"
_KEY = 32
_HEADER = pack(">BI", 1, 1)  # suite and generation
_NONCE = len(_HEADER) + 12
_SHORTEST = _NONCE + 16
_SEALED = _SHORTEST + _KEY
_UNSYNCED = b"\0"


def installation_key(disk: Disk, entropy: Entropy) -> bytes:
    """The key under which the keys of tenants are wrapped; made at the first start of an installation, durably.

    One process at a time calls this, before it reads a key: what a predecessor left in the page cache is written anew.

    Raises:
        Unreadable: The file is damaged, or it is gone while keys of tenants are there.
    """
    disk.make_folder(_FOLDER)
    keys = [name for name in disk.names(_FOLDER) if name.endswith(".key")]
    if keys and "installation.key" not in keys:
        message = (
            f"'{_INSTALLATION}' is gone, and with it what all tenants have stored: put back the copy that you keep."
        )
        raise Unreadable(message)
    key = _read(disk, _INSTALLATION) if keys else entropy.bytes(_KEY)
    if len(key) != _KEY:
        message = f"'{_INSTALLATION}' must have {_KEY} bytes, not {len(key)}: put back the copy that you keep apart from the backups."
        raise Unreadable(message)
    if len(keys) < 2:
        # Whoever made it may have ended before its name was on the platter. A tenant's key is made after that.
        put_file(disk, _INSTALLATION, key)
    return key


class KeyringUsage(NamedTuple):
    """How many tenants' keys are in memory, and how many may be; how often one was there, and how often it had to be read."""

    entries: int
    most: int
    hits: int
    misses: int


class KeyfileKeyring:
    """A ring over the folder `keys` of a disk. May be used from any thread, but not on both sides of a fork.

    A tenant that is not known yet is looked for in the folder each time: another process may have opened it.
    """

    def __init__(self, disk: Disk, entropy: Entropy, installation: bytes, remembered: int = 1024) -> None:
        """Reads nothing yet.

        Args:
            disk: Where the keys are kept; only `create` writes.
            entropy: Draws keys and nonces.
            installation: The 32 bytes of `installation_key`.
            remembered: How many tenants' keys are kept in memory.
        """
        self._disk = disk
        self._entropy = entropy
        self._installation = _Key(installation)
        self._nonce = Nonces(entropy).next
        self._key = lru_cache(maxsize=remembered)(self._load)
        self._creating = Lock()

    @property
    def usage(self) -> KeyringUsage:
        """What is kept in memory now."""
        known = self._key.cache_info()
        return KeyringUsage(known.currsize, known.maxsize or 0, known.hits, known.misses)

    def create(self, tenant: TenantId) -> None:
        with self._creating:
            path = _path(tenant)
            if not self.has(tenant):
                sealed = self._seal(self._installation, self._entropy.bytes(_KEY), _place(tenant))
            elif len(sealed := _read(self._disk, path)) == _SEALED:
                return
            put_file(self._disk, path, sealed[:_SEALED] + _UNSYNCED)
            with contextlib.closing(self._disk.open(path, writable=True)) as file:
                file.resize(_SEALED)

    def has(self, tenant: TenantId) -> bool:
        try:
            self._key(tenant)
        except KeyMissing:
            return False
        return True

    def seal(self, tenant: TenantId, plain: bytes, place: bytes) -> bytes:
        return self._seal(self._key(tenant), plain, place)

    def open(self, tenant: TenantId, sealed: bytes, place: bytes) -> bytes:
        opened = _open(self._key(tenant), sealed, place)
        if opened is None:
            message = f"The sealed bytes were changed, or do not belong to the tenant '{tenant}' or to this place."
            raise Unreadable(message)
        return opened

    def derive(self, tenant: TenantId, purpose: str) -> bytes:
        return self._key(tenant).derive(f"derive/{purpose}")

    def _seal(self, key: "_Key", plain: bytes, place: bytes) -> bytes:
        nonce = self._nonce()
        return _HEADER + nonce + key.encrypt(nonce, plain, place)

    def _load(self, tenant: TenantId) -> "_Key":
        try:
            sealed = _read(self._disk, _path(tenant))
        except FileNotFoundError:
            message = f"The tenant '{tenant}' has no key: it was never opened, is closed, or '{_path(tenant)}' was lost: a backup has it."
            raise KeyMissing(message) from None
        unsynced = len(sealed) == _SEALED + len(_UNSYNCED)
        material = _open(self._installation, sealed[:_SEALED] if unsynced else sealed, _place(tenant))
        if material is None:
            message = f"'{_path(tenant)}' was changed, or belongs to another installation: bring it back from a backup."
            raise Unreadable(message)
        return _Key(material)


class _Key:
    """A key that was read, with its cipher."""

    __slots__ = ("_material", "decrypt", "encrypt")

    def __init__(self, material: bytes) -> None:
        self._material = material
        cipher = AESGCM(self.derive("seal"))
        self.encrypt, self.decrypt = cipher.encrypt, cipher.decrypt

    def derive(self, info: str) -> bytes:
        return HKDF(SHA256(), _KEY, salt=None, info=info.encode()).derive(self._material)


def _open(key: _Key, sealed: bytes, place: bytes) -> bytes | None:
    if len(sealed) < _SHORTEST or not sealed.startswith(_HEADER):
        return None
    try:
        return key.decrypt(sealed[len(_HEADER) : _NONCE], sealed[_NONCE:], place)
    except InvalidTag:
        return None


def _place(tenant: TenantId) -> bytes:
    return f"tenant-key/{tenant}".encode()


def _path(tenant: TenantId) -> str:
    # What is no identifier must not become a path.
    if not is_identifier(tenant):
        message = f"'{tenant}' is not the identifier of a tenant, so it has no key."
        raise KeyMissing(message)
    return f"{_FOLDER}/{tenant}.key"


def _read(disk: Disk, path: str) -> bytes:
    with contextlib.closing(disk.open(path)) as file:
        return file.read(0, file.size())
