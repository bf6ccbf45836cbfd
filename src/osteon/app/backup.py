"""A backup: a copy of a data folder, made beside the running server or while none runs.

Nothing is asked of the server. The log is followed from its oldest batch on while the tenants' files are copied one
after another, each as it is at one moment, and then up to its end. What was retired before the log was first looked at
stood in every tenant's file by then; all else is in the copy of the log, whose last batch is behind whatever a file
holds. So the copy is what a kill of the server would have left, and a start recovers it.

    <backup>/
      manifest.json     what is in it; written last
      log/  tenants/  keys/  product  format      as in a data folder; 'installation.key' only where that was asked for
"""

import asyncio
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import apsw

import osteon
from osteon.adapters.commitlog import LogCopy, Retired
from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.sqlite import Connections, Settings
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.findings import Finding
from osteon.app.formats import FORMAT, expect_format, keep_format
from osteon.app.inspection import Chain, Inspection, known_product, read_key
from osteon.app.manifest import (
    MANIFEST,
    UNFINISHED,
    VERSION,
    ChainHead,
    Kept,
    Manifest,
    TenantKept,
    digest,
    write_manifest,
)
from osteon.app.syncing import sync, sync_all
from osteon.app.verification import Verification
from osteon.messages import ACCESS, ENTRY, record_hash
from osteon.model import OsteonError, TenantId

__all__ = ["NotMade", "NotWhole", "Told", "back_up", "kept_of", "snapshot"]

Told = Callable[[str, int], None]
"""Told what is being done, and how much of it is: for whoever waits."""

LOG, TENANTS, KEYS, PRODUCT = "log", "tenants", "keys", "product"
INSTALLATION, HISTORY = "installation.key", "history.db"
ATTEMPTS = 5


class NotWhole(OsteonError):
    """Raised when what was copied is not whole, because the installation itself is not."""

    def __init__(self, where: Path, findings: list[Finding]) -> None:
        """Tells the first of what was found."""
        self.findings = findings
        first = findings[0]
        super().__init__(
            f"The copy is not whole: {len(findings):,} findings, the first in '{first.tenant or LOG}': expected "
            f"{first.expected}; found {first.found}. It is no backup, and is left in '{where}'. "
            "'osteon journal verify' says more."
        )


class NotMade(OsteonError):
    """Raised when a backup cannot be made: its folder is taken, or the disk failed."""


def back_up(data: Path, to: Path, told: Told, *, with_key: bool = False) -> Manifest:
    """Makes a backup of the installation in `data`: whole and verified, or not at all.

    Args:
        data: The data folder.
        to: The folder of the backup, which must not be there, or be empty.
        told: Told how far it is.
        with_key: Whether the installation's key goes into it. Whoever has that and the rest can read everything.

    Returns:
        What is in the backup.

    Raises:
        NoInstallation: There is none in `data`.
        NotMade: The folder is taken, or the disk failed.
        NotWhole: The installation is damaged.
        Damaged: Its log is.
        OtherFormat: It was written in another format.
    """
    expect_format(data)
    key = read_key(data)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise NotMade(f"'{to}' is there already. A backup is made in a folder of its own: choose another name.")
    try:
        return _made(data, to, key, told, with_key)
    except (OSError, apsw.Error) as fault:
        raise NotMade(
            f"The backup cannot be made: {fault}. What is left in '{to}{UNFINISHED}' is of no use."
        ) from fault


async def kept_of(inspection: Inspection, tenant: TenantId) -> TenantKept:
    """How much there is of a tenant, and where its chains end."""
    chains = [Chain(tenant, ENTRY, each) for each in inspection.partitions(tenant)]
    heads = [await _head(inspection, chain) for chain in (*chains, Chain(tenant, ACCESS, 0))]
    return TenantKept(
        tenant=tenant,
        name=inspection.name(tenant),
        entries=sum(inspection.last(chain) for chain in chains),
        access_blocks=inspection.last(Chain(tenant, ACCESS, 0)),
        heads=tuple(head for head in heads if head.sequence),
    )


def snapshot(data: Path, to: Path, key: bytes, told: Told, only: Collection[TenantId] | None = None) -> int:
    """Copies what an installation holds at one moment, without its own key; what was in the folder goes.

    Args:
        data: The data folder.
        to: The folder of the copy.
        key: The installation's key.
        told: Told how far it is.
        only: The tenants whose files are copied; the log has more. Without it, all.

    Returns:
        The last batch of the log that is in the copy.

    Raises:
        NotMade: The log goes on too fast.
        Damaged: The log is damaged.
    """
    for _ in range(ATTEMPTS):
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(mode=0o700)
        try:
            batch = _copy(data, to, key, told, only)
        except (Retired, FileNotFoundError):
            # The log has gone on faster than it was followed.
            continue
        _copy_keys(data, to)
        return batch
    raise NotMade(f"The log of '{data}' goes on faster than it can be copied. Try again when there is less to do.")


def _made(data: Path, to: Path, key: bytes, told: Told, with_key: bool) -> Manifest:
    to.parent.mkdir(parents=True, exist_ok=True)
    unfinished = to.with_name(to.name + UNFINISHED)
    batch = snapshot(data, unfinished, key, told)
    if with_key:
        _keep(data / KEYS / INSTALLATION, unfinished / KEYS / INSTALLATION)
    manifest = asyncio.run(_verified(data, unfinished, key, batch, told))
    sync_all(unfinished)
    with suppress(FileNotFoundError):
        to.rmdir()
    unfinished.rename(to)
    sync(to.parent)
    return manifest


def _copy(data: Path, to: Path, key: bytes, told: Told, only: Collection[TenantId] | None) -> int:
    source, target = SystemDisk(data), SystemDisk(to)
    log = LogCopy(source, LOG, target, LOG)
    keyring = KeyfileKeyring(source, SystemEntropy(), key)
    reading = Connections(source, str(data), keyring, Settings())
    writing = Connections(target, str(to), keyring, Settings(writable=True))
    try:
        tenants = [each for each in reading.tenants() if only is None or each in only]
        for tenant in tenants:
            # Before the history, so that nothing in them is ahead of it.
            _copy_beside(data, to, tenant)
        pages = 0
        for tenant in tenants:
            pages = _copy_history(reading, writing, tenant, log, told, pages)
        log.follow()
        return log.close().frame
    finally:
        reading.close()
        writing.close()


def _copy_history(
    reading: Connections, writing: Connections, tenant: TenantId, log: LogCopy, told: Told, before: int
) -> int:
    """Copies a tenant's file and follows the log meanwhile; the pages copied until now, `before` among them."""
    pages = before

    def copied(done: int, of: int) -> None:
        nonlocal pages
        pages = before + done
        log.follow()
        told("pages", pages)

    reading.copy(tenant, writing, copied)
    return pages


def _copy_beside(data: Path, to: Path, tenant: TenantId) -> None:
    """What else stands in a tenant's folder."""
    for path in (data / TENANTS / tenant).iterdir():
        if path.is_file() and not path.name.startswith(HISTORY) and path.suffix != ".new":
            folder = to / TENANTS / tenant
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                _keep(path, folder / path.name)


def _copy_keys(data: Path, to: Path) -> None:
    """The keys come last: whoever has anything in the copy had a key before."""
    (to / KEYS).mkdir(mode=0o700)
    for path in (data / KEYS).glob("*.key"):
        if path.name != INSTALLATION:
            _keep(path, to / KEYS / path.name)
    if (data / PRODUCT).exists():
        _keep(data / PRODUCT, to / PRODUCT)
    keep_format(SystemDisk(to))


def _keep(path: Path, copy: Path) -> None:
    """Copies a file for its owner's eyes only."""
    copy.touch(mode=0o600)
    copy.write_bytes(path.read_bytes())


async def _verified(data: Path, to: Path, key: bytes, batch: int, told: Told) -> Manifest:
    """Looks at every record of the copy, counts, and writes the manifest."""
    inspection = await Inspection.open(to, key)
    try:
        verification = Verification(inspection, lambda count: told("records", count))
        findings = [finding async for finding in verification.findings(inspection.all_tenants())]
        if findings:
            raise NotWhole(to, findings)
        if inspection.faults:
            raise inspection.faults[0]
        tenants = [await kept_of(inspection, tenant) for tenant in inspection.all_tenants()]
    finally:
        inspection.close()
    _tidy(to)
    manifest = Manifest(
        version=VERSION,
        osteon=osteon.__version__,
        format=FORMAT,
        product=known_product(data),
        made=datetime.now(UTC),
        batch=batch,
        installation_key=(to / KEYS / INSTALLATION).exists(),
        tenants=tuple(tenants),
        files=tuple(_files(to, told)),
    )
    return write_manifest(to, manifest, inspection.keyring)


def _tidy(to: Path) -> None:
    """Takes away what SQLite left for other readers; nothing was written."""
    for path in (to / TENANTS).glob(f"*/{HISTORY}-*"):
        path.unlink()


def _files(to: Path, told: Told) -> Iterator[Kept]:
    paths = sorted(path for path in to.rglob("*") if path.is_file() and path.name != MANIFEST)
    for number, path in enumerate(paths, 1):
        yield Kept(path=path.relative_to(to).as_posix(), bytes=path.stat().st_size, sha256=digest(path))
        told("files", number)


async def _head(inspection: Inspection, chain: Chain) -> ChainHead:
    last = inspection.last(chain)
    hash = ""
    async for number, stored in inspection.records(chain, max(0, last - 1)):
        if number == last:
            hash = record_hash(stored).hex()
    return ChainHead(partition=chain.partition if chain.kind == ENTRY else None, sequence=last, hash=hash)
