"""Commands straight to an engine, as the gateway would send them; a journal that can be held up; what was recorded."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from osteon.adapters.memory.journal import MemoryJournal
from osteon.app.inprocess import InProcess, Storage
from osteon.domain.testing import context
from osteon.engine import Engine
from osteon.messages import ENTRY, Command, Entry, Record
from osteon.model import HOUSE, Identifier, InvocationId, ScopeId, TenantId, decoder, named, replace
from osteon.ports.inbox import Delivery, Reply
from osteon.ports.journal import AppendFailed, Draft, Journal

__all__ = ["HeldUp", "Sender", "entries", "total_of", "until"]

ENTRIES = decoder(Entry)


class Sender:
    """An account that sends commands into the root of `house`."""

    def __init__(self, engine: Engine, account: str = "someone") -> None:
        """Sends to `engine`."""
        self._engine = engine
        self._account = account

    def send(
        self,
        command: Command[Any],
        key: str | None = None,
        *,
        scope: ScopeId | None = None,
        fingerprint: str | None = None,
        lifetime: int = 30_000,
    ) -> asyncio.Task[Reply]:
        """Sends at once; the reply comes when it comes.

        Args:
            command: What is asked.
            key: The external invocation ID; a new one without.
            scope: Where; in the root without one.
            fingerprint: What tells payloads apart; the command itself unless given.
            lifetime: Milliseconds until it expires.
        """
        current: InvocationId = self._engine.identifiers.next()
        clock, replies = self._engine.ports.clock, self._engine.ports.replies
        root = ScopeId(named(HOUSE, HOUSE, "root"))
        made = context(tenant=HOUSE, scope=(root,) if scope is None else (root, scope), at=clock.now())
        decider = self._engine.product.deciders[type(command)]
        delivery = Delivery(
            context=replace(made, trace=replace(made.trace, current=current, originating=current)),
            command=command,
            entity=getattr(command, decider.entity),
            key=f"{self._account}/{key or self._engine.identifiers.next()}",
            fingerprint=fingerprint or repr(command),
            expires=clock.milliseconds() + lifetime,
        )
        expected = replies.expect(current)
        self._engine.inbox.put(delivery)
        return asyncio.ensure_future(_await(expected))

    async def ask(self, command: Command[Any], key: str | None = None) -> Reply:
        """Sends and awaits the reply."""
        return await self.send(command, key)


class HeldUp:
    """A journal that waits, fails, or stops for good when it is told to."""

    def __init__(self, journal: Journal) -> None:
        """Hands on to `journal`."""
        self._journal = journal
        self.open = asyncio.Event()
        self.open.set()
        self.failures = 0
        self.batches_left: int | None = None
        self.waiting = 0

    @classmethod
    def on(cls, storage: Storage) -> "HeldUp":
        """Before the journal of a storage."""
        return cls(MemoryJournal(storage.tape, storage.keyring))

    async def take_over(self, tenant: TenantId) -> Mapping[int, int]:
        """See `Journal`."""
        return await self._journal.take_over(tenant)

    async def accesses(self, tenant: TenantId) -> int:
        """See `Journal`."""
        return await self._journal.accesses(tenant)

    def unsettled(self) -> Sequence[tuple[int, Sequence[Draft]]]:
        """See `Journal`."""
        return self._journal.unsettled()

    async def append(self, batch: Sequence[Draft]) -> int:
        """Waits until it is open, then fails, stops, or records."""
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        if self.failures:
            self.failures -= 1
            raise AppendFailed("the disk is full")
        if self.batches_left is not None:
            if not self.batches_left:
                await asyncio.Event().wait()
            self.batches_left -= 1
        return await self._journal.append(batch)


def entries(storage: Storage, entity: Identifier | None = None) -> list[Entry]:
    """Every entry on the tape of `storage`, or those of one entity, in the order in which they became durable."""
    found = (ENTRIES.decode(storage.keyring.open(each.tenant, each.sealed, each.place)) for each in _records(storage))
    return [entry for entry in found if entity is None or entry.entity == entity]


def total_of(installation: InProcess, counter: Identifier) -> int:
    """What a counter stands at, by the test's own reading of the tape."""
    amounts = (
        decoder(dict[str, Any]).decode(event.body).get("amount", 0)
        for entry in entries(installation.storage, counter)
        for event in entry.events
    )
    return sum(amounts)


async def until(condition: Callable[[], bool]) -> None:
    """Lets everything else go on until `condition` holds."""
    async with asyncio.timeout(30):
        while not condition():  # there is no event for what a test wants to see
            await asyncio.sleep(0)


def _records(storage: Storage) -> Iterator[Record]:
    for _, batch in storage.tape.since(0):
        yield from (record for record in map(Record.of, batch) if record.kind == ENTRY)


async def _await(expected: Any) -> Reply:
    reply: Reply = await expected
    return reply
