"""`osteon journal heads`, `key`, `prove` and `check-proof`: what others need to check a journal, and how they do."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from osteon.adapters.ed25519 import HeadSigner, PublicKey
from osteon.adapters.system.disk import SystemDisk
from osteon.app.heads import HeadFile, head_of_files
from osteon.app.inspection import Inspection
from osteon.app.proving import NotProvable, find_entry, prove_growth, prove_inclusion
from osteon.cli.inspecting import inspecting
from osteon.cli.parts import add_part, bare_part, chosen_tenants
from osteon.cli.terminal import coloured, table, time
from osteon.messages.heads import SignedHead, read_heads
from osteon.messages.proofs import GrowthProof, Proof, flaws, read_proof
from osteon.model import OsteonError, TenantId, record_json

__all__ = ["add_to", "heads_in", "key_in"]

HEADS = """examples:
  osteon journal heads                               the newest head of each tenant
  osteon journal heads --json > heads.json           the same, to be kept where this machine cannot write
  osteon journal heads --now --tenant acme --json    one over everything that is durable now
  osteon journal heads --all --json                  every head that the server kept

A server keeps a head of each tenant's journal an hour. Where there is none, one is made; nothing is written.
"""
KEY = """examples:
  osteon journal key --tenant acme > acme.key.json   the key by which its heads and proofs are checked
"""
PROVE = """examples:
  osteon journal prove 2/3 --tenant acme > proof.json              entry 3 of partition 2 is in the journal
  osteon journal prove 01J... --tenant acme --heads heads.json     by its invocation, for a head that was kept
  osteon journal prove --growth --tenant acme --heads heads.json   what the oldest head covers begins the newest

An entry is proved for the newest head in the file; without a file, for a head that is made now. Growth is proved from
the oldest head in the file to the newest, or, if there is only one, to a head that is made now.
"""
CHECK = """examples:
  osteon journal check-proof proof.json --key acme.key.json        ends with 1 when it does not hold

Needs nothing but the two files.
"""


def add_to(parts: Any) -> None:
    """Adds the parts to the parser of `osteon journal`."""
    heads = add_part(parts, "heads", "write signed heads, to be kept elsewhere", HEADS)
    heads.add_argument("--now", action="store_true", help="make one over what is durable now")
    heads.add_argument("--all", action="store_true", help="every head that was kept, oldest first")
    heads.set_defaults(run=inspecting(_heads))
    key = add_part(parts, "key", "write the public key that checks a tenant's heads", KEY)
    key.set_defaults(run=inspecting(_key))
    prove = add_part(parts, "prove", "prove that an entry is in a journal, or that it only grew", PROVE)
    prove.add_argument("entry", nargs="?", help="partition/sequence, position or invocation")
    prove.add_argument("--growth", action="store_true", help="prove that the journal only grew")
    prove.add_argument("--heads", type=Path, metavar="FILE", help="heads that were kept")
    prove.set_defaults(run=inspecting(_prove))
    check = bare_part(parts, "check-proof", "check a proof, without the installation", CHECK)
    check.add_argument("proof", type=Path, metavar="FILE", help="what 'prove' wrote")
    check.add_argument("--key", type=Path, metavar="FILE", required=True, help="what 'key' wrote")
    check.add_argument("--json", action="store_true", help="JSON, for programs")
    check.set_defaults(run=_check)


def heads_in(path: Path) -> list[SignedHead]:
    """The heads in a file; `-` is standard input.

    Raises:
        OsteonError: It cannot be read, holds something else than heads, or nothing.
    """
    heads = read_heads((sys.stdin.read() if str(path) == "-" else _text(path)).splitlines())
    if not heads:
        raise OsteonError(f"'{path}' holds no head. 'osteon journal heads --json' writes them.")
    return heads


def key_in(path: Path) -> PublicKey:
    """The public key in a file.

    Raises:
        OsteonError: It cannot be read, or holds something else.
    """
    return PublicKey.read(_text(path))


async def _heads(inspection: Inspection, options: argparse.Namespace) -> int:
    found: list[SignedHead] = []
    for tenant in chosen_tenants(inspection, options):
        kept = [] if options.now else HeadFile(SystemDisk(inspection.data), tenant).every()
        found += kept if options.all else kept[-1:] or [await _now(inspection, tenant)]
    if options.json:
        for signed in found:
            print(record_json(signed).decode())
    else:
        print(
            table(
                ["tenant", "at", "entries", "blocks", "root of each partition"],
                [_row(inspection, each) for each in found],
            )
        )
    return 0


async def _key(inspection: Inspection, options: argparse.Namespace) -> int:
    print(json.dumps(HeadSigner(inspection.keyring, _tenant(inspection, options)).public.published))
    return 0


async def _prove(inspection: Inspection, options: argparse.Namespace) -> int:
    if bool(options.entry) == options.growth:
        raise NotProvable("Name an entry, such as '2/3', or give '--growth' with '--heads FILE'.")
    tenant = _tenant(inspection, options)
    kept = [each for each in heads_in(options.heads) if each.head.tenant == tenant] if options.heads else []
    if options.heads and not kept:
        raise NotProvable(f"'{options.heads}' holds no head of '{inspection.name(tenant)}'.")
    kept.sort(key=lambda signed: signed.head.at)
    print(record_json(await _proof(inspection, tenant, kept, options.entry)).decode())
    return 0


async def _proof(inspection: Inspection, tenant: TenantId, kept: list[SignedHead], entry: str | None) -> Proof:
    if entry is not None:
        position = await find_entry(inspection, tenant, entry)
        return await prove_inclusion(inspection, position, kept[-1] if kept else await _now(inspection, tenant))
    if not kept:
        raise NotProvable("Growth is proved from a head that was kept: give '--heads FILE'.")
    later = kept[-1] if len(kept) > 1 else await _now(inspection, tenant)
    return await prove_growth(inspection, kept[0], later)


def _check(options: argparse.Namespace) -> int:
    proof, key = read_proof(_text(options.proof)), key_in(options.key)
    found = list(flaws(proof, key.accepts))
    if options.json:
        print(json.dumps({"holds": not found, "kind": _kind(proof), "flaws": found}))
    else:
        for flaw in found:
            print(f"{coloured('does not hold', 'red')}  {flaw}")
        if not found:
            print(f"{coloured('holds', 'green')}  {_said(proof)}")
    return 1 if found else 0


async def _now(inspection: Inspection, tenant: TenantId) -> SignedHead:
    return await head_of_files(inspection, tenant, datetime.now(UTC))


def _tenant(inspection: Inspection, options: argparse.Namespace) -> TenantId:
    if not options.tenant:
        raise OsteonError("Whose journal? Name the tenant with '--tenant'.")
    return inspection.named(options.tenant)


def _row(inspection: Inspection, signed: SignedHead) -> list[str | int]:
    head = signed.head
    roots = " ".join(f"{each.partition}:{each.root[:8]}" for each in head.partitions)
    return [inspection.name(head.tenant), time(head.at), head.entries, head.accesses.number, roots]


def _kind(proof: Proof) -> str:
    return "growth" if isinstance(proof, GrowthProof) else "inclusion"


def _said(proof: Proof) -> str:
    """What a proof shows, in a sentence."""
    if isinstance(proof, GrowthProof):
        earlier, later = proof.earlier.head, proof.later.head
        spans = f"the {earlier.entries:,} entries of {time(earlier.at)} begin the {later.entries:,} of {time(later.at)}"
        return f"In the journal of '{earlier.tenant}', {spans}."
    head = proof.head.head
    place = f"entry {proof.index + 1} of partition {proof.partition}"
    return f"The record is {place} in the journal of '{head.tenant}', as of {time(head.at)}."


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise OsteonError(f"'{path}' cannot be read: {fault}.") from fault
