"""`osteon journal`: shows, follows and verifies what was recorded, from the files."""

import argparse
import heapq
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from osteon.app.findings import Finding
from osteon.app.head_checks import HeadChecks
from osteon.app.inspection import Chain, Inspection, known_product
from osteon.app.products import NoSuchProduct, load_product
from osteon.app.verification import Verification
from osteon.cli import heads
from osteon.cli.inspecting import complain, inspecting
from osteon.cli.lines import Lines
from osteon.cli.parts import add_part, chosen_tenants
from osteon.cli.terminal import Progress, coloured
from osteon.messages import ENTRY, Catalogue, Entry
from osteon.messages.heads import SignedHead
from osteon.model import OsteonError, TenantId, is_identifier, record_json

__all__ = ["add_to"]

SHOW = """examples:
  osteon journal show --tenant acme --limit 20     the newest twenty entries of a tenant
  osteon journal show --entity 01J...              the life of one entity
  osteon journal show --json | jq .command.type    one object a line

Entries come tenant by tenant, each tenant's by time; with --limit all together by time. What is sealed or
personal is masked; whoever can read the key files can see it with --reveal.
"""
FOLLOW = """examples:
  osteon journal follow --limit 0                  only what comes from now on
  osteon journal follow --tenant acme --limit 10   the newest ten entries first

Entries are shown once they are durable. End it with Ctrl-C.
"""
VERIFY = """examples:
  osteon journal verify                            everything; ends with 1 when something is wrong
  osteon journal verify --tenant acme --json       one tenant, as one object
  osteon journal verify --heads heads.json         nothing changed since those heads were written

Walks every partition, and the access log, over the history and the log: numbers without a gap, records that open
for the place where they stand, hashes that fit. A tail that was cut off, or a chain that was made anew, is seen
with heads that left this machine before: --heads. They are checked with the key files here, or with --key.
"""


def add_to(commands: Any) -> None:
    """Adds the commands to a parser."""
    journal: argparse.ArgumentParser = commands.add_parser("journal", help="show, follow or verify what was recorded")
    parts = journal.add_subparsers(dest="part", required=True, metavar="part")
    show = add_part(parts, "show", "show entries", SHOW)
    follow = add_part(parts, "follow", "show entries, then others as they become durable", FOLLOW)
    for parser in (show, follow):
        parser.add_argument("--entity", metavar="ID", help="only the entries of this entity")
        parser.add_argument("--partition", type=int, metavar="N", help="only those of this partition")
        parser.add_argument("--limit", type=int, metavar="N", help="only the newest N")
        parser.add_argument("--reveal", action="store_true", help="mask nothing")
        parser.add_argument("--product", metavar="NAME", help="the product (default: the one that was last served)")
    verify = add_part(parts, "verify", "find changed, moved and missing entries", VERIFY)
    show.set_defaults(run=inspecting(_show))
    follow.set_defaults(run=inspecting(_follow))
    verify.add_argument("--heads", type=Path, metavar="FILE", help="signed heads that were kept elsewhere; - for input")
    verify.add_argument("--key", type=Path, metavar="FILE", help="the public key that must have signed the heads")
    verify.set_defaults(run=inspecting(_verify))
    heads.add_to(parts)


async def _show(inspection: Inspection, options: argparse.Namespace) -> int:
    lines = Lines(_catalogue(inspection, options), reveal=options.reveal)
    async for entry in _chosen(inspection, options):
        _print(inspection, options, lines, entry)
    if lines.unknown and options.json:
        complain(
            f"Masked as a whole, as the product is not known: {', '.join(sorted(lines.unknown))}. See '--product'."
        )
    return 0


async def _follow(inspection: Inspection, options: argparse.Namespace) -> int:
    lines = Lines(_catalogue(inspection, options), reveal=options.reveal)
    tenants = chosen_tenants(inspection, options) if options.tenant else None
    async for entry in _chosen(inspection, options):
        _print(inspection, options, lines, entry)
    async for entry in inspection.follow():
        if (tenants is None or entry.context.tenant in tenants) and _matches(entry, options):
            _print(inspection, options, lines, entry)
    return 0


async def _verify(inspection: Inspection, options: argparse.Namespace) -> int:
    began = time.monotonic()
    kept = heads.heads_in(options.heads) if options.heads else []
    tenants = _of_heads(inspection, options, kept)
    progress = Progress("records looked at")
    checks = HeadChecks(kept, heads.key_in(options.key) if options.key else None)
    verification = Verification(inspection, progress, checks)
    findings: list[Finding] = []
    async for finding in verification.findings(tenants):
        findings.append(finding)
        if not options.json:
            progress.end()
            print(_described(finding))
    progress.end()
    seconds = time.monotonic() - began
    counts = {
        "tenants": len(tenants),
        "entries": verification.entries,
        "accessBlocks": verification.accesses,
        "heads": len(kept),
    }
    if options.json:
        whole = {"whole": not findings, **counts, "chains": verification.chains, "seconds": round(seconds, 3)}
        print(record_json({**whole, "findings": findings}).decode())
    else:
        print(_summary(verification, len(tenants), len(kept), len(findings), seconds))
    return 1 if findings else 0


def _of_heads(inspection: Inspection, options: argparse.Namespace, kept: Sequence[SignedHead]) -> list[TenantId]:
    """The tenants that are asked for; those too of which there is a head and a key, and nothing else any more."""
    tenants = chosen_tenants(inspection, options)
    if options.tenant:
        return tenants
    named = {signed.head.tenant: None for signed in kept}
    return [*tenants, *(each for each in named if each not in tenants and inspection.keyring.has(each))]


async def _chosen(inspection: Inspection, options: argparse.Namespace) -> AsyncIterator[Entry]:
    """The entries that the options ask for."""
    if options.entity is not None and not is_identifier(options.entity):
        raise OsteonError(f"'{options.entity}' is not the identifier of an entity; those have 26 letters and digits.")
    tenants = chosen_tenants(inspection, options)
    if options.limit is None:
        for tenant in tenants:
            async for entry in _by_time(_sources(inspection, options, tenant)):
                yield entry
        return
    newest: list[Entry] = []
    for tenant in tenants:
        for source in _sources(inspection, options, tenant):
            newest += [entry async for entry in source]
        newest = heapq.nlargest(options.limit, newest, key=_when)
    for entry in reversed(newest):
        yield entry


async def _by_time(sources: Sequence[AsyncIterator[Entry]]) -> AsyncIterator[Entry]:
    """Merges what is in order within each source."""
    first = [await anext(source, None) for source in sources]
    heap = [(_when(entry), at, entry) for at, entry in enumerate(first) if entry is not None]
    heapq.heapify(heap)
    while heap:
        _, at, entry = heap[0]
        yield entry
        following = await anext(sources[at], None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (_when(following), at, following))


def _sources(inspection: Inspection, options: argparse.Namespace, tenant: TenantId) -> list[AsyncIterator[Entry]]:
    """The entries of a tenant, each source in the order of its partition."""
    if options.entity is not None:
        return [_only(inspection.entries_of(tenant, options.entity), options)]
    partitions = inspection.partitions(tenant)
    chosen = [each for each in partitions if options.partition in (None, each)]
    return [inspection.entries(tenant, each, _after(inspection, options, tenant, each)) for each in chosen]


async def _only(entries: AsyncIterator[Entry], options: argparse.Namespace) -> AsyncIterator[Entry]:
    async for entry in entries:
        if _matches(entry, options):
            yield entry


def _matches(entry: Entry, options: argparse.Namespace) -> bool:
    return options.partition in (None, entry.position.partition) and options.entity in (None, entry.entity)


def _after(inspection: Inspection, options: argparse.Namespace, tenant: TenantId, partition: int) -> int:
    """The sequence behind which a partition is of interest."""
    limit: int | None = options.limit
    return 0 if limit is None else max(0, inspection.last(Chain(tenant, ENTRY, partition)) - limit)


def _when(entry: Entry) -> str:
    """Identifiers are made in the order of time."""
    return entry.command.id


def _catalogue(inspection: Inspection, options: argparse.Namespace) -> Catalogue:
    """The message types by which it is known what is sensitive."""
    if options.product:
        return load_product(options.product).catalogue
    name = known_product(options.data)
    if name is None or options.reveal or not options.json:
        return inspection.catalogue
    try:
        return load_product(name).catalogue
    except NoSuchProduct as fault:
        complain(f"{fault} Only the platform's own messages are known.")
        return inspection.catalogue


def _print(inspection: Inspection, options: argparse.Namespace, lines: Lines, entry: Entry) -> None:
    write = lines.json if options.json else lines.text
    print(write(inspection.name(entry.context.tenant), entry), flush=options.part == "follow")


def _described(finding: Finding) -> str:
    where = [f"tenant '{finding.tenant}'"] if finding.tenant else ["the log"]
    if finding.partition is not None:
        where.append(f"partition {finding.partition}")
    elif finding.sequence is not None:
        where.append("access log")
    if finding.sequence is not None:
        where.append(f"sequence {finding.sequence}")
    what = coloured(f"{finding.what:<10}", "red")
    return f"{what}  {', '.join(where)}: expected {finding.expected}; found {finding.found}"


def _summary(verification: Verification, tenants: int, heads: int, findings: int, seconds: float) -> str:
    seen = f"{verification.entries:,} entries and {verification.accesses:,} blocks of the access log"
    where = f"in {verification.chains:,} chains of {tenants:,} tenants, {seconds:.1f} s"
    where = f"{where}, against {heads:,} heads" if heads else where
    verdict = coloured(f"{findings:,} findings", "red") if findings else coloured("nothing is wrong", "green")
    return f"{seen} {where}: {verdict}."
