"""The drill: starts from a backup in a folder that is thrown away, and looks whether everything is there.

It goes the way of a start: the log is recovered, the drain brings history and views up to date. Then every record is
looked at, and every chain must lead through the head that the manifest names. No reaction, saga or sink runs: a drill
sends nothing to anybody.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from osteon.adapters.commitlog import CommitLog, known_place
from osteon.adapters.system.clock import SystemClock
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.app.backup import Told, kept_of
from osteon.app.drain_process import DrainProcess
from osteon.app.findings import Finding
from osteon.app.formats import expect_format
from osteon.app.inspection import Inspection
from osteon.app.manifest import Manifest, TenantKept
from osteon.app.restore import NotPossible, restore_all
from osteon.app.verification import Verification
from osteon.model import Value

__all__ = ["Drilled", "drill"]

LOG = "log"


class Drilled(Value):
    """What a drill saw."""

    tenants: int
    entries: int
    access_blocks: int
    batch: int
    findings: tuple[Finding, ...]


def drill(folder: Path, key: bytes, product: str | None, scratch: Path | None, told: Told) -> Drilled:
    """Restores the backup in `folder` somewhere, starts from it, and compares it with its manifest.

    Args:
        folder: The backup.
        key: The installation's key.
        product: The product; without one, the one that the manifest names.
        scratch: Where there is room for the installation; without it, where temporary files are.
        told: Told how far it is.

    Raises:
        NoBackup: There is none.
        BackupDamaged: It is not what it was, or is of another installation.
        NotDrained: The drain did not come through its log.
        Damaged: Its log is not what was written.
    """
    with tempfile.TemporaryDirectory(prefix="osteon-drill-", dir=scratch) as place:
        data = Path(place) / "data"
        manifest = restore_all(folder, data, key, told)
        expect_format(data)
        name = product or manifest.product
        if name is None:
            raise NotPossible("The backup does not say which product it is of. Name it with '--product'.")
        return asyncio.run(_drilled(data, manifest, key, name, told))


async def _drilled(data: Path, manifest: Manifest, key: bytes, product: str, told: Told) -> Drilled:
    await _start(data, key, product)
    inspection = await Inspection.open(data, key)
    try:
        verification = Verification(inspection, lambda count: told("records", count))
        findings = [each async for each in verification.findings(inspection.all_tenants())]
        findings += [each async for each in _differences(inspection, manifest)]
    finally:
        inspection.close()
    return Drilled(
        tenants=len(manifest.tenants),
        entries=verification.entries,
        access_blocks=verification.accesses,
        batch=manifest.batch,
        findings=tuple(findings),
    )


async def _start(data: Path, key: bytes, product: str) -> None:
    """What a start does before it serves."""
    disk = SystemDisk(data)
    log = CommitLog.recover(disk, LOG, known=known_place(disk, LOG))
    scheduler = SystemScheduler(lambda _name, _fault: None, 1)
    drain = DrainProcess(
        product, str(data), key, SystemClock(), scheduler, durable=lambda: log.place, retire=lambda _: asyncio.sleep(0)
    )
    drain.start()
    try:
        await drain.come_through(log.place.frame)
    finally:
        await drain.close()
        scheduler.close()
        log.close()


async def _differences(inspection: Inspection, manifest: Manifest) -> AsyncIterator[Finding]:
    """Where the installation is not what the manifest says."""
    for told in manifest.tenants:
        found = await kept_of(inspection, told.tenant)
        if found.entries != told.entries or found.access_blocks != told.access_blocks:
            yield _finding(told, None, "missing", _counted(told), _counted(found))
        there = {head.partition: head for head in found.heads}
        for head in told.heads:
            if there.get(head.partition) != head:
                yield _finding(told, head.partition, "changed", f"the head {head.hash[:16]}…", "another")


def _counted(tenant: TenantKept) -> str:
    return f"{tenant.entries:,} entries and {tenant.access_blocks:,} blocks of the access log"


def _finding(tenant: TenantKept, partition: int | None, what: str, expected: str, found: str) -> Finding:
    return Finding(tenant=tenant.name, partition=partition, sequence=None, what=what, expected=expected, found=found)
