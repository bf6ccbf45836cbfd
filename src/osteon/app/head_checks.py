"""Heads that were kept elsewhere, held against a journal while it is walked."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from osteon.adapters.ed25519 import HeadSigner, PublicKey
from osteon.app.findings import Finding, short
from osteon.app.inspection import Chain, Inspection
from osteon.messages import ACCESS, ENTRY
from osteon.messages.heads import SignedHead
from osteon.messages.merkle import Frontier, leaf_hash
from osteon.model import TenantId
from osteon.ports.keyring import KeyMissing

__all__ = ["ChainCheck", "HeadChecks"]


class _Known(NamedTuple):
    """What a head says of a chain: the hash of the record with that number, and of entries the root up to it."""

    number: int
    hash: str
    root: str | None
    at: datetime


_Seen = tuple[int, str, str, str]
"""A number, what was found, what was expected, what is there."""


class HeadChecks:
    """What heads say of journals."""

    def __init__(self, heads: Sequence[SignedHead], key: PublicKey | None = None) -> None:
        """Takes heads as they came.

        Args:
            heads: Of whatever tenants.
            key: The key that must have signed them all; without it, each tenant's own, by the key files.
        """
        self._heads = heads
        self._key = key
        self._known: defaultdict[Chain, list[_Known]] = defaultdict(list)

    def findings(self, inspection: Inspection, tenants: Sequence[TenantId]) -> Iterator[Finding]:
        """What is wrong with the heads themselves; the others are held against `tenants` from now on."""
        for signed in self._heads:
            tenant = signed.head.tenant
            if tenant not in tenants:
                yield _finding(
                    inspection, signed, "foreign", "a head of " + _names(inspection, tenants), f"one of '{tenant}'"
                )
            elif not self._is_genuine(inspection, signed):
                expected = "the signature of the tenant's key"
                yield _finding(inspection, signed, "forged", expected, f"another, by the key '{signed.head.key}'")
            else:
                self._learn(signed)

    def partitions(self, tenant: TenantId) -> list[int]:
        """The partitions in which a tenant had entries."""
        return [chain.partition for chain in self._known if chain[:2] == (tenant, ENTRY)]

    def of(self, chain: Chain) -> "ChainCheck":
        """What heads say of one chain."""
        return ChainCheck(chain, sorted(self._known.get(chain, ())))

    def _learn(self, signed: SignedHead) -> None:
        head = signed.head
        for each in head.partitions:
            chain = Chain(head.tenant, ENTRY, each.partition)
            self._known[chain].append(_Known(each.sequence, each.hash, each.root, head.at))
        if head.accesses.number:
            last = _Known(head.accesses.number, head.accesses.hash, None, head.at)
            self._known[Chain(head.tenant, ACCESS, 0)].append(last)

    def _is_genuine(self, inspection: Inspection, signed: SignedHead) -> bool:
        try:
            key = self._key or HeadSigner(inspection.keyring, signed.head.tenant).public
        except KeyMissing:
            return False
        return key.accepts(signed)


class ChainCheck:
    """Heads of one chain, held against its records one by one. What it says it says once: all heads behind differ too."""

    def __init__(self, chain: Chain, known: Sequence[_Known]) -> None:
        """Takes what is known, by number."""
        self._noun = "entry" if chain.kind == ENTRY else "block"
        self._left = list(reversed(known))
        self._tree = Frontier()
        self._whole = True
        self._last: _Known | None = None

    def step(self, number: int, stored: bytes, hash: bytes) -> Iterator[_Seen]:
        """Looks at the next record."""
        if not self._left:
            return
        self._tree.append(leaf_hash(stored))
        while self._left and self._left[-1].number <= number:
            known = self._left.pop()
            if self._whole:
                yield from self._compare(known, number, hash)

    def end(self, last: int) -> Iterator[_Seen]:
        """Looks at what should stand behind the last record."""
        if self._left and self._whole:
            newest = self._left[0]
            expected = f"{self._noun} {newest.number}, of the head of {_time(newest.at)}"
            yield newest.number, "cut", expected, f"{self._noun} {last} as the last one"

    def _compare(self, known: _Known, number: int, hash: bytes) -> Iterator[_Seen]:
        when = f"of the head of {_time(known.at)}"
        self._whole = False
        if known.number < number:
            # A number that was passed over.
            yield known.number, "rewritten", f"{self._noun} {known.number}, {when}", f"{self._noun} {number}"
        elif known.hash != hash.hex():
            found = f"{short(hash)}{self._narrowed()}"
            yield number, "rewritten", f"the hash {when}: {short(bytes.fromhex(known.hash))}", found
        elif known.root not in (None, root := self._tree.root.hex()):
            expected = f"the root {when}, over all up to here: {known.root[:16]}…"
            yield number, "rewritten", expected, f"{root[:16]}…{self._narrowed()}"
        else:
            self._whole, self._last = True, known

    def _narrowed(self) -> str:
        """Up to where it is as it was."""
        last = self._last
        return f"; up to {self._noun} {last.number} it is that of the head of {_time(last.at)}" if last else ""


def _finding(inspection: Inspection, signed: SignedHead, what: str, expected: str, found: str) -> Finding:
    found = f"{found}, in the head of {_time(signed.head.at)}"
    name = inspection.name(signed.head.tenant)
    return Finding(tenant=name, partition=None, sequence=None, what=what, expected=expected, found=found)


def _names(inspection: Inspection, tenants: Sequence[TenantId]) -> str:
    return ", ".join(f"'{inspection.name(tenant)}'" for tenant in tenants)


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
