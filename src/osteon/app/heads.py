"""Signed heads: the server makes one of each tenant's journal at intervals and keeps it beside the tenant's history.

    tenants/<tenant>/heads       signed heads, a line of JSON each, oldest first
    tenants/<tenant>/frontier    how far the trees of the newest are; made anew where it is missing or does not fit

A head goes on from the one before it, over what was filed since, and is not made where the journal does not. Hashing
runs beside the loop, in parts.
"""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from osteon.adapters.ed25519 import HeadSigner
from osteon.app.growth import DoesNotFollow, Growth
from osteon.app.inspection import Chain, Inspection
from osteon.messages import ACCESS, ENTRY, GENESIS, Position, record_hash
from osteon.messages.heads import SignedHead, read_heads
from osteon.model import OsteonError, TenantId, record_json
from osteon.ports.access_log import AccessLog
from osteon.ports.clock import Clock
from osteon.ports.disk import Disk, File
from osteon.ports.history import Head, History
from osteon.ports.keyring import Keyring
from osteon.ports.scheduler import Scheduler

__all__ = ["ForgedHead", "HeadFile", "Heads", "head_of_files"]

_SOON = 30.0
_PART = 100
_TAIL = 64 << 10


class ForgedHead(OsteonError):
    """Raised when a head that was kept was not signed by the tenant's key, so no other is made behind it."""

    def __init__(self, path: str) -> None:
        """Names the file."""
        super().__init__(f"'{path}' ends with a head that this installation did not sign. Move that file away.")


class HeadFile:
    """The heads that are kept of one tenant."""

    def __init__(self, disk: Disk, tenant: TenantId) -> None:
        """Opens nothing yet."""
        self._disk = disk
        self._folder = f"tenants/{tenant}"
        self.path = f"{self._folder}/heads"

    def every(self) -> list[SignedHead]:
        """All heads, oldest first.

        Raises:
            MalformedHead: A line is no head.
        """
        # A line without an end was being written, or was cut off by a crash.
        return read_heads(_read(self._disk, self.path).decode(errors="replace").split("\n")[:-1])

    def newest(self) -> SignedHead | None:
        """The newest head; None where there is none. Errors as for `every`."""
        lines = _read(self._disk, self.path, _TAIL).decode(errors="replace").split("\n")
        return next(iter(read_heads(lines[-2:-1])), None)

    def frontier(self) -> bytes:
        """What was kept with the newest head; nothing where that is missing."""
        return _read(self._disk, f"{self._folder}/frontier")

    def append(self, head: SignedHead, frontier: bytes) -> None:
        """Keeps a head, durably."""
        with contextlib.closing(self._opened()) as file:
            tail = _last(file, _TAIL)
            # A line that was torn is overwritten; what is left of a longer one has no end either.
            end = file.size() - len(tail) + tail.rfind(b"\n") + 1
            file.write(end, record_json(head) + b"\n")
            file.sync()
        self._disk.sync_folder(self._folder)
        # Lost or torn, it is made anew: what it says is believed only if it leads to the roots of the head.
        unfinished = f"{self._folder}/frontier.new"
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(unfinished)
        with contextlib.closing(self._disk.create(unfinished)) as file:
            file.write(0, frontier)
        self._disk.rename(unfinished, f"{self._folder}/frontier")

    def _opened(self) -> File:
        with contextlib.suppress(FileNotFoundError):
            return self._disk.open(self.path, writable=True)
        return self._disk.create(self.path)


class Heads:
    """Makes the heads of all tenants of a server."""

    def __init__(
        self,
        history: History,
        access_log: AccessLog,
        keyring: Keyring,
        disk: Disk,
        clock: Clock,
        scheduler: Scheduler,
    ) -> None:
        """Reads what is filed through `history` and `access_log`, and keeps heads on `disk`."""
        self._history = history
        self._access_log = access_log
        self._keyring = keyring
        self._disk = disk
        self._clock = clock
        self._scheduler = scheduler
        self._log = structlog.get_logger("osteon.heads")

    async def run(self, tenants: Callable[[], Sequence[TenantId]], every: float) -> None:
        """Makes heads of all that `tenants` names, soon and then after so many seconds, for ever."""
        await self._clock.sleep(min(_SOON, every))
        while True:
            for tenant in tenants():
                try:
                    await self.make(tenant)
                except (OsteonError, OSError) as fault:
                    # Heads are a service to whoever checks; commands go on without them.
                    self._log.error("no head was made", tenant=tenant, reason=str(fault))
            await self._clock.sleep(every)

    async def make(self, tenant: TenantId) -> SignedHead | None:
        """Makes and keeps the next head of a tenant; None where nothing was recorded since the last.

        Raises:
            DoesNotFollow: The journal does not go on from the last head, or not in itself.
            ForgedHead: The last head was not signed by this installation.
            MalformedHead: It is no head.
            KeyMissing: The tenant has no key.
        """
        file, signer = HeadFile(self._disk, tenant), HeadSigner(self._keyring, tenant)
        newest, growth = await self._scheduler.blocking(lambda: _resumed(file, signer, tenant))
        accesses = await self._scheduler.blocking(lambda: self._access_log.head(tenant))
        ends = await self._scheduler.blocking(lambda: self._history.heads(tenant))
        for known in newest.head.partitions if newest else ():
            await self._grow(growth, known.partition, Head(known.sequence, bytes.fromhex(known.hash)))
        for partition in sorted({*ends, *growth.partitions}):
            await self._grow(growth, partition, ends.get(partition, Head(0, GENESIS)))
        if newest and newest.head.accesses.number > accesses.sequence:
            raise DoesNotFollow(tenant, f"block {newest.head.accesses.number} of the access log", "is missing")
        head = growth.head(self._clock.now(), accesses)
        if newest and (newest.head.partitions, newest.head.accesses) == (head.partitions, head.accesses):
            return None
        signed = signer.sign(head)
        await self._scheduler.blocking(lambda: file.append(signed, growth.kept()))
        return signed

    async def _grow(self, growth: Growth, partition: int, end: Head) -> None:
        """Lets it grow to the end of a partition, and makes sure that it is that end."""
        while growth.size(partition) < end.sequence:
            found = await self._history.scan(growth.tenant, Position(partition, growth.size(partition)))
            wanted = [(position.sequence, stored) for position, stored in found if position.sequence <= end.sequence]
            if not wanted:
                break
            for start in range(0, len(wanted), _PART):
                part = wanted[start : start + _PART]
                await self._scheduler.blocking(partial(growth.add, partition, part))
        growth.expect(partition, end)


async def head_of_files(inspection: Inspection, tenant: TenantId, at: datetime) -> SignedHead:
    """A head over everything of a tenant that is durable now, made from its files alone; it is kept nowhere.

    Raises:
        DoesNotFollow: The journal does not hold together.
        KeyMissing: The tenant has no key.
    """
    growth = Growth(tenant, inspection.name(tenant))
    for partition in inspection.partitions(tenant):
        async for sequence, stored in inspection.records(Chain(tenant, ENTRY, partition)):
            growth.add(partition, [(sequence, stored)])
    last = Head(0, GENESIS)
    chain = Chain(tenant, ACCESS, 0)
    async for number, stored in inspection.records(chain, max(0, inspection.last(chain) - 1)):
        last = Head(number, record_hash(stored))
    return HeadSigner(inspection.keyring, tenant).sign(growth.head(at, last))


def _resumed(file: HeadFile, signer: HeadSigner, tenant: TenantId) -> tuple[SignedHead | None, Growth]:
    """The newest head that is kept, and what to go on from: its trees, or nothing where they must be made anew."""
    newest = file.newest()
    if newest is None:
        return None, Growth(tenant)
    if newest.head.tenant != tenant or not signer.public.accepts(newest):
        raise ForgedHead(file.path)
    return newest, Growth.resumed("", newest.head, file.frontier()) or Growth(tenant)


def _read(disk: Disk, path: str, most: int | None = None) -> bytes:
    """The end of a file, all of it unless it is longer than `most`; nothing where it is missing."""
    try:
        with contextlib.closing(disk.open(path)) as file:
            return _last(file, most)
    except FileNotFoundError:
        return b""


def _last(file: File, most: int | None) -> bytes:
    size = file.size()
    start = 0 if most is None else max(0, size - most)
    return file.read(start, size - start)
