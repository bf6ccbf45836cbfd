"""Investigating: what led to an invocation and what followed from it, as a tree, over all tenants that it crossed.

Each entry says which message caused it, and which message began the chain; so one walk through the journals finds the
chain. What time set off has no cause among the messages: it belongs to the event of its saga that said when.
"""

import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from osteon.app.inspection import Chain, Inspection
from osteon.messages import ACCESS, ENTRY, Entry, Recorded
from osteon.model import MessageId, OsteonError, TenantId, decoder, is_identifier, milliseconds
from osteon.ports.access_log import Access

__all__ = ["FoundAccess", "FoundAs", "Happening", "Investigation", "Node", "NotFound", "history_before", "investigate"]

FoundAs = Literal["invocation", "message", "external", "action"]
ORDER: Sequence[FoundAs] = ("invocation", "message", "external", "action")
"""What an identifier is taken for, the most exact first."""

ENTRIES = decoder(Entry)
ACCESSES = decoder(list[Access])
WOKEN = re.compile(r"^(\w+)/woken/(.+)$")
UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
EVERY = 500


class NotFound(OsteonError):
    """Raised when nothing is known of an identifier."""


class _Due(msgspec.Struct):
    """What of a saga's event is of interest here."""

    due: object = None


DUES = msgspec.json.Decoder(_Due)


class Happening(NamedTuple):
    """An event, and the commands that were asked because of it."""

    event: Recorded
    led: "list[Node]"


@dataclass
class Node:
    """A command and all that followed from it.

    Attributes:
        entry: Its entry.
        found: Whether this is what was asked for.
        after: Milliseconds from what caused it to its verdict; None for what nothing in the journal caused.
        timer: Whether time caused it, and an event only said when.
        happened: Its events.
    """

    entry: Entry
    found: bool
    after: int | None = None
    timer: bool = False
    happened: list[Happening] = field(default_factory=list[Happening])


class FoundAccess(NamedTuple):
    """What the access log has: a query, or something that was refused and is in no journal."""

    tenant: TenantId
    access: Access


class Investigation(NamedTuple):
    """What was found.

    Attributes:
        asked: The identifier that was asked for.
        found_as: What it is.
        found: The entries that it names; empty for a query, or what was refused.
        trees: What these belong to, from the beginning.
        accesses: The queries and refusals of the same action.
    """

    asked: str
    found_as: FoundAs
    found: list[Entry]
    trees: list[Node]
    accesses: list[FoundAccess]


async def investigate(
    inspection: Inspection, identifier: str, progress: Callable[[int], None] = lambda _: None
) -> Investigation:
    """What led to an invocation, and what followed from it.

    Args:
        inspection: The installation's files; a server may be running.
        identifier: Of the invocation; or of a message, or what a client called the invocation or the action.
        progress: Told now and then how many records were looked at.

    Raises:
        NotFound: Nothing has that identifier.
    """
    asked = identifier.upper() if is_identifier(identifier.upper()) else identifier
    if not is_identifier(asked) and UUID.fullmatch(asked) is None:
        raise NotFound(
            f"'{identifier}' is no identifier: those have 26 letters and digits, or are UUIDs. "
            "Every reply and every problem names its 'invocation'."
        )
    search = _Search(inspection, progress)
    near = [each async for each in search.entries({asked})]
    found_as, found = _named(near, asked)
    if not found:
        return await _of_access_log(search, asked, near)
    chains = await _chains(search, found, _whole(near, found, asked))
    trees = list(_trees(chains, {each.correlation.id for each in found}))
    accesses = await search.accesses({each.context.trace.action for each in found}, {*_tenants(chains)})
    return Investigation(asked, found_as, found, trees, accesses)


async def history_before(inspection: Inspection, entry: Entry) -> list[Entry]:
    """The entries of the same entity before an entry, oldest first."""
    return [
        each
        async for each in inspection.entries_of(entry.context.tenant, entry.entity)
        if each.entity_type == entry.entity_type and each.position.sequence < entry.position.sequence
    ]


class _Search:
    """Finds records by texts in them: to take each apart first would take ten times as long."""

    def __init__(self, inspection: Inspection, progress: Callable[[int], None]) -> None:
        self._inspection = inspection
        self._progress = progress
        self._count = 0
        self.unreadable = 0
        self.looked_at: dict[int, int] = {ENTRY: 0, ACCESS: 0}

    @property
    def tenants(self) -> list[TenantId]:
        """Every tenant."""
        return self._inspection.all_tenants()

    async def entries(self, texts: Iterable[str]) -> AsyncIterator[Entry]:
        """Every entry with one of the texts in it."""
        for tenant in self.tenants:
            for partition in self._inspection.partitions(tenant):
                async for body in self._with(Chain(tenant, ENTRY, partition), texts):
                    yield ENTRIES.decode(body)

    async def of_entity(self, tenant: TenantId, entity: str) -> list[Entry]:
        """The entries of what has that identifier."""
        return [each async for each in self._inspection.entries_of(tenant, entity)]

    async def accesses(self, texts: Iterable[str], tenants: Iterable[TenantId]) -> list[FoundAccess]:
        """The accesses of an action, or with one of the texts as their invocation or their key."""
        wanted = set(texts)
        found = [
            FoundAccess(tenant, access)
            for tenant in tenants
            async for body in self._with(Chain(tenant, ACCESS, 0), wanted)
            for access in ACCESSES.decode(body)
            if not wanted.isdisjoint(_traced(access))
        ]
        return sorted(found, key=lambda each: each.access.at)

    async def _with(self, chain: Chain, texts: Iterable[str]) -> AsyncIterator[bytes]:
        has = re.compile(b"|".join(re.escape(text.encode()) for text in sorted(texts))).search
        async for _, body in self._inspection.bodies(chain):
            self._count += 1
            self.looked_at[chain.kind] += 1
            self.unreadable += body is None
            if self._count % EVERY == 0:
                self._progress(self._count)
            if body is not None and has(body):
                yield body


def _traced(access: Access) -> tuple[str, str, str]:
    trace = access.context.trace
    return trace.current, trace.external, trace.action


def _named(near: Sequence[Entry], asked: str) -> tuple[FoundAs, list[Entry]]:
    """The entries that the identifier names, and in which sense."""
    for sense in ORDER:
        found = [each for each in near if asked in _names(each, sense)]
        # What one action led to has its identifier too; what the client sent is what led to it.
        first = [each for each in found if each.correlation.parent is None]
        if found:
            return sense, first or found
    return "invocation", []


def _names(entry: Entry, sense: FoundAs) -> Iterable[str]:
    match sense:
        case "invocation":
            return (entry.context.trace.current,)
        case "message":
            return (entry.command.id, *(event.id for event in entry.events))
        case "external":
            return (entry.context.trace.external,)
        case "action":
            return (entry.context.trace.action,)


def _whole(near: Sequence[Entry], found: Sequence[Entry], asked: str) -> dict[MessageId, list[Entry]]:
    """The chains that the first walk has found whole: those that begin with what was asked for."""
    return {
        first.command.id: [each for each in near if each.correlation.originating == first.command.id]
        for first in found
        if first.correlation.parent is None and asked not in {event.id for event in first.events}
    }


async def _of_access_log(search: _Search, asked: str, near: Sequence[Entry]) -> Investigation:
    accesses = await search.accesses({asked}, search.tenants)
    if accesses:
        exact = any(each.access.context.trace.current == asked for each in accesses)
        return Investigation(asked, "invocation" if exact else "action", [], [], accesses)
    looked_at = (
        f"Looked at {search.looked_at[ENTRY]:,} entries and {search.looked_at[ACCESS]:,} blocks of the access log of "
        f"{len(search.tenants):,} tenants, for an invocation, a message, a client's key and an action."
    )
    of_entity = sorted((each for each in near if each.entity == asked), key=lambda each: each.command.id)
    hint = f" There is a {of_entity[0].entity_type}: 'osteon journal show --entity {asked}'." if of_entity else ""
    missing = f" {search.unreadable:,} of them cannot be read." if search.unreadable else ""
    raise NotFound(f"Nothing was found that '{asked}' names. {looked_at}{missing}{hint}")


class _Chains(NamedTuple):
    """Entries by their command's identifier; and for those that time set off, the event that said when."""

    entries: dict[MessageId, Entry]
    timers: dict[MessageId, MessageId]


async def _chains(search: _Search, found: Sequence[Entry], whole: dict[MessageId, list[Entry]]) -> _Chains:
    """Every chain that the found ones are in, or that time set off because of one of those."""
    chains = _Chains({}, {})
    for each in (each for entries in whole.values() for each in entries):
        chains.entries[each.command.id] = each
    known = set(whole)
    wanted = {each.correlation.originating for each in found} - known
    while True:
        if wanted:
            async for entry in search.entries(wanted):
                if entry.correlation.originating in wanted:
                    chains.entries[entry.command.id] = entry
        known |= wanted
        wanted = await _timed(search, chains) - known
        if not wanted:
            return chains


async def _timed(search: _Search, chains: _Chains) -> set[MessageId]:
    """Finds what time set off because of what is known, or what said when; the chains that come with it."""
    places = {
        (entry.context.tenant, entry.entity_type, entry.entity)
        for entry in chains.entries.values()
        if WOKEN.match(entry.key) or any(_due(event) for event in entry.events)
    }
    wanted: set[MessageId] = set()
    for tenant, saga, about in places:
        said: dict[str, tuple[Entry, MessageId]] = {}
        for entry in await search.of_entity(tenant, about):
            if entry.entity_type != saga:
                continue
            woken = WOKEN.match(entry.key)
            cause = said.get(_instant(woken[2])) if woken else None
            if cause is not None and (cause[0].command.id in chains.entries or entry.command.id in chains.entries):
                chains.timers[entry.command.id] = cause[1]
                wanted |= {entry.correlation.originating, cause[0].correlation.originating}
                chains.entries.setdefault(entry.command.id, entry)
                chains.entries.setdefault(cause[0].command.id, cause[0])
            for event in entry.events:
                due = _due(event)
                if due:
                    said[_instant(due)] = (entry, event.id)
    return wanted


def _due(event: Recorded) -> str | None:
    """When the saga wants to be woken, if the event is one of a saga."""
    if b'"due":"' not in bytes(event.body):
        return None
    due = DUES.decode(event.body).due
    return due if isinstance(due, str) else None


def _instant(text: str) -> str:
    """A time as text, in one of its forms."""
    return text.replace("Z", "+00:00")


def _trees(chains: _Chains, found: set[MessageId]) -> Iterator[Node]:
    """The entries as trees; each hangs on the event that caused it, those of time beside each other."""
    entries = sorted(chains.entries.values(), key=lambda entry: entry.command.id)
    nodes = {entry.command.id: Node(entry, entry.command.id in found) for entry in entries}
    happened: dict[MessageId, tuple[Happening, Node]] = {}
    for node in nodes.values():
        for event in node.entry.events:
            node.happened.append(Happening(event, []))
            happened[event.id] = (node.happened[-1], node)
    for node in nodes.values():
        identifier = node.entry.command.id
        cause = chains.timers.get(identifier, node.entry.correlation.parent)
        while cause is not None and cause in happened:
            happening, before = happened[cause]
            if not (identifier in chains.timers and before.entry.command.id in chains.timers):
                break
            # One waking after the other: beside it, or a reminder of years would be too deep to be read.
            cause = chains.timers[before.entry.command.id]
        if cause is None or cause not in happened:
            yield node
            continue
        happening, before = happened[cause]
        node.timer = identifier in chains.timers
        node.after = milliseconds(identifier) - milliseconds(before.entry.command.id)
        happening.led.append(node)


def _tenants(chains: _Chains) -> Iterator[TenantId]:
    return (entry.context.tenant for entry in chains.entries.values())
