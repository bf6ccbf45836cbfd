"""The properties, and how each is looked at. Nothing here is taken from the engine but what it left on the disk.

durable-before-reply    a reply leaves only once its entry is on the platter
exactly-once            an acknowledged command has one entry, and no key has two
same-verdict            a retry is told what was recorded
order                   an entity's answers follow from one another; what was answered first stands first
read-your-writes        a query behind a command shows it
index                   what is decided by is up to date when a reply leaves
view                    rows are the fold of the entries that are filed with them
journal                 sequences have no gap, hashes chain, history and log hold the same bytes
reactions               what had to follow an event was asked once
sagas                   a saga hears each event once, in order, asks each thing once, and ends
timers                  a time comes once, and not before it is there
rebuilt                 once everything follows, rows are those of the code of now
backup                  a backup is what was there at a moment, and goes on from there
whole                   the disk is never found damaged by what a crash leaves
damage                  what was damaged is refused loudly
no-fault                nothing fails but by the faults that were planned
finishes                once faults stop, everything ends
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from osteon.ports.inbox import Reply
from tests.simulation.clients import Acknowledged, Seen
from tests.simulation.disk import Platter
from tests.simulation.product import BIG, entity_of
from tests.simulation.raw import Durable, RawEntry, RawHistory, RawRecord, keyring_on, read_frames
from tests.simulation.sagas import check_saga_rows, check_sagas
from tests.simulation.world import World

__all__ = ["PROPERTIES", "Findings", "Oracle", "check_backup", "check_everything"]

PROPERTIES = tuple(re.findall(r"^([a-z-]+) {2,}", __doc__ or "", re.MULTILINE))

Standings = list[tuple[int, int]]
"""What a counter stood at, from its opening on."""


class Oracle:
    """Sees every reply when it leaves, and looks for its entry on the platter."""

    def __init__(self, world: World, platter: Platter) -> None:
        """Looks at `platter`."""
        self._world = world
        self._durable = Durable(platter)

    def look(self) -> None:
        """Remembers what is on the platter now: it may be given up, and answered again later."""
        self._durable.look()

    def replied(self, reply: Reply) -> None:
        """A reply leaves."""
        if reply.position is None or reply.verdict == "faulted":
            return
        if not self._durable.has(reply.invocation, reply.position):
            self._world.breaks("durable-before-reply", f"{reply.position} was answered, and is not on the platter")


class Findings:
    """What is left on the disk at the end: the log's records and each tenant's file."""

    def __init__(self, platter: Platter, histories: dict[str, RawHistory]) -> None:
        """Reads the log; the files of the tenants were read before."""
        self.histories = histories
        names = sorted(name for name in platter.durable_names if name.startswith("log/segment-"))
        frames = [frame for name in names for frame in read_frames(platter.durable_names[name].durable)]
        self.logged = [RawRecord.of(stored) for frame in frames for stored in frame.records]
        self.keyring = keyring_on(platter)
        self.broken: list[tuple[str, str]] = []
        self.entries = self._entries()

    def _entries(self) -> dict[str, list[tuple[RawRecord, RawEntry]]]:
        """The journal of each tenant: what is filed, and what is only in the log; by partition and sequence."""
        found: dict[tuple[str, int, int], RawRecord] = {}
        filed = (record for history in self.histories.values() for record in history.records)
        for record in (*filed, *(each for each in self.logged if each.kind == 1)):
            place = (record.tenant, record.partition, record.sequence)
            known = found.setdefault(place, record)
            if known.stored != record.stored:
                self.broken.append(("journal", f"{place} holds one thing in the log, and another one elsewhere"))
        entries: dict[str, list[tuple[RawRecord, RawEntry]]] = {}
        for _, record in sorted(found.items()):
            entries.setdefault(record.tenant, []).append((record, record.opened(self.keyring)))
        return entries


def check_everything(
    world: World, findings: Findings, acknowledged: Sequence[Acknowledged], seen: Sequence[Seen]
) -> int:
    """Looks at every property that shows at the end; how many entries there are."""
    for rule, reason in findings.broken:
        world.breaks(rule, reason)
    for tenant, entries in findings.entries.items():
        records = [record for record, _ in entries]
        _check_chains(world, records)
        _check_keys(world, entries)
        standings = _fold(world, entries)
        _check_reactions(world, entries)
        check_sagas(world, entries, _filed(findings.histories.get(tenant)))
        mine = [each for each in acknowledged if each.arrival.tenant == tenant]
        _check_acknowledged(world, entries, mine)
        _check_seen(world, standings, [each for each in seen if each.tenant == tenant])
        if tenant in findings.histories:
            _check_history(world, findings.histories[tenant], entries)
    told = {each.arrival.tenant for each in acknowledged}
    for tenant in sorted(told - set(findings.entries)):
        world.breaks("exactly-once", f"nothing is left of {tenant}")
    return sum(map(len, findings.entries.values()))


def check_backup(world: World, copy: Findings, findings: Findings) -> None:
    """Looks whether a backup is a beginning of what is there now, without a gap."""
    for rule, reason in copy.broken:
        world.breaks("backup", f"{rule}: {reason}")
    for tenant, entries in copy.entries.items():
        now = {(record.partition, record.sequence): record.stored for record, _ in findings.entries.get(tenant, ())}
        follows: dict[int, int] = {}
        for record, _ in entries:
            expected = follows.get(record.partition, 0) + 1
            if record.sequence != expected:
                world.breaks("backup", f"entry {record.sequence} follows {expected - 1} in the backup of {tenant}")
            if now.get((record.partition, record.sequence)) != record.stored:
                world.breaks("backup", f"the backup of {tenant} has another entry at {record.token}")
            follows[record.partition] = record.sequence


def _check_chains(world: World, records: Iterable[RawRecord]) -> None:
    last: dict[int, RawRecord] = {}
    for record in records:
        before = last.get(record.partition)
        sequence, hash = (before.sequence, before.hash) if before else (0, bytes(32))
        if record.sequence != sequence + 1:
            world.breaks("journal", f"entry {record.sequence} of partition {record.partition} follows {sequence}")
        elif record.previous != hash:
            world.breaks("journal", f"entry {record.sequence} of partition {record.partition} does not chain")
        last[record.partition] = record


def _check_keys(world: World, entries: Iterable[tuple[RawRecord, RawEntry]]) -> None:
    used: dict[tuple[str, str], RawRecord] = {}
    for record, entry in entries:
        if entry.verdict == "faulted":
            world.hit("fault recorded")
            continue
        first = used.setdefault((entry.entity, entry.key), record)
        if first is not record:
            world.breaks("exactly-once", f"{entry.key} was decided at {first.token} and at {record.token}")


def _fold(world: World, entries: Iterable[tuple[RawRecord, RawEntry]]) -> dict[str, Standings]:
    """What each counter stood at, one time after another; its answers must say the same."""
    standings: dict[str, Standings] = {}
    for record, entry in entries:
        for event in entry.events:
            if event.type == "counter-opened":
                if entry.entity in standings:
                    world.breaks("order", f"{entry.entity} was opened again at {record.token}")
                standings[entry.entity] = [(0, 0)]
            elif event.type in ("counter-raised", "parcel-taken"):
                stood = standings.setdefault(entry.entity, [(0, 0)])
                times, total = stood[-1]
                stood.append((times + 1, total + event.body["amount"]))
                answer = msgspec.json.decode(entry.answer)
                if (answer["times"], answer["total"]) != stood[-1]:
                    world.breaks("order", f"{record.token} was answered {answer}, and comes to {stood[-1]}")
    return standings


def _check_reactions(world: World, entries: Sequence[tuple[RawRecord, RawEntry]]) -> None:
    asked: dict[str, int] = {}
    for _, entry in entries:
        if entry.key.startswith("count-big-steps/") and entry.verdict != "faulted":
            cause = entry.key.rpartition("/")[2]
            asked[cause] = asked.get(cause, 0) + 1
    for record, entry in entries:
        for event in entry.events:
            if event.type == "counter-raised" and event.body["amount"] >= BIG:
                world.hit("reaction")
                times = asked.pop(event.id, 0)
                if times != 1:
                    world.breaks("reactions", f"the big step at {record.token} was counted {times} times")
    if asked:
        world.breaks("reactions", f"steps were counted that were not made: {sorted(asked)}")


def _check_acknowledged(
    world: World, entries: Iterable[tuple[RawRecord, RawEntry]], acknowledged: Sequence[Acknowledged]
) -> None:
    by_key = {(entry.entity, entry.key): (record, entry) for record, entry in entries if entry.verdict != "faulted"}
    for each in acknowledged:
        entity = entity_of(each.arrival.command)
        found = by_key.get((entity, f"{each.arrival.account}/{each.arrival.key}"))
        if found is None:
            world.breaks("exactly-once", f"{each.arrival.key}, acknowledged at {each.position}, is lost")
            continue
        record, entry = found
        told = (each.verdict, each.answer, each.invocation, each.position)
        if told != (entry.verdict, bytes(entry.answer), entry.invocation, record.token):
            world.breaks("same-verdict", f"{each.arrival.key} was told {told}, and {record.token} holds something else")
    for before in acknowledged:
        for after in acknowledged:
            late = before.ended < after.begun and before.position > after.position
            if late and entity_of(before.arrival.command) == entity_of(after.arrival.command):
                world.breaks("order", f"{before.arrival.key} was answered before {after.arrival.key} was asked")


def _check_seen(world: World, standings: dict[str, Standings], seen: Iterable[Seen]) -> None:
    for each in seen:
        stood = standings.get(each.counter, [])
        if each.times >= len(stood) or stood[each.times] != (each.times, each.total):
            world.breaks("view", f"{each.counter} was shown at {each.times}, {each.total}, and never stood there")
        behind = each.behind
        if behind is not None and behind.verdict == "accepted" and b"times" in behind.answer:
            least = msgspec.json.decode(behind.answer)["times"]
            if each.times < least:
                world.breaks("read-your-writes", f"{each.counter} was shown at {each.times} behind {least}")


def _check_history(world: World, history: RawHistory, entries: Sequence[tuple[RawRecord, RawEntry]]) -> None:
    filed: dict[int, int] = {}
    for record in history.records:
        filed[record.partition] = max(record.sequence, filed.get(record.partition, 0))
    if filed != history.progress:
        world.breaks("view", f"the history says it is at {history.progress}, and holds {filed}")
    here = [(record, entry) for record, entry in entries if record.sequence <= filed.get(record.partition, 0)]
    folded = {counter: stood[-1] for counter, stood in _fold(world, here).items()}
    for view in ("counter", "tally"):
        shown = {counter: (row["times"], row["total"]) for counter, row in history.rows.get(view, {}).items()}
        if folded != shown and view not in history.behind:
            world.breaks("view", f"the rows are {shown}, and the entries filed with them come to {folded}")
    check_saga_rows(world, here, history)
    numbers = [record.sequence for record in history.accesses]
    if numbers != sorted(set(numbers)):
        world.breaks("journal", f"blocks of the access log are filed as {numbers}")


def _filed(history: RawHistory | None) -> dict[str, int]:
    """Where an entry stands among all of its tenant that are filed."""
    return {record.token: number for number, record in enumerate(history.records if history else ())}
