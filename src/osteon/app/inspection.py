"""An installation's files, read from outside: beside a running server, or while none runs.

Nothing is written and no lock is taken; the keys come from the key files. What is durable stands in the histories, in
the log, or for a while in both: first is read how far the histories are, then what the log has behind that, then the
histories themselves. So whatever is filed or retired in between, each entry is found once.
"""

import asyncio
import contextlib
import difflib
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw
import msgspec

from osteon.adapters.commitlog import Retired
from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.sqlite import (
    Connections,
    Settings,
    SqliteHistory,
    SqliteViews,
    filed_views,
    read_behind,
    read_standings,
)
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.app.formats import expect_format
from osteon.app.onlooker import Onlooker
from osteon.domain import Product, Row, View
from osteon.engine import tables
from osteon.messages import ACCESS, ENTRY, Catalogue, Entry, MalformedRecord, Position, Record, parted
from osteon.model import HOUSE, Identifier, OsteonError, TenantId, decoder, is_identifier
from osteon.modules import PLATFORM
from osteon.modules.tenancy.registry import TenantRow, registry
from osteon.ports.filing import Progress
from osteon.ports.keyring import KeyMissing, Unreadable
from osteon.ports.views import Standing

__all__ = [
    "Chain",
    "Inspection",
    "NoInstallation",
    "NoSuchTenant",
    "StoppedView",
    "UnreadableEntry",
    "UnreadableFile",
    "known_product",
    "read_key",
    "remember_product",
]

R = TypeVar("R", bound=Row)
T = TypeVar("T")

LOG, TENANTS, KEY, PRODUCT = "log", "tenants", "keys/installation.key", "product"
ATTEMPTS = 10
PAGE = 500
POLL, DOUBT = 0.1, 1.0

PROGRESS = "SELECT kind, part, place FROM progress"
COUNT = "SELECT max(number) FROM journal"
BLOCKS = "SELECT number, stored FROM accesses WHERE number > ? ORDER BY number LIMIT ?"

ENTRIES = decoder(Entry)


class NoInstallation(OsteonError):
    """Raised when a folder holds no installation, or the server that makes one has only begun."""


class NoSuchTenant(OsteonError):
    """Raised when an installation has no tenant of that name or identifier."""


class UnreadableFile(OsteonError):
    """Raised when a tenant's file cannot be read: it is damaged, or encrypted under another key."""


class UnreadableEntry(OsteonError):
    """Raised when a stored record is not the entry that it was."""

    def __init__(self, tenant: str, position: Position) -> None:
        """Tells where it stands."""
        self.tenant, self.position = tenant, position
        where = f"{position.sequence} in partition {position.partition} of '{tenant}'"
        super().__init__(f"Entry {where} is not what was written there. 'osteon journal verify' looks at all of them.")


class StoppedView(OsteonError):
    """Raised when rows are asked for of a view that stopped: no others can be made of its entries."""


class Chain(NamedTuple):
    """What is numbered and chained in itself: the entries of a partition; an access log, whose partition is 0."""

    tenant: TenantId
    kind: int
    partition: int

    @classmethod
    def of(cls, record: Record) -> "Chain":
        """The chain to which a record belongs."""
        return cls(record.tenant, record.kind, record.position.partition)


class Inspection:
    """Reads what an installation holds.

    Attributes:
        tenants: The tenants in the registry, oldest first.
        faults: What could not be read at all; everything else can.
        catalogue: The product's message types; without a product, the platform's own.
        keyring: Opens what is sealed.
    """

    def __init__(self, data: Path, key: bytes | None = None, product: Product | None = None) -> None:
        """Opens the key files; see `open`."""
        self.data = data
        expect_format(data)
        self._disk = SystemDisk(data)
        self.keyring = KeyfileKeyring(self._disk, SystemEntropy(), key or read_key(data))
        if not self.keyring.has(HOUSE):
            raise NoInstallation(f"'{data}' holds no key of 'house': its server has only begun. Try again.")
        self._scheduler = SystemScheduler(lambda _name, _fault: None, 1)
        self._connections = Connections(self._disk, str(data), self.keyring, Settings())
        known = product or Product("platform", PLATFORM)
        self.catalogue: Catalogue = known.catalogue
        self._history = SqliteHistory(self._connections, self.keyring, self._scheduler)
        self._views = SqliteViews(self._connections, tables(known), self._scheduler)
        self._onlooker = Onlooker(self._disk, LOG)
        self._filed: dict[TenantId, Progress] = {}
        self._unfiled: dict[Chain, list[tuple[int, bytes]]] = {}
        self._passed: dict[Chain, int] = {}
        self.tenants: Sequence[TenantRow] = ()
        self.faults: list[OsteonError] = []

    @classmethod
    async def open(cls, data: Path, key: bytes | None = None, product: Product | None = None) -> "Inspection":
        """Looks at the installation in `data`.

        Args:
            data: The data folder.
            key: The installation's key, where it is not in the folder.
            product: Whose views and messages are asked for; without it, only the platform's own are known.

        Raises:
            NoInstallation: There is none.
            OtherFormat: The folder was written in another format.
            Unreadable: The keys are damaged.
        """
        inspection = cls(data, key, product)
        await inspection._look()
        return inspection

    def close(self) -> None:
        """Lets the files go."""
        self._onlooker.close()
        self._connections.close()
        self._scheduler.close()

    def named(self, text: str) -> TenantId:
        """The tenant with that name or identifier.

        Raises:
            NoSuchTenant: There is none.
        """
        for tenant in self.all_tenants():
            if text in (tenant, self.name(tenant)):
                return tenant
        names = [tenant.name for tenant in self.tenants]
        near = difflib.get_close_matches(text, names, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(names)}."
        raise NoSuchTenant(f"There is no tenant '{text}'. {hint}")

    def name(self, tenant: TenantId) -> str:
        """The tenant's name; its identifier where it has none."""
        return next((each.name for each in self.tenants if each.tenant == tenant), tenant)

    def all_tenants(self) -> list[TenantId]:
        """Every tenant of which there is anything, those of the registry first."""
        registered = [each.tenant for each in self.tenants]
        found = {*self._filed, *(chain.tenant for chain in self._unfiled)}
        return [*registered, *sorted(found.difference(registered))]

    def partitions(self, tenant: TenantId) -> list[int]:
        """The partitions in which the tenant has entries."""
        filed = self.filed_to(tenant).sequences
        return sorted({*filed, *(each.partition for each in self._unfiled if each[:2] == (tenant, ENTRY))})

    def filed_to(self, tenant: TenantId) -> Progress:
        """How far the tenant was filed when this was opened."""
        return self._filed.get(tenant, Progress({}, 0))

    def last(self, chain: Chain) -> int:
        """The last number in a chain when this was opened; 0 when it is empty."""
        progress = self.filed_to(chain.tenant)
        filed = progress.sequences.get(chain.partition, 0) if chain.kind == ENTRY else progress.accesses
        unfiled = self._unfiled.get(chain)
        return max(filed, unfiled[-1][0]) if unfiled else filed

    def progress(self, tenant: TenantId) -> Progress:
        """How far the tenant is filed now.

        Raises:
            UnreadableFile: That cannot be read.
        """
        with self._reading(tenant):
            rows = self._query(tenant, PROGRESS)
        sequences = {part: place for kind, part, place in rows if kind == "partition"}
        return Progress(sequences, next((place for kind, _, place in rows if kind == "accesses"), 0))

    async def filed(self, chain: Chain, after: int = 0) -> AsyncIterator[tuple[int, bytes]]:
        """The records of a chain that the history holds now, each with the number under which it stands.

        Raises:
            UnreadableFile: They cannot be read.
        """
        while found := await self._page(chain, after):
            for each in found:
                yield each
            after = found[-1][0]

    def unfiled(self, chain: Chain) -> Sequence[tuple[int, bytes]]:
        """The records of a chain that stood in the log alone when this was opened."""
        return self._unfiled.get(chain, ())

    async def records(self, chain: Chain, after: int = 0) -> AsyncIterator[tuple[int, bytes]]:
        """The records of a chain behind a number, each once, wherever it stands; errors as for `filed`."""
        async for number, stored in self.filed(chain, after):
            after = number
            yield number, stored
        for number, stored in self.unfiled(chain):
            if number > after:
                yield number, stored

    def logged(self) -> Iterator[tuple[Record, bytes]]:
        """Every record in the log now, whether it is filed or not.

        Raises:
            Damaged: The log holds something else than was written.
            MalformedRecord: It holds something else than records.
        """
        # What is retired in between has been filed.
        with contextlib.suppress(Retired, FileNotFoundError):
            yield from Onlooker(self._disk, LOG).every()

    async def entries(self, tenant: TenantId, partition: int, after: int = 0) -> AsyncIterator[Entry]:
        """The entries of a partition behind the sequence `after`, each once, wherever it stands.

        Raises:
            UnreadableEntry: A record was changed.
            UnreadableFile: The tenant's file cannot be read.
        """
        chain = Chain(tenant, ENTRY, partition)
        async for sequence, stored in self.records(chain, after):
            yield self._opened(chain, sequence, stored)

    async def bodies(self, chain: Chain, after: int = 0) -> AsyncIterator[tuple[int, bytes | None]]:
        """What the records of a chain hold, as JSON, each with its number; None where that cannot be told any more.

        Raises:
            UnreadableFile: The tenant's file cannot be read.
        """
        async for sequence, stored in self.records(chain, after):
            try:
                place, sealed = parted(stored)
                body = self.keyring.open(chain.tenant, sealed, place)
            except (KeyMissing, Unreadable, MalformedRecord):
                body = None
            yield sequence, body

    async def entries_of(self, tenant: TenantId, entity: str) -> AsyncIterator[Entry]:
        """The entries of one entity, each once, wherever it stands; errors as for `entries`."""
        after: int | None = 0
        shown = 0
        while after is not None:
            with self._reading(tenant):
                found = await self._history.changes(tenant, entity, after, PAGE)
            for entry in found.entries:
                shown = self._pass(Chain(tenant, ENTRY, entry.position.partition), entry.position.sequence)
                yield entry
            after = found.next
        for chain, unfiled in self._unfiled.items():
            for sequence, stored in unfiled if chain[:2] == (tenant, ENTRY) else ():
                entry = self._opened(chain, sequence, stored)
                if entry.entity == entity and sequence > shown:
                    yield entry

    async def follow(self) -> AsyncIterator[Entry]:
        """The entries of all tenants that become durable from now on; never ends. Errors as for `entries`."""
        while True:
            try:
                found = self._onlooker.arrived(self._is_news)
            except (Retired, FileNotFoundError):
                async for entry in self._missed():
                    yield entry
                continue
            for record, stored in found:
                yield self._followed(Chain.of(record), record.position.sequence, stored)
            if self._onlooker.fault is not None:
                raise self._onlooker.fault
            # A frame that is being written is soon whole; what stays broken waits for the next start of the server.
            await asyncio.sleep(POLL if found or not self._onlooker.stirs() else DOUBT)

    async def rows(self, tenant: TenantId, view: View[R, Any, Any]) -> list[R]:
        """The rows of a view that is known, with what is durable but not filed yet folded in.

        Raises:
            UnreadableFile: They cannot be read.
            StoppedView: The view stopped.
        """
        rows: dict[str, R] = {}
        decode = decoder(view.row).decode
        standing = self._standing(tenant, view.name)
        with self._reading(tenant):
            if standing.fits:
                async for body in self._views.all(tenant, view.name):
                    row = decode(body)
                    rows[getattr(row, view.key)] = row
        if standing.place is not None:
            for event in self._events_behind(tenant, standing.place if standing.fits else 0):
                _fold(view, rows, event)
        for event in self._unfiled_events(tenant):
            _fold(view, rows, event)
        return list(rows.values())

    async def newest(self, tenant: TenantId) -> datetime | None:
        """When the newest of the filed entries was asked for."""
        times: list[datetime] = []
        for partition, sequence in self.filed_to(tenant).sequences.items():
            chain = Chain(tenant, ENTRY, partition)
            found = await self._page(chain, sequence - 1)
            times += [self._opened(chain, number, stored).context.at for number, stored in found[:1]]
        return max(times, default=None)

    def views(self, tenant: TenantId) -> list[Standing]:
        """Where each view of a tenant stands, by name.

        Raises:
            UnreadableFile: That cannot be read.
        """
        with self._reading(tenant):
            return self._lent(tenant, lambda connection: _views(connection, tenant), [])

    def size(self, tenant: TenantId) -> int:
        """The bytes of the tenant's files."""
        return sum(each.stat().st_size for each in (self.data / TENANTS / tenant).glob("*"))

    async def _look(self) -> None:
        for _ in range(ATTEMPTS):
            self.faults.clear()
            self._unfiled.clear()
            self._filed = {tenant: self._progress_or_fault(tenant) for tenant in self._folders()}
            try:
                self._read_log()
                break
            except (Retired, FileNotFoundError):
                # The drain has settled in between; then the histories hold what is gone.
                continue
        else:
            raise NoInstallation(
                f"'{self.data}' has no log, or none that holds still: its server has only begun. Try again."
            )
        try:
            self.tenants = await self.rows(HOUSE, registry)
        except (UnreadableFile, UnreadableEntry) as fault:
            self.faults.append(fault)
        chains = [Chain(each, ENTRY, part) for each in self.all_tenants() for part in self.partitions(each)]
        self._passed = {chain: self.last(chain) for chain in chains}

    def _read_log(self) -> None:
        self._onlooker.close()
        self._onlooker = Onlooker(self._disk, LOG)
        for record, stored in self._onlooker.arrived(self._is_unfiled):
            self._unfiled.setdefault(Chain.of(record), []).append((record.position.sequence, stored))
        if self._onlooker.fault is not None:
            self.faults.append(self._onlooker.fault)

    def _is_unfiled(self, record: Record) -> bool:
        progress, position = self.filed_to(record.tenant), record.position
        filed = progress.sequences.get(position.partition, 0) if record.kind == ENTRY else progress.accesses
        return record.kind in (ENTRY, ACCESS) and position.sequence > filed

    async def _missed(self) -> AsyncIterator[Entry]:
        """Whoever follows was too slow, and the log has gone on without him: the history has it."""
        passed = dict(self._passed)
        await self._look()
        for chain in list(self._passed):
            async for entry in self.entries(chain.tenant, chain.partition, passed.get(chain, 0)):
                yield entry

    def _is_news(self, record: Record) -> bool:
        return record.kind == ENTRY and record.position.sequence > self._passed.get(Chain.of(record), 0)

    def _followed(self, chain: Chain, sequence: int, stored: bytes) -> Entry:
        entry = self._opened(chain, sequence, stored)
        rows = {each.tenant: each for each in self.tenants}
        for event in self._events(entry) if chain.tenant == HOUSE else ():
            _fold(registry, rows, event)
        self.tenants = list(rows.values())
        return entry

    def _opened(self, chain: Chain, sequence: int, stored: bytes) -> Entry:
        self._pass(chain, sequence)
        try:
            record = Record.of(stored)
            return ENTRIES.decode(self.keyring.open(chain.tenant, record.sealed, record.place))
        except (Unreadable, MalformedRecord, msgspec.MsgspecError) as fault:
            raise UnreadableEntry(self.name(chain.tenant), Position(chain.partition, sequence)) from fault

    def _pass(self, chain: Chain, sequence: int) -> int:
        self._passed[chain] = max(sequence, self._passed.get(chain, 0))
        return sequence

    async def _page(self, chain: Chain, after: int) -> list[tuple[int, bytes]]:
        with self._reading(chain.tenant):
            if chain.kind == ACCESS:
                return self._query(chain.tenant, BLOCKS, after, PAGE)
            found = await self._history.scan(chain.tenant, Position(chain.partition, after))
            return [(position.sequence, stored) for position, stored in found]

    def _query(self, tenant: TenantId, query: str, *bindings: int) -> list[Any]:
        return self._lent(tenant, lambda connection: connection.execute(query, bindings).fetchall(), [])

    def _lent(self, tenant: TenantId, work: Callable[[Connection], T], absent: T) -> T:
        connection = self._connections.take(tenant)
        if connection is None:
            return absent
        try:
            return work(connection)
        finally:
            self._connections.give(tenant, connection)

    def _standing(self, tenant: TenantId, view: str) -> Standing:
        """Where a view stands; one that stopped can be read by nobody."""
        following = Standing(tenant=tenant, view=view, entries=0)
        found = next((each for each in self.views(tenant) if each.view == view), following)
        if found.place is not None and found.stop is not None:
            stop = found.stop
            message = (
                f"The view '{view}' of '{self.name(tenant)}' stopped at a '{stop.event}': {stop.reason}. Mend its code."
            )
            raise StoppedView(message)
        return found

    def _events_behind(self, tenant: TenantId, place: int) -> Iterator[Any]:
        """The events of what is filed behind a place, where the journal counts by filing."""
        while stored := self._behind(tenant, place):
            for each in stored:
                record = Record.of(each)
                yield from self._events(self._opened(Chain.of(record), record.position.sequence, each))
            place += len(stored)

    def _behind(self, tenant: TenantId, place: int) -> Sequence[bytes]:
        with self._reading(tenant):
            return self._lent(tenant, lambda connection: read_behind(connection, place, PAGE), [])

    def _unfiled_events(self, tenant: TenantId) -> Iterator[Any]:
        for chain, unfiled in self._unfiled.items():
            for sequence, stored in unfiled if chain[:2] == (tenant, ENTRY) else ():
                yield from self._events(self._opened(chain, sequence, stored))

    def _events(self, entry: Entry) -> Iterator[Any]:
        for event in entry.events:
            known = self.catalogue.get(event.type)
            if known is not None:
                yield known.decoder.decode(event.body)

    def _folders(self) -> list[TenantId]:
        folder = self.data / TENANTS
        return [TenantId(Identifier(each.name)) for each in sorted(folder.glob("*")) if is_identifier(each.name)]

    def _progress_or_fault(self, tenant: TenantId) -> Progress:
        try:
            return self.progress(tenant)
        except (UnreadableFile, KeyMissing, Unreadable) as fault:
            self.faults.append(fault)
            return Progress({}, 0)

    @contextlib.contextmanager
    def _reading(self, tenant: TenantId) -> Generator[None]:
        try:
            yield
        except apsw.Error as fault:
            path = self.data / TENANTS / tenant / "history.db"
            message = f"'{path}', the file of '{self.name(tenant)}', cannot be read: {fault}. Restore it from a backup."
            raise UnreadableFile(message) from fault


def _views(connection: Connection, tenant: TenantId) -> list[Standing]:
    behind = {each.view: each for each in read_standings(connection, tenant)}
    count: int = connection.execute(COUNT).get or 0
    following = {view: Standing(tenant=tenant, view=view, entries=count) for view in filed_views(connection)}
    return [each for _, each in sorted((following | behind).items())]


def known_product(data: Path) -> str | None:
    """The name of the product that was last served from a data folder."""
    try:
        return (data / PRODUCT).read_text().strip()
    except FileNotFoundError:
        return None


def remember_product(data: Path, name: str) -> None:
    """Keeps the name of the product that is served: who inspects the folder need not tell it."""
    (data / PRODUCT).write_text(f"{name}\n")


def read_key(data: Path) -> bytes:
    """The key of the installation in a data folder.

    Raises:
        NoInstallation: The folder holds none.
        Unreadable: The file is damaged.
    """
    if not data.is_dir():
        raise NoInstallation(f"There is no folder '{data}'. Name the data folder of an installation with '--data'.")
    missing = [name for name in (KEY, LOG) if not (data / name).exists()]
    if missing:
        names = " and ".join(f"'{name}'" for name in missing)
        raise NoInstallation(f"'{data}' holds no installation: it has no {names}. Name its data folder with '--data'.")
    # The key is there, so nothing is made.
    return installation_key(SystemDisk(data), SystemEntropy())


def _fold(view: View[R, Any, Any], rows: dict[Any, R], event: Any) -> None:
    """Folds an event into the rows of a view, if it is one that the view follows."""
    if isinstance(event, view.beginning):
        rows[getattr(event, view.key)] = view.begin(event)
    elif isinstance(event, view.evolving) and view.evolve is not None:
        key = getattr(event, view.key)
        row = view.evolve(event, rows[key]) if key in rows else None
        rows.pop(key, None)
        if row is not None:
            rows[key] = row
