"""`osteon letters`: what could not be done and waits, why, and what an operator does about it."""

import argparse
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from osteon.adapters.system.clock import SystemClock
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.inspection import Inspection, known_product
from osteon.app.masking import Masking
from osteon.app.operator_client import ask
from osteon.app.products import load_product
from osteon.cli.inspecting import add_options, inspecting
from osteon.cli.terminal import Line, coloured, table, time
from osteon.domain import Product
from osteon.messages import Entry
from osteon.model import Identifiers, OsteonError, TenantId, record_json
from osteon.modules.operations import DeadLetterRow, dead_letters

__all__ = ["add_to"]

LIST = """examples:
  osteon letters list
  osteon letters list --tenant acme --json | jq 'group_by(.handler)'
  osteon letters list --all

A reaction, a saga or a sink that could not do something about an event has it here, and all that came later about the
same thing waits behind it. Everything else goes on. '--all' shows also what was passed over.
"""
SHOW = """examples:
  osteon letters show 01K5N0X8V4T3J6M2RQZ7WD9YBC

Shows why it failed, what it was about and who had caused that, and how the entity stands that it is about.
"""
REPLAY = """examples:
  osteon letters replay 01K5N0X8V4T3J6M2RQZ7WD9YBC --reason "version 1.4.2 has the mend"
  osteon letters replay --all --tenant acme --reason "the other side is back"
  osteon letters replay 01K5N0X8V4T3J6M2RQZ7WD9YBC --reason "the name was too long" \\
      --command rename-project --body '{"project": "01K5…", "name": "Shorter"}'

Does it again, and then all that waits behind it, in order, until something fails. Start the server with the mended code
first; or have a corrected command sent in place of the one that failed. What was done already is not done twice.
"""
SKIP = """examples:
  osteon letters skip 01K5N0X8V4T3J6M2RQZ7WD9YBC --reason "done by hand, see ticket 512"

Passes it over for ever, and goes on with what waits behind it. It is recorded who decided that, and why.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    letters: argparse.ArgumentParser = commands.add_parser("letters", help="what could not be done: look, replay, skip")
    parts = letters.add_subparsers(dest="part", required=True, metavar="part")
    every = _part(parts, "list", "what waits, in every tenant", LIST)
    every.add_argument("--tenant", metavar="NAME|ID", help="only this one")
    every.add_argument("--all", action="store_true", help="also what was passed over")
    every.set_defaults(run=inspecting(_list))
    show = _part(parts, "show", "one of them: what, why, and who had caused it", SHOW)
    show.add_argument("letter", metavar="LETTER", help="its identifier")
    show.add_argument("--reveal", action="store_true", help="show what is masked: personal and sealed values")
    show.set_defaults(run=inspecting(_show))
    replay = _part(parts, "replay", "do it again, and all behind it", REPLAY)
    replay.add_argument("letter", nargs="?", metavar="LETTER", help="its identifier")
    replay.add_argument("--all", action="store_true", help="all that wait")
    replay.add_argument("--tenant", metavar="NAME|ID", help="with --all, only those of this tenant")
    replay.add_argument(
        "--command", dest="instead", metavar="TYPE", help="what to send in place of the command that failed"
    )
    replay.add_argument("--body", metavar="JSON", help="the fields of that command")
    replay.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")
    replay.set_defaults(run=inspecting(_replay))
    skip = _part(parts, "skip", "pass it over, and go on behind it", SKIP)
    skip.add_argument("letter", metavar="LETTER", help="its identifier")
    skip.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")
    skip.set_defaults(run=inspecting(_skip))


def _part(parts: Any, name: str, help: str, examples: str) -> argparse.ArgumentParser:  # noqa: A002
    shape = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = parts.add_parser(name, help=help, epilog=examples, formatter_class=shape)
    add_options(parser)
    return parser


async def _list(inspection: Inspection, options: argparse.Namespace) -> int:
    found = await _letters(inspection, inspection.named(options.tenant) if options.tenant else None)
    shown = [(tenant, row) for tenant, row in found if options.all or row.state != "skipped"]
    if options.json:
        print(record_json([_told(inspection, tenant, row) for tenant, row in shown]).decode())
    elif not shown:
        print("Nothing waits.")
    else:
        rows: list[list[str | int]] = [
            [inspection.name(tenant), row.dead_letter, time(row.since), row.handler, row.about, row.tries, _state(row)]
            for tenant, row in shown
        ]
        print(table(["tenant", "letter", "since", "handler", "about", "tries", "state"], rows))
    return 0


async def _show(inspection: Inspection, options: argparse.Namespace) -> int:
    tenant, row = await _letter(inspection, options.letter)
    product = _product(inspection)
    masking = Masking(product.catalogue if product else inspection.catalogue, reveal=options.reveal)
    cause = await _cause(inspection, masking, tenant, row)
    events = [
        (entry.context.at, event.type, _masked(masking, msgspec.json.decode(event.body)))
        async for entry in inspection.entries_of(tenant, row.dead_letter)
        for event in entry.events
    ]
    states = await _states(inspection, product, masking, tenant, row) if product else {}
    if options.json:
        became = [{"at": at, "type": type, "event": event} for at, type, event in events]
        told = _told(inspection, tenant, row)
        print(record_json({**told, "caused": cause, "states": states, "events": became}).decode())
        return 0
    for name, value in _facts(inspection, tenant, row, cause):
        print(f"{coloured(f'{name:<9}', 'faint')} {value}")
    for entity, state in states.items():
        print(f"\n{coloured(entity, 'cyan')} {row.about}, as it stands\n{_pretty(state)}")
    failed = _last_failure(event for _, _, event in events)
    if failed and failed["command"]:
        print(f"\n{coloured(failed['command'], 'cyan')}, the command that failed\n{_pretty(failed['body'])}")
    print("\nWhat became of it:")
    for at, type, event in events:
        print(f"  {time(at)}  {type}  {_why(event)}")
    if row.state == "waiting":
        print(f"\nMend it:  osteon letters replay {row.dead_letter} --reason …")
        print(f"Or not:   osteon letters skip {row.dead_letter} --reason …")
    return 0


async def _replay(inspection: Inspection, options: argparse.Namespace) -> int:
    if bool(options.letter) == options.all:
        raise OsteonError("Name a letter, or all of them with '--all'.")
    if (options.instead is None) != (options.body is None) or (options.instead and options.all):
        raise OsteonError("'--command' and '--body' go together, and with one letter.")
    body: dict[str, Any] = {"reason": options.reason}
    if options.instead:
        body["correction"] = {"command": options.instead, "body": msgspec.Raw(_json(options.body))}
    if options.letter:
        return await _asked(
            inspection, options, "replay-dead-letter", [await _letter(inspection, options.letter)], body
        )
    found = await _letters(inspection, inspection.named(options.tenant) if options.tenant else None)
    firsts: dict[tuple[str, str, str], tuple[TenantId, DeadLetterRow]] = {}
    for tenant, row in found:
        if row.state != "skipped":
            firsts.setdefault((tenant, row.handler, row.about), (tenant, row))
    return await _asked(inspection, options, "replay-dead-letter", list(firsts.values()), body)


async def _skip(inspection: Inspection, options: argparse.Namespace) -> int:
    letter = await _letter(inspection, options.letter)
    return await _asked(inspection, options, "skip-dead-letter", [letter], {"reason": options.reason})


async def _asked(
    inspection: Inspection,
    options: argparse.Namespace,
    type: str,
    letters: list[tuple[TenantId, DeadLetterRow]],
    body: dict[str, Any],
) -> int:
    """Asks the server for each; how far it is stands on standard error meanwhile."""
    if not options.reason.strip():
        raise OsteonError("Say why with '--reason': it is recorded.")
    identifiers = Identifiers(SystemClock().milliseconds, SystemEntropy().bytes)
    well = True
    for tenant, row in letters:
        request = {
            "do": "command",
            "tenant": tenant,
            "type": type,
            "key": identifiers.next(),
            "body": {"deadLetter": row.dead_letter, **body},
        }
        told: dict[str, Any] = {}
        with Line() as line:
            for answer in ask(options.data, request):
                if "progress" in answer:
                    line(f"{row.handler} about {row.about}: {answer['progress']['waiting']:,} wait")
                told = answer.get("result", told)
        well = well and told["verdict"] == "accepted" and not told["outcome"]["waiting"]
        print(record_json(told).decode() if options.json else _said(inspection, tenant, row, told))
        sys.stdout.flush()
    if not letters and not options.json:
        print("Nothing waits.")
    return 0 if well else 1


def _said(inspection: Inspection, tenant: TenantId, row: DeadLetterRow, told: dict[str, Any]) -> str:
    what = f"'{row.handler}' about {row.about} in '{inspection.name(tenant)}'"
    if told["verdict"] != "accepted":
        return f"{what}: {coloured('rejected', 'red')}: {told['says']}"
    left = told["outcome"]["waiting"]
    if left:
        return f"{what}: {coloured(f'{left:,} still wait', 'red')}: {told['outcome']['error']}"
    return f"{what}: {coloured('goes on', 'green')}, nothing waits any more."


async def _letters(inspection: Inspection, only: TenantId | None) -> list[tuple[TenantId, DeadLetterRow]]:
    """Those of all tenants, or of one, each strand's in order."""
    tenants = inspection.all_tenants() if only is None else [only]
    found = [(tenant, row) for tenant in tenants for row in await inspection.rows(tenant, dead_letters)]
    return sorted(found, key=lambda each: (tenants.index(each[0]), each[1].since, each[1].key))


async def _letter(inspection: Inspection, name: str) -> tuple[TenantId, DeadLetterRow]:
    for tenant, row in await _letters(inspection, None):
        if row.dead_letter == name:
            return tenant, row
    raise OsteonError(f"No letter '{name}' waits, nor was one passed over. 'osteon letters list --all' shows them all.")


async def _cause(
    inspection: Inspection, masking: Masking, tenant: TenantId, row: DeadLetterRow
) -> dict[str, Any] | None:
    """Who had asked what, and the event that came of it."""
    if row.cause is None:
        return None
    async for entry in inspection.entries_of(tenant, row.cause.entity):
        if entry.position.token == row.cause.position:
            return _told_cause(masking, entry, row.cause.number)
    return None


def _told_cause(masking: Masking, entry: Entry, number: int) -> dict[str, Any]:
    event = entry.events[number]
    return {
        "command": entry.command.type,
        "invocation": entry.context.trace.current,
        "account": entry.context.account,
        "at": entry.context.at,
        "event": event.type,
        "body": masking.message(event.type, bytes(event.body)),
    }


def _product(inspection: Inspection) -> Product | None:
    """The product that was last served from the folder; None where it cannot be loaded here."""
    name = known_product(inspection.data)
    try:
        return load_product(name) if name is not None else None
    except OsteonError:
        return None


async def _states(
    inspection: Inspection, product: Product, masking: Masking, tenant: TenantId, row: DeadLetterRow
) -> dict[str, Any]:
    """The entities with the identifier that it is about, folded by the code of this checkout."""
    states: dict[str, Any] = {}
    async for entry in inspection.entries_of(tenant, row.about):
        kind = entry.entity_type
        for event in entry.events if kind in product.entities else ():
            message = product.catalogue.get(event.type)
            if message is not None:
                states[kind] = product.entities[kind].fold(states.get(kind), message.decoder.decode(event.body))
    return {kind: msgspec.json.decode(masking.json(state)) for kind, state in states.items()}


def _facts(
    inspection: Inspection, tenant: TenantId, row: DeadLetterRow, cause: dict[str, Any] | None
) -> list[tuple[str, str]]:
    facts = [
        ("letter", f"{row.dead_letter} in '{inspection.name(tenant)}', {_state(row)}"),
        ("since", f"{time(row.since)}, done again {row.tries} times"),
        ("handler", f"{row.handler} about {row.about}"),
    ]
    if cause is None:
        return [*facts, ("due", f"a wake-up for {time(row.due) if row.due else 'an unknown time'}")]
    body = record_json(cause["body"]).decode()
    return [
        *facts,
        ("event", f"{cause['event']} {body}"),
        ("caused by", f"{cause['command']} of account {cause['account']} at {time(cause['at'])}"),
        ("see", f"osteon investigate {cause['invocation']}"),
    ]


def _masked(masking: Masking, event: dict[str, Any]) -> dict[str, Any]:
    """What became of a letter; the command in it is masked by its own type."""
    for name in ("failure", "correction"):
        part: dict[str, Any] = event.get(name) or {}
        if part.get("command"):
            part["body"] = masking.message(part["command"], record_json(part["body"]))
    return event


def _why(event: dict[str, Any]) -> str:
    """The reason of an operator, or of a failure."""
    failure: dict[str, Any] = event.get("failure") or {}
    return event.get("reason") or failure.get("error") or ""


def _last_failure(events: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    failed: dict[str, Any] | None = None
    for event in events:
        failed = event.get("failure") or failed
    return failed


def _state(row: DeadLetterRow) -> str:
    if row.state == "skipped":
        return f"passed over: {row.reason}"
    colour = "yellow" if row.error == "operations.held-up" else "red"
    why = "waits behind another" if row.error == "operations.held-up" else row.error
    return coloured(f"{row.state}: {why}", colour)


def _told(inspection: Inspection, tenant: TenantId, row: DeadLetterRow) -> dict[str, Any]:
    fields = msgspec.to_builtins(row)
    return {"tenant": inspection.name(tenant), "tenantId": tenant, **fields}


def _pretty(value: Any) -> str:
    return msgspec.json.format(record_json(value), indent=2).decode()


def _json(text: str) -> bytes:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as fault:
        raise OsteonError(f"'--body' is not JSON: {fault}.") from fault
    return text.encode()
