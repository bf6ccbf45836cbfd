"""The manifest of a backup: what is in it, up to where, and by what it is known to be whole.

It is the last file that is written, as JSON. Its seal is an HMAC-SHA256 over the rest, under a key that follows from
that of `house`: so a manifest that was changed, and one of another installation, are told from this one's.
"""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from osteon.app.formats import FORMAT
from osteon.model import HOUSE, OsteonError, TenantId, Value, decoder, record_json, replace
from osteon.ports.keyring import Keyring, Unreadable

__all__ = [
    "MANIFEST",
    "UNFINISHED",
    "VERSION",
    "BackupDamaged",
    "ChainHead",
    "Kept",
    "Manifest",
    "NoBackup",
    "TenantKept",
    "check_file",
    "digest",
    "expect_seal",
    "read_manifest",
    "write_manifest",
]

MANIFEST = "manifest.json"
VERSION = 1
"""Of the layout of backups."""
UNFINISHED = ".unfinished"

_PURPOSE = "backup"


class NoBackup(OsteonError):
    """Raised when a folder holds no backup that this program can use: none, a broken-off one, one of a newer program."""


class BackupDamaged(OsteonError):
    """Raised when a backup does not hold what its manifest says."""


class Kept(Value):
    """A file of a backup: its path, its length in bytes, and the SHA-256 of its content."""

    path: str
    bytes: int
    sha256: str


class ChainHead(Value):
    """The last record of a chain: its number and its hash; `partition` is None for the access log."""

    partition: int | None
    sequence: int
    hash: str


class TenantKept(Value):
    """What a backup has of a tenant."""

    tenant: TenantId
    name: str
    entries: int
    access_blocks: int
    heads: tuple[ChainHead, ...]


class Manifest(Value):
    """What is in a backup.

    Attributes:
        version: Of the layout of backups.
        osteon: The version of the program that made it.
        format: Of the data folder.
        product: The product that was last served from it.
        made: When the backup was complete.
        batch: The last batch of the log that is in it: everything acknowledged before the backup began is in this
            batch or in an earlier one.
        installation_key: Whether the installation's key is in it.
        tenants: Its tenants.
        files: Its files, the manifest left out.
        seal: Over all of this.
    """

    version: int
    osteon: str
    format: int
    product: str | None
    made: datetime
    batch: int
    installation_key: bool
    tenants: tuple[TenantKept, ...]
    files: tuple[Kept, ...]
    seal: str = ""

    def named(self, text: str) -> TenantKept:
        """The tenant with that name or identifier.

        Raises:
            NoBackup: There is none.
        """
        for tenant in self.tenants:
            if text in (tenant.tenant, tenant.name):
                return tenant
        names = ", ".join(each.name for each in self.tenants)
        raise NoBackup(f"The backup has no tenant '{text}'. It has: {names}.")

    def below(self, *folders: str) -> Iterator[Kept]:
        """The files whose path begins with one of `folders`."""
        return (file for file in self.files if file.path.startswith(folders))


class _Begun(msgspec.Struct):
    """As much of any manifest as tells whether the rest can be read."""

    version: int
    format: int


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in a folder.

    Raises:
        NoBackup: There is none, or it was made by a newer program.
        BackupDamaged: It cannot be read.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NoBackup(_absent(folder)) from None
    try:
        begun = msgspec.json.decode(text, type=_Begun)
        if begun.version > VERSION or begun.format > FORMAT:
            raise NoBackup(
                f"'{folder}' is a backup in version {begun.version} of a data folder in format {begun.format}; "
                f"this program knows {VERSION} and {FORMAT}. Use the program that made it, or a newer one."
            )
        return decoder(Manifest).decode(text)
    except msgspec.MsgspecError as fault:
        raise BackupDamaged(f"'{folder / MANIFEST}' is not the manifest of a backup: {fault}.") from fault


def write_manifest(folder: Path, manifest: Manifest, keyring: Keyring) -> Manifest:
    """Seals the manifest and writes it; the sealed one."""
    sealed = replace(manifest, seal=_seal(manifest, keyring))
    (folder / MANIFEST).write_bytes(msgspec.json.format(record_json(sealed), indent=2) + b"\n")
    return sealed


def expect_seal(manifest: Manifest, keyring: Keyring) -> None:
    """Makes sure that the installation whose keys these are has made the manifest.

    Raises:
        BackupDamaged: It was changed, or is of another installation.
    """
    try:
        sealed = _seal(manifest, keyring)
    except Unreadable as fault:
        raise BackupDamaged(f"The backup is not of the installation whose key was given. {fault}") from fault
    if not hmac.compare_digest(manifest.seal, sealed):
        raise BackupDamaged("The manifest was changed after it was sealed, or is of another installation.")


def check_file(folder: Path, file: Kept) -> None:
    """Makes sure that a file of the backup is what the manifest says.

    Raises:
        BackupDamaged: It is not.
    """
    path = folder / file.path
    if not path.is_file():
        raise BackupDamaged(f"'{path}' is missing. Take another backup.")
    length = path.stat().st_size
    if length != file.bytes:
        raise BackupDamaged(
            f"'{path}' has {length:,} bytes, and the manifest says {file.bytes:,}. Take another backup."
        )
    found = digest(path)
    if found != file.sha256:
        said = f"its SHA-256 is {found[:16]}…, and the manifest says {file.sha256[:16]}…"
        raise BackupDamaged(f"'{path}' was changed: {said}. Take another backup.")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(manifest: Manifest, keyring: Keyring) -> str:
    key = keyring.derive(HOUSE, _PURPOSE)
    return hmac.new(key, record_json(replace(manifest, seal="")), hashlib.sha256).hexdigest()


def _absent(folder: Path) -> str:
    if folder.name.endswith(UNFINISHED):
        return f"'{folder}' is a backup that was broken off: it has no manifest, and is of no use."
    if folder.with_name(folder.name + UNFINISHED).exists():
        return f"'{folder}' is no backup: it was broken off, and what there is of it is of no use. Make another."
    return f"'{folder}' holds no backup: it has no '{MANIFEST}'."
