"""Restoring: all of a backup into an empty folder, or one tenant beside the others of an installation that is stopped.

One tenant is brought back in two steps. First everything is made ready in a folder of its own: the tenant's files and
key from the backup, and the installation's log written anew, without the tenant's records but with those of the backup
behind the rest. From the moment when `ready` stands there the restore is finished whatever happens: by renames, which
can be done again.
"""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from osteon.adapters.commitlog import CommitLog, LogCopy, Tail, known_place, oldest_place
from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.backup import Told
from osteon.app.formats import FORMAT, RESTORING
from osteon.app.inspection import Chain, Inspection, read_key
from osteon.app.manifest import (
    UNFINISHED,
    BackupDamaged,
    Kept,
    Manifest,
    TenantKept,
    check_file,
    digest,
    expect_seal,
    read_manifest,
)
from osteon.app.syncing import sync, sync_all
from osteon.messages import ACCESS, ENTRY, Record
from osteon.model import HOUSE, OsteonError, TenantId, Value, decoder, record_json
from osteon.ports.disk import Disk
from osteon.ports.keyring import Keyring

__all__ = ["Lost", "NotPossible", "finish", "key_of", "lost", "restore_all", "restore_tenant"]

LOG, TENANTS, KEYS, VIEWS, SETTLED, READY = "log", "tenants", "keys", "views", "settled", "ready"
INSTALLATION = "installation.key"
KEY_LENGTH = 32
RECORDS = 500
"""In one frame."""


class NotPossible(OsteonError):
    """Raised when a backup does not fit what it is to be restored into; nothing was changed."""


class Lost(NamedTuple):
    """What an installation has of a tenant and a backup has not."""

    tenant: TenantKept
    entries: int


class _Ready(Value):
    """What is to be put in place."""

    tenant: TenantId
    segments: tuple[str, ...]


def key_of(folder: Path, manifest: Manifest, given: Path | None) -> bytes:
    """The installation's key: the one that was given, else the one in the backup.

    Raises:
        NotPossible: There is none, or it is no key.
    """
    if given is None and not manifest.installation_key:
        raise NotPossible(
            "The installation's key is not in the backup. Name the file where it is kept with '--installation-key'; "
            "without it nobody can read the backup."
        )
    path = given or folder / KEYS / INSTALLATION
    try:
        key = path.read_bytes()
    except OSError as fault:
        raise NotPossible(f"The installation's key cannot be read: {fault}.") from fault
    if len(key) != KEY_LENGTH:
        raise NotPossible(f"'{path}' is no installation's key: it has {len(key)} bytes, not {KEY_LENGTH}.")
    return key


def restore_all(folder: Path, data: Path, key: bytes, told: Told) -> Manifest:
    """Makes an installation of a backup: all of it, or nothing.

    Args:
        folder: The backup.
        data: The data folder to be, which must not be there, or be empty.
        key: The installation's key.
        told: Told how far it is.

    Returns:
        What was restored.

    Raises:
        NoBackup: There is none.
        BackupDamaged: It is not what it was, or is of another installation.
        NotPossible: The data folder is not empty.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise NotPossible(f"'{data}' is not empty. Restore into a new folder, or one tenant with '--tenant'.")
    manifest = read_manifest(folder)
    expect_seal(manifest, _keyring(folder, key))
    data.parent.mkdir(parents=True, exist_ok=True)
    unfinished = data.with_name(data.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    for number, file in enumerate(manifest.files, 1):
        _bring(folder, unfinished, file)
        told("files", number)
    installation = unfinished / KEYS / INSTALLATION
    installation.touch(mode=0o600)
    installation.write_bytes(key)
    _expect_keys(_keyring(unfinished, key), manifest.tenants)
    sync_all(unfinished)
    if data.exists():
        data.rmdir()
    unfinished.rename(data)
    sync(data.parent)
    return manifest


async def lost(folder: Path, data: Path, name: str) -> Lost:
    """What restoring a tenant would lose: the entries that came after the backup.

    Raises:
        NotPossible: The tenant cannot be restored there.
        NoBackup: The backup does not have it.
    """
    manifest = read_manifest(folder)
    tenant = manifest.named(name)
    if tenant.tenant == HOUSE:
        raise NotPossible("'house' knows all tenants and is not restored alone: restore all into an empty folder.")
    if manifest.format != FORMAT:
        raise NotPossible(
            f"The backup has format {manifest.format} and '{data}' has {FORMAT}: restore all of it, and upgrade that."
        )
    inspection = await Inspection.open(data)
    try:
        expect_seal(manifest, inspection.keyring)
        if tenant.tenant not in {each.tenant for each in inspection.tenants}:
            raise NotPossible(f"'house' in '{data}' knows no tenant '{tenant.name}': restore all into an empty folder.")
        return Lost(tenant, sum([await _behind(inspection, tenant, chain) for chain in _chains(inspection, tenant)]))
    finally:
        inspection.close()


def restore_tenant(folder: Path, data: Path, name: str, told: Told) -> TenantKept:
    """Brings one tenant back to where it was when the backup was made; nothing else changes.

    Args:
        folder: The backup.
        data: The data folder of an installation that is not served.
        name: The tenant's name or identifier.
        told: Told how far it is.

    Raises:
        Locked: The installation is served.
        NoBackup: There is no backup, or the tenant is not in it.
        BackupDamaged: It is not what it was, or is of another installation.
        NotPossible: The tenant cannot be restored there.
    """
    tenant = asyncio.run(lost(folder, data, name)).tenant
    disk = SystemDisk(data)
    with closing(CommitLog.recover(disk, LOG, known=known_place(disk, LOG))) as log:
        staged = data / RESTORING
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(mode=0o700)
        _stage_files(folder, staged, tenant.tenant, told)
        _expect_keys(_keyring(staged, read_key(data)), [tenant])
        segments = _stage_log(folder, disk, staged, tenant.tenant, log)
        sync_all(staged)
        _make_ready(staged, _Ready(tenant=tenant.tenant, segments=tuple(segments)))
        _put_in_place(data)
    return tenant


def finish(data: Path) -> TenantId | None:
    """Finishes a restore of a tenant that was broken off; which tenant, or None where there was nothing to finish.

    Raises:
        Locked: The installation is served.
    """
    if not (data / RESTORING / READY).exists():
        return None
    lock = SystemDisk(data).lock(f"{LOG}/lock")
    try:
        return _put_in_place(data)
    finally:
        lock.release()


def _chains(inspection: Inspection, tenant: TenantKept) -> Sequence[Chain]:
    return [Chain(tenant.tenant, ENTRY, each) for each in inspection.partitions(tenant.tenant)]


async def _behind(inspection: Inspection, tenant: TenantKept, chain: Chain) -> int:
    """How many entries of a chain are not in the backup."""
    kept = [head.sequence for head in tenant.heads if head.partition == chain.partition]
    return max(0, inspection.last(chain) - max(kept, default=0))


def _stage_files(folder: Path, staged: Path, tenant: TenantId, told: Told) -> None:
    manifest = read_manifest(folder)
    for number, file in enumerate(manifest.below(f"{TENANTS}/{tenant}/", f"{KEYS}/{tenant}.key"), 1):
        _bring(folder, staged, file)
        told("files", number)
    # A tenant whose file was not made yet has all it has in the log.
    (staged / TENANTS / tenant).mkdir(mode=0o700, parents=True, exist_ok=True)


def _stage_log(folder: Path, disk: Disk, staged: Path, tenant: TenantId, log: CommitLog) -> list[str]:
    """Writes the log anew: the names of its segments."""
    for file in read_manifest(folder).below(f"{LOG}/"):
        check_file(folder, file)
    copy = LogCopy(disk, LOG, SystemDisk(staged), LOG, keep=lambda stored: Record.of(stored).tenant != tenant)
    copy.follow(log.place)
    # Behind all the rest, so that reactions are given them again: which of them were done then, their keys tell.
    for records in _parts(_logged(folder, tenant)):
        copy.append(records)
    copy.close()
    return [path.name for path in (staged / LOG).glob("segment-*")]


def _logged(folder: Path, tenant: TenantId) -> Iterator[bytes]:
    """The tenant's records in the log of a backup."""
    disk = SystemDisk(folder)
    with closing(Tail(disk, LOG, oldest_place(disk, LOG))) as tail:
        for _, records in tail.read(known_place(disk, LOG)):
            for stored in records:
                record = Record.of(stored)
                if record.tenant == tenant and record.kind in (ENTRY, ACCESS):
                    yield stored


def _parts(records: Iterator[bytes]) -> Iterator[list[bytes]]:
    part: list[bytes] = []
    for record in records:
        part.append(record)
        if len(part) == RECORDS:
            yield part
            part = []
    if part:
        yield part


def _make_ready(staged: Path, ready: _Ready) -> None:
    """From here on there is no way back."""
    unfinished = staged / f"{READY}.new"
    unfinished.write_bytes(record_json(ready))
    sync(unfinished)
    unfinished.rename(staged / READY)
    sync(staged)
    sync(staged.parent)


def _put_in_place(data: Path) -> TenantId:
    """Puts in place what is ready; whatever an earlier try has put there is passed over."""
    staged = data / RESTORING
    ready = decoder(_Ready).decode((staged / READY).read_bytes())
    # The rows are those of then: the drain is to look at them.
    (data / VIEWS).unlink(missing_ok=True)
    # Its file may be smaller than the one that it replaces.
    (data / SETTLED).unlink(missing_ok=True)
    folder = staged / TENANTS / ready.tenant
    if folder.exists():
        shutil.rmtree(data / TENANTS / ready.tenant, ignore_errors=True)
        (data / TENANTS).mkdir(mode=0o700, exist_ok=True)
        folder.rename(data / TENANTS / ready.tenant)
    for path in (staged / KEYS / f"{ready.tenant}.key", *sorted((staged / LOG).glob("*"))):
        if path.exists():
            path.replace(data / path.relative_to(staged))
    for path in (data / LOG).glob("segment-*"):
        if path.name not in ready.segments:
            path.unlink()
    for changed in (data / TENANTS, data / KEYS, data / LOG, data):
        sync(changed)
    (staged / READY).unlink()
    sync(staged)
    shutil.rmtree(staged)
    return ready.tenant


def _bring(folder: Path, to: Path, file: Kept) -> None:
    """Copies a file of the backup, and makes sure that the copy is what the manifest says."""
    if ".." in Path(file.path).parts or Path(file.path).is_absolute():
        raise BackupDamaged(f"The manifest names '{file.path}', which is not in the backup.")
    check = to / file.path
    check.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        shutil.copyfile(folder / file.path, check)
    except FileNotFoundError:
        raise BackupDamaged(f"'{folder / file.path}' is missing. Take another backup.") from None
    check.chmod(0o600)
    if digest(check) != file.sha256:
        check_file(folder, file)
        raise BackupDamaged(f"'{folder / file.path}' was read otherwise than it was. Look at the disk.")


def _expect_keys(keyring: Keyring, tenants: Sequence[TenantKept]) -> None:
    for tenant in tenants:
        if not keyring.has(tenant.tenant):
            raise BackupDamaged(f"The backup has no key of '{tenant.name}'.")


def _keyring(folder: Path, key: bytes) -> KeyfileKeyring:
    return KeyfileKeyring(SystemDisk(folder), SystemEntropy(), key)
