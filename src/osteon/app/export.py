"""Exporting a tenant: all that it has, in plain files that need nothing of Osteon to be read.

    <folder>/
      README.md                what is in the other files
      manifest.json            counts, and where each partition ends
      entries/<n>.jsonl        the entries of partition n, in order, one JSON object a line
      rows/<view>.jsonl        the rows of a view; people and scopes are views
      accesses.jsonl           who asked what
      schemas/                 the JSON Schema of every message, and OpenAPI

Personal values are in it, as they belong to the tenant's people. What is sealed or secret (hashes of passwords, keys)
is left out, and so is a message of a type that the product does not know: nobody could tell what in it is sealed.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard, cast

import apsw
import msgspec

import osteon
from osteon.app.backup import Told, snapshot
from osteon.app.inspection import Chain, Inspection, UnreadableFile, read_key
from osteon.app.manifest import UNFINISHED
from osteon.app.syncing import sync, sync_all
from osteon.domain import Product, View
from osteon.messages import ACCESS, ENTRY, Entry, Record, Recorded
from osteon.model import HOUSE, Decoder, Leak, OsteonError, Personal, Sensitive, TenantId, Value, answer_json, decoder
from osteon.ports.access_log import Access

__all__ = ["Exported", "NotExported", "export"]

AnyView = View[Any, Any, Any]
Documents = Iterable[tuple[str, Mapping[str, Any]]]

TEXT = Path(__file__).parent / "assets" / "export.md"
ACCESSES = decoder(list[Access])
EVERY = 1000
COPY = "copy"


class NotExported(OsteonError):
    """Raised when an export cannot be made; nothing is left under its name."""


class Exported(Value):
    """What an export holds.

    Attributes:
        partitions: The last sequence of each partition, up to which the entries go.
        rows: How many rows each view has.
        left_out: The types of messages that were left out, as the product does not know them.
    """

    tenant: TenantId
    name: str
    osteon: str
    product: str
    made: datetime
    entries: int
    accesses: int
    partitions: Mapping[str, int]
    rows: Mapping[str, int]
    left_out: tuple[str, ...]


def export(data: Path, product: Product, name: str, to: Path, schemas: Documents, told: Told) -> Exported:
    """Writes all that a tenant has at one moment into a folder: whole, or not at all.

    Args:
        data: The data folder; a server may be running.
        product: Tells which views there are and what in a message is sensitive.
        name: The tenant's name or identifier.
        to: The folder, which must not be there.
        schemas: The published catalogue: documents by their paths.
        told: Told how far it is.

    Raises:
        NotExported: The folder is there.
        NoInstallation: There is none in `data`.
        NoSuchTenant: It has no such tenant.
        UnreadableEntry: A record was changed.
        UnreadableFile: The tenant's file cannot be read.
    """
    if to.exists():
        raise NotExported(f"'{to}' is there already. Choose another name.")
    tenant, key = asyncio.run(_named(data, name)), read_key(data)
    unfinished = to.with_name(to.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    # From a copy, which stands still: rows and entries are those of one moment.
    snapshot(data, unfinished / COPY, key, told, {HOUSE, tenant})
    exported = asyncio.run(_exported(unfinished, key, product, tenant, told))
    shutil.rmtree(unfinished / COPY)
    for path, document in schemas:
        _write(unfinished / "schemas" / path, json.dumps(document, indent=2, ensure_ascii=False))
    _write(unfinished / "README.md", TEXT.read_text("utf-8").rstrip())
    _write(unfinished / "manifest.json", msgspec.json.format(msgspec.json.encode(exported), indent=2).decode())
    sync_all(unfinished)
    unfinished.rename(to)
    sync(to.parent)
    return exported


async def _named(data: Path, name: str) -> TenantId:
    inspection = await Inspection.open(data)
    try:
        return inspection.named(name)
    finally:
        inspection.close()


async def _exported(to: Path, key: bytes, product: Product, tenant: TenantId, told: Told) -> Exported:
    inspection = await Inspection.open(to / COPY, key, product)
    try:
        for fault in inspection.faults:
            raise fault
        return await _Export(inspection, product, tenant, to, told).run()
    finally:
        inspection.close()


class _Export:
    def __init__(self, inspection: Inspection, product: Product, tenant: TenantId, to: Path, told: Told) -> None:
        self._inspection = inspection
        self._product = product
        self._tenant = tenant
        self._to = to
        self._told = told
        self._left_out: set[str] = set()
        self._count = 0

    async def run(self) -> Exported:
        inspection, tenant = self._inspection, self._tenant
        partitions = {each: inspection.last(Chain(tenant, ENTRY, each)) for each in inspection.partitions(tenant)}
        entries = [await self._lines(f"entries/{each}.jsonl", self._entries(each)) for each in partitions]
        # What has only internal queries is the platform's own, such as what a log-in is checked against.
        shown = [view for view in self._product.all_views if any(not query.internal for query in view.queries)]
        rows = {view.name: await self._lines(f"rows/{view.name}.jsonl", self._rows(view)) for view in shown}
        return Exported(
            tenant=tenant,
            name=inspection.name(tenant),
            osteon=osteon.__version__,
            product=self._product.name,
            made=datetime.now(UTC),
            entries=sum(entries),
            accesses=await self._lines("accesses.jsonl", self._accesses()),
            partitions={str(partition): last for partition, last in partitions.items()},
            rows=rows,
            left_out=tuple(sorted(self._left_out)),
        )

    async def _lines(self, path: str, values: AsyncIterator[Any]) -> int:
        """Writes a value a line; how many there were."""
        (self._to / path).parent.mkdir(exist_ok=True)
        written = 0
        with (self._to / path).open("wb") as file:
            async for value in values:
                file.write(_line(value) + b"\n")
                written += 1
                self._tell()
        return written

    async def _entries(self, partition: int) -> AsyncIterator[Any]:
        async for entry in self._inspection.entries(self._tenant, partition):
            yield self._entry(entry)

    async def _rows(self, view: AnyView) -> AsyncIterator[Any]:
        try:
            rows = await self._inspection.rows(self._tenant, view)
        except UnreadableFile as fault:
            if not isinstance(fault.__cause__, apsw.SQLError):
                raise
            raise NotExported(
                f"There are no rows of '{view.name}', as '{self._product.name}' declares it: it has changed since it was "
                "last served. Serve it once, or name the product of then with '--product'."
            ) from fault
        for row in rows:
            yield row

    async def _accesses(self) -> AsyncIterator[Any]:
        async for _, stored in self._inspection.records(Chain(self._tenant, ACCESS, 0)):
            record = Record.of(stored)
            for access in ACCESSES.decode(self._inspection.keyring.open(self._tenant, record.sealed, record.place)):
                asked = self._body(access.type, access.parameters) if bytes(access.parameters) != b"null" else None
                yield {
                    "at": access.at,
                    "invocation": access.context.trace.current,
                    "type": access.type,
                    "parameters": asked,
                    "rows": access.rows,
                    "refused": access.refused,
                    "context": access.context,
                }

    def _entry(self, entry: Entry) -> dict[str, Any]:
        return {
            "partition": entry.position.partition,
            "sequence": entry.position.sequence,
            "at": entry.context.at,
            "invocation": entry.context.trace.current,
            "entityType": entry.entity_type,
            "entity": entry.entity,
            "verdict": entry.verdict,
            "problem": entry.problem,
            "command": self._message(entry.command),
            "answer": self._answer(entry),
            "events": [self._message(event) for event in entry.events],
            "correlation": entry.correlation,
            "context": entry.context,
        }

    def _message(self, message: Recorded) -> dict[str, Any]:
        return {"id": message.id, "type": message.type, "body": self._body(message.type, message.body)}

    def _body(self, type: str, body: msgspec.Raw) -> Any:
        known = self._product.catalogue.get(type)
        if known is not None:
            try:
                return known.decoder.decode(body)
            except msgspec.MsgspecError:
                pass
        self._left_out.add(type)
        return None

    def _answer(self, entry: Entry) -> Any:
        known = self._product.catalogue.get(entry.command.type)
        if known is None or bytes(entry.answer) == b"null":
            return None
        try:
            return _decoder(known.answer).decode(entry.answer)
        except msgspec.MsgspecError:
            self._left_out.add(entry.command.type)
            return None

    def _tell(self) -> None:
        self._count += 1
        if self._count % EVERY == 0:
            self._told("lines", self._count)


@cache
def _decoder(type: Any) -> Decoder[Any]:
    return decoder(type)


class _LeftOut:
    """Stands where something sealed was."""


LEFT_OUT = _LeftOut()


def _line(value: Any) -> bytes:
    try:
        return answer_json(value)
    except Leak:
        # Few messages have something sealed, and to take it out takes long.
        return answer_json(_shown(value))


def _shown(value: Any) -> Any:
    """A value as JSON has it, without the fields that hold something sealed."""
    if isinstance(value, Sensitive):
        return _shown(value.reveal()) if isinstance(value, Personal) else LEFT_OUT
    if isinstance(value, msgspec.Struct):
        return dict(_fields(_parts(value)))
    if _is_mapping(value):
        return dict(_fields(value.items()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return [each for each in map(_shown, cast("Iterable[Any]", value)) if each is not LEFT_OUT]
    return value


def _is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def _parts(value: msgspec.Struct) -> Iterator[tuple[str, Any]]:
    """The fields of a struct by their names in JSON, first the one that tells which of several types it is."""
    config = value.__struct_config__
    if config.tag_field is not None:
        yield config.tag_field, config.tag
    for field in msgspec.structs.fields(value):
        yield field.encode_name, getattr(value, field.name)


def _fields(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for name, value in pairs:
        shown = _shown(value)
        if shown is not LEFT_OUT:
            yield name, shown


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", "utf-8")
