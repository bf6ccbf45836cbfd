"""The embedded profile: one server process and its drain, everything in one data folder, nothing to install but the package."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from osteon.adapters.argon2.passwords import Argon2Passwords
from osteon.adapters.commitlog import CommitLog, UpkeepFailed, known_place
from osteon.adapters.commitlog.journal import LogJournal
from osteon.adapters.jose.tokens import JoseTokens
from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.memory.replies import MemoryReplies
from osteon.adapters.rego.policies import RegoPolicies
from osteon.adapters.sqlite import (
    Connections,
    Settings,
    SqliteAccessLog,
    SqliteHistory,
    SqliteSnapshots,
    SqliteViews,
)
from osteon.adapters.system.clock import SystemClock
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.adapters.system.scheduler import SystemScheduler
from osteon.adapters.useragent.agents import UaParserAgents
from osteon.app.drain_child import Child
from osteon.app.drain_process import DrainProcess, NotDrained
from osteon.app.formats import begin_format
from osteon.app.heads import Heads
from osteon.app.maintenance import Maintenance
from osteon.app.pages import Pages
from osteon.app.products import load_product
from osteon.app.wiring import report_policy_fault, rulebook
from osteon.engine import Engine, Ports, tables
from osteon.gateway import Gateway
from osteon.model import HOUSE
from osteon.ports.scheduler import Lane

__all__ = ["HEADS_EVERY", "Embedded", "NotDrained"]

_LOG = "log"
_THREADS = 4
_QUIET = 1.0
HEADS_EVERY = 3600.0


class Embedded(NamedTuple):
    """A running installation."""

    engine: Engine
    gateway: Gateway
    log: CommitLog
    drain: DrainProcess
    maintenance: Maintenance
    scheduler: SystemScheduler
    connections: Connections

    @classmethod
    async def start(
        cls,
        product_name: str,
        data: Path,
        domain: str,
        failed: Callable[[str, BaseException], None],
        forked: Child | None = None,
        heads_every: float = HEADS_EVERY,
    ) -> "Embedded":
        """Recovers what is in the data folder, drains it, and runs the product on it.

        Args:
            product_name: The product, as `package.module:attribute`.
            data: The data folder, made where it is missing.
            domain: Tenants are subdomains of it.
            failed: Told when something in the background fails that must not: the process is to end.
            forked: A drain that waits to be told what to do; without one, it is started anew.
            heads_every: The seconds between two signed heads of a tenant's journal.

        Raises:
            Locked: Another process serves this folder.
            Damaged: The log holds something else than was written.
            OtherFormat: The data folder was written in another format.
            NotDrained: The drain cannot bring history and views up to date.
        """
        product = load_product(product_name)
        os.makedirs(data, mode=0o700, exist_ok=True)
        begin_format(data)
        disk, entropy, clock = SystemDisk(data), SystemEntropy(), SystemClock()
        scheduler = SystemScheduler(failed, _THREADS)
        log = CommitLog.recover(disk, _LOG, known=known_place(disk, _LOG))
        if log.recovery.torn is not None:
            # A kill tears a frame before anybody is told of it. A disk may break one afterwards: so somebody is to know.
            torn = msgspec.structs.asdict(log.recovery.torn)
            structlog.get_logger("osteon.log").warning("a broken last frame is dropped", **torn)
        installation = installation_key(disk, entropy)
        keyring = KeyfileKeyring(disk, entropy, installation)
        keyring.create(HOUSE)
        connections = Connections(disk, str(data), keyring, Settings())
        history = SqliteHistory(connections, keyring, scheduler)
        access_log = SqliteAccessLog(connections, keyring, scheduler)
        journal = LogJournal(
            log,
            disk,
            _LOG,
            keyring,
            scheduler.lane("journal"),
            lambda tenant: (history.heads(tenant), access_log.head(tenant)),
        )
        upkeep = scheduler.lane("upkeep")
        drain = DrainProcess(
            product_name,
            str(data),
            installation,
            clock,
            scheduler,
            durable=lambda: log.place,
            retire=lambda segment: upkeep.run(lambda: journal.retire(segment)),
            forked=forked,
        )
        drain.start()
        try:
            await drain.come_through(log.place.frame)
        except BaseException:
            await drain.close(at_once=True)
            raise
        ports = Ports(
            journal=journal,
            history=history,
            snapshots=SqliteSnapshots(connections),
            views=SqliteViews(connections, tables(product), scheduler),
            access_log=access_log,
            drain=drain,
            replies=MemoryReplies(),
            passwords=Argon2Passwords(scheduler, entropy, keyring.derive(HOUSE, "pepper")),
            tokens=JoseTokens(keyring),
            keyring=keyring,
            clock=clock,
            entropy=entropy,
            scheduler=scheduler,
        )
        engine = Engine(product, ports)
        maintenance = Maintenance(product, drain, clock, scheduler)
        engine.batches.follow_with(maintenance)
        await engine.start()
        policies = RegoPolicies(rulebook(product), report_policy_fault)
        agents = UaParserAgents()
        gateway = Gateway(engine, policies, agents, Pages(engine, domain), domain)
        scheduler.spawn(_upkeep(upkeep, journal, agents), "upkeep")
        heads = Heads(history, access_log, keyring, disk, clock, scheduler)
        scheduler.spawn(heads.run(connections.tenants, heads_every), "heads")
        return cls(engine, gateway, log, drain, maintenance, scheduler, connections)

    async def close(self) -> None:
        """Ends in order: what was acknowledged is durable already."""
        await self.drain.close()
        self.scheduler.close()
        self.connections.close()
        self.log.close()


async def _upkeep(lane: Lane, journal: LogJournal, agents: UaParserAgents) -> None:
    """Does beside the loop what would hold it up later: keeps a spare segment ready, reads the rules for browsers."""
    # The start and the first commands go first: all of this takes longer than they do.
    await asyncio.sleep(_QUIET)
    await _prepare(lane, journal)
    await lane.run(agents.load)
    while True:
        await asyncio.sleep(1.0)
        await _prepare(lane, journal)


async def _prepare(lane: Lane, journal: LogJournal) -> None:
    try:
        await lane.run(journal.prepare)
    except UpkeepFailed as failure:
        # Commands go on in the segment that there is; their callers are told when that is full.
        structlog.get_logger("osteon.log").warning("no spare segment could be made", reason=str(failure))
