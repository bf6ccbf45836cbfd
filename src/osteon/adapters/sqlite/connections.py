"""Connections to the tenants' files: the one place that opens them, and keeps a few of them open.

A file is `tenants/<tenant>/history.db`, in WAL mode. Its pages are encrypted with AEGIS-256
(https://datatracker.ietf.org/doc/draft-irtf-cfrg-aegis-aead/), which costs a fourth of ChaCha20-Poly1305 on a processor
with AES instructions.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import closing
from threading import Lock
from typing import NamedTuple

import apsw

from osteon.adapters.sqlite.connection import Connection
from osteon.model import Identifier, OsteonError, TenantId, is_identifier
from osteon.ports.disk import Disk
from osteon.ports.keyring import Keyring

__all__ = ["Connections", "ConnectionsUsage", "OtherVersion", "Settings"]

TENANTS, FILE = "tenants", "history.db"
VERSION = 1
PAGE = 16_384
CHECKPOINT_PAGES = 2048
LOG_BYTES = 8 << 20
COPIED_PAGES = 256
BUSY_MILLISECONDS = 5000
ENCRYPTING = "multipleciphers-"


class OtherVersion(OsteonError):
    """Raised when a file was written by a version of the program that lays it out differently."""


class Settings(NamedTuple):
    """How the files are opened.

    Attributes:
        writable: Whether anything is written; who only reads is given read-only connections.
        connections: How many are kept open when nobody uses them.
        cache: KiB of pages that each may keep.
        vfs: The name of the VFS below; None for the machine's own.
        encrypted: Whether pages are encrypted; only a simulation does without, as the cipher draws its own randomness.
        exclusive: Keeps a file locked for one connection, which a VFS without shared memory needs: readers and the
            writer must then share these connections.
    """

    writable: bool = False
    connections: int = 32
    cache: int = 4096
    vfs: str | None = None
    encrypted: bool = True
    exclusive: bool = False


class ConnectionsUsage(NamedTuple):
    """What connections take.

    Attributes:
        open: How many are open, kept or lent. A file that is open is three: the database, its WAL, and an index of that.
        most: How many are kept open when nobody uses them; each thread may borrow one more.
        cache: How many bytes of pages those may keep together.
        opened: How often one had to be opened.
    """

    open: int
    most: int
    cache: int
    opened: int


class Connections:
    """Opens the tenants' files and lends connections: each to one borrower at a time, from any thread."""

    def __init__(self, disk: Disk, folder: str, keyring: Keyring, settings: Settings) -> None:
        """Lends connections to files on a disk.

        Args:
            disk: Where the files are: makes folders, and tells a file that is missing from one that cannot be opened.
            folder: The disk's folder, as SQLite's VFS names it.
            keyring: Gives the key of the pages.
            settings: How the files are opened.
        """
        self.disk = disk
        self._folder = folder
        self._keyring = keyring
        self._settings = settings
        vfs, encrypted = settings.vfs, settings.encrypted
        # Opened by its bare name, a VFS writes plain text and says nothing.
        self._vfs = ENCRYPTING + vfs if vfs and encrypted else vfs
        self._lock = Lock()
        self._idle: OrderedDict[TenantId, list[Connection]] = OrderedDict()
        self._kept = 0
        self._lent = 0
        self._opened = 0
        self._closed = False

    @property
    def usage(self) -> ConnectionsUsage:
        """What the connections take now."""
        most = self._settings.connections
        with self._lock:
            return ConnectionsUsage(self._kept + self._lent, most, most * self._settings.cache << 10, self._opened)

    def make(self, tenant: TenantId, statements: Sequence[str]) -> None:
        """Makes the file of a new tenant, durably, with the tables that `statements` make."""
        folder = _folder(tenant)
        self.disk.make_folder(folder)
        connection = self._open(tenant, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        try:
            pragma(connection, f"page_size={PAGE}")
            pragma(connection, "journal_mode=wal")
            with connection:
                for statement in statements:
                    _run(connection, statement)
                pragma(connection, f"user_version={VERSION}")
            self.disk.sync_folder(folder)
        finally:
            connection.close()

    def tenants(self) -> list[TenantId]:
        """The tenants that have a folder, and a file in it unless that was about to be made."""
        try:
            names = self.disk.names(TENANTS)
        except FileNotFoundError:
            return []
        return [TenantId(Identifier(name)) for name in names if is_identifier(name)]

    def size(self, tenant: TenantId) -> int:
        """How many bytes the tenant's file has; 0 when there is none."""
        try:
            file = self.disk.open(f"{_folder(tenant)}/{FILE}")
        except FileNotFoundError:
            return 0
        with closing(file):
            return file.size()

    def take(self, tenant: TenantId) -> Connection | None:
        """A connection for the caller alone, to be given back; None while the tenant has no file."""
        with self._lock:
            idle = self._idle.get(tenant)
            if idle:
                self._kept -= 1
                self._lent += 1
                return idle.pop()
        connection = self._reopen(tenant)
        if connection is not None:
            with self._lock:
                self._lent += 1
                self._opened += 1
        return connection

    def give(self, tenant: TenantId, connection: Connection) -> None:
        """Gives a connection back; those not used for the longest time are closed when there are too many."""
        surplus: list[Connection] = []
        with self._lock:
            self._idle.setdefault(tenant, []).append(connection)
            self._idle.move_to_end(tenant)
            self._kept += 1
            self._lent -= 1
            while self._kept > (0 if self._closed else self._settings.connections):
                surplus.append(self._oldest())
        for each in surplus:
            each.close()

    def copy(self, tenant: TenantId, to: "Connections", copied: Callable[[int, int], None]) -> bool:
        """Copies the tenant's file, as it is at one moment, beside whoever writes to it, and brings the copy to the platter.

        Args:
            tenant: Whose file it is.
            to: Connections to the folder of the copy, under the same keys; it has no file of this tenant.
            copied: Told after each piece how many pages are copied, and of how many.

        Returns:
            False while the tenant has no file.
        """
        source = self.take(tenant)
        if source is None:
            return False
        try:
            to.receive(tenant, source, copied)
        finally:
            self.give(tenant, source)
        return True

    def receive(self, tenant: TenantId, source: Connection, copied: Callable[[int, int], None]) -> None:
        """Makes a tenant's file of the one that another connection reads; see `copy`."""
        folder = _folder(tenant)
        self.disk.make_folder(folder)
        with closing(self._open(tenant, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)) as target:
            pragma(target, f"page_size={PAGE}")
            pragma(target, "synchronous=off")
            _copy_pages(source, target, copied)
        with closing(self.disk.open(f"{folder}/{FILE}", writable=True)) as file:
            file.sync()
        self.disk.sync_folder(folder)

    def close(self) -> None:
        """Closes every connection; one that is lent, as soon as it is given back."""
        with self._lock:
            self._closed = True
            idle = [each for several in self._idle.values() for each in several]
            self._idle.clear()
            self._kept = 0
        for each in idle:
            each.close()

    def _oldest(self) -> Connection:
        tenant, idle = next(iter(self._idle.items()))
        self._kept -= bool(idle)
        connection = idle.pop() if idle else None
        if not idle:
            del self._idle[tenant]
        return connection or self._oldest()

    def _reopen(self, tenant: TenantId) -> Connection | None:
        """A new connection to a file that was made whole; None when there is none."""
        try:
            mode = apsw.SQLITE_OPEN_READWRITE if self._settings.writable else apsw.SQLITE_OPEN_READONLY
            connection = self._open(tenant, mode)
        except apsw.CantOpenError:
            # Too many open files, say, must not look like a tenant without a history.
            if self._exists(tenant):
                raise
            return None
        try:
            whole = _is_whole(connection, tenant)
        except BaseException:
            connection.close()
            raise
        if not whole:
            connection.close()
            return None
        return connection

    def _open(self, tenant: TenantId, mode: int) -> apsw.Connection:
        path = "/".join(each for each in (self._folder, _folder(tenant), FILE) if each)
        connection = apsw.Connection(path, flags=mode, vfs=self._vfs, statementcachesize=200)
        try:
            self._prepare(connection, tenant)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: apsw.Connection, tenant: TenantId) -> None:
        if self._settings.encrypted:
            self._encrypt(connection, tenant)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        if self._settings.exclusive:
            pragma(connection, "locking_mode=exclusive")
        pragma(connection, "synchronous=normal")
        pragma(connection, f"cache_size=-{self._settings.cache}")
        pragma(connection, f"journal_size_limit={LOG_BYTES}")
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)

    def _encrypt(self, connection: apsw.Connection, tenant: TenantId) -> None:
        if not connection.open_vfs.startswith(ENCRYPTING):
            raise OsteonError(f"The VFS '{connection.open_vfs}' does not encrypt; open the files through another.")
        pragma(connection, "cipher='aegis'")
        pragma(connection, "algorithm='aegis-256'")
        pragma(connection, f"key='raw:{self._keyring.derive(tenant, 'pages').hex()}'")

    def _exists(self, tenant: TenantId) -> bool:
        try:
            return FILE in self.disk.names(_folder(tenant))
        except FileNotFoundError:
            return False


def _is_whole(connection: Connection, tenant: TenantId) -> bool:
    """Whether the file was made to its end; it may be about to."""
    version: int = connection.execute("PRAGMA user_version").get
    if version not in (0, VERSION):
        raise OtherVersion(f"The file of '{tenant}' has version {version}, and this program reads {VERSION}.")
    return version == VERSION


def _copy_pages(source: Connection, target: apsw.Connection, copied: Callable[[int, int], None]) -> None:
    assert isinstance(source, apsw.Connection)
    # In one snapshot: else each batch that is filed meanwhile would begin the copy anew.
    _run(source, "BEGIN")
    try:
        _run(source, "PRAGMA user_version")
        with target.backup("main", source, "main") as backup:
            while not backup.done:
                backup.step(COPIED_PAGES)
                copied(backup.page_count - backup.remaining, backup.page_count)
    finally:
        _run(source, "ROLLBACK")


def pragma(connection: Connection, text: str) -> None:
    """Runs a pragma to its end: until its rows are fetched, nothing has happened."""
    _run(connection, f"PRAGMA {text}")


def _run(connection: Connection, statement: str) -> None:
    connection.execute(statement).fetchall()


def _folder(tenant: TenantId) -> str:
    return f"{TENANTS}/{tenant}"
