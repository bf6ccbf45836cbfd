"""`osteon investigate`: what led to an invocation and what followed from it; as a test, if asked."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from osteon.app.inspection import Chain, Inspection, known_product
from osteon.app.investigation import FoundAccess, Happening, Investigation, Node, investigate
from osteon.app.investigation_given import as_test
from osteon.app.masking import MASKED, Masking
from osteon.app.products import NoSuchProduct, load_product
from osteon.cli.inspecting import add_options, complain, inspecting
from osteon.cli.lines import VERDICTS, actor_of, decided_at
from osteon.cli.pace import Pace
from osteon.cli.terminal import coloured, time
from osteon.context import Authenticated
from osteon.domain import Product
from osteon.messages import ENTRY, Entry
from osteon.model import OsteonError

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon investigate 01J...                              what led to it, and what followed
  osteon investigate 01J... --json | jq '.trees[0].events[].led[].command.type'
  osteon investigate 01J... --as-test                    the same decision as a given-when-then test
  osteon investigate 01J... --as-test tests/test_bug.py  the same, into a file that pytest runs

Name it by the invocation that every reply and every problem tells; or by a message, by the key under which a client
sent it, or by the client's action. Refusals and queries are found too, in the access log. A server may be running.

In a test, sensitive values are replaced by stand-ins, the same for the same value; with --reveal personal ones are not.
"""
WIDTH = 100


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    help_ = "show what led to an invocation, and what followed from it"
    parser: argparse.ArgumentParser = commands.add_parser(
        "investigate", help=help_, epilog=EXAMPLES, formatter_class=shape
    )
    parser.add_argument("invocation", help="its identifier, as a reply or a problem tells it")
    add_options(parser)
    parser.add_argument(
        "--as-test", nargs="?", const="-", metavar="FILE", help="write it as a given-when-then test; - for output"
    )
    parser.add_argument("--product", metavar="NAME", help="the product (default: the one that was last served)")
    parser.add_argument("--reveal", action="store_true", help="mask nothing; in a test, nothing personal")
    parser.set_defaults(run=inspecting(_investigate))


async def _investigate(inspection: Inspection, options: argparse.Namespace) -> int:
    product = _product(options)
    with Pace("records", _total(inspection)) as pace:
        found = await investigate(inspection, options.invocation, pace.count)
    if options.as_test is not None:
        return await _write_test(inspection, options, product, found)
    masking = Masking(product.catalogue if product else inspection.catalogue, reveal=options.reveal)
    if options.json:
        print(masking.json(_Json(inspection, masking).investigation(found)))
    else:
        print("\n".join(_Text(inspection, masking).investigation(found)))
    return 0


async def _write_test(
    inspection: Inspection, options: argparse.Namespace, product: Product | None, found: Investigation
) -> int:
    if product is None:
        raise OsteonError("A test needs the product whose decider it tests. Name it with '--product'.")
    test = await as_test(inspection, product, _only(found), reveal=options.reveal)
    if options.as_test == "-":
        sys.stdout.write(test.text)
    else:
        path = Path(options.as_test)
        _write(path, test.text)
        if options.json:
            print(json.dumps({"file": str(path), "passes": test.fails is None, "fails": test.fails}))
        else:
            print(f"'{path}' is written: run it with 'pytest {path}'.")
    if test.fails is not None:
        complain(f"On this checkout it fails: {test.fails}")
    return 0


def _only(found: Investigation) -> Entry:
    """The entry of which a test is to be made."""
    if len(found.found) == 1:
        return found.found[0]
    if not found.found:
        raise OsteonError(f"'{found.asked}' was decided by no decider, so there is nothing to test.")
    named = ", ".join(f"{each.context.trace.current} ({each.command.type})" for each in found.found)
    raise OsteonError(f"'{found.asked}' names several invocations: {named}. Name one of them.")


def _write(path: Path, text: str) -> None:
    if path.exists():
        raise OsteonError(f"'{path}' is there already. Choose another name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as fault:
        raise OsteonError(f"'{path}' cannot be written: {fault}.") from fault


def _product(options: argparse.Namespace) -> Product | None:
    if options.product:
        return load_product(options.product)
    name = known_product(options.data)
    if name is None:
        return None
    try:
        return load_product(name)
    except NoSuchProduct as fault:
        complain(f"{fault} Only the platform's own messages are known.")
        return None


def _total(inspection: Inspection) -> int:
    tenants = inspection.all_tenants()
    return sum(inspection.last(Chain(each, ENTRY, part)) for each in tenants for part in inspection.partitions(each))


class _Json:
    """An investigation as plain values."""

    def __init__(self, inspection: Inspection, masking: Masking) -> None:
        self._inspection = inspection
        self._masking = masking

    def investigation(self, found: Investigation) -> dict[str, Any]:
        return {
            "asked": found.asked,
            "as": found.found_as,
            "found": [entry.context.trace.current for entry in found.found],
            "trees": [self._node(node) for node in found.trees],
            "accesses": [self._access(each) for each in found.accesses],
        }

    def _node(self, node: Node) -> dict[str, Any]:
        entry = node.entry
        command = entry.command
        return {
            "found": node.found,
            "tenant": self._inspection.name(entry.context.tenant),
            "tenantId": entry.context.tenant,
            "partition": entry.position.partition,
            "sequence": entry.position.sequence,
            "position": entry.position.token,
            "at": entry.context.at,
            "decided": decided_at(entry),
            "millisecondsAfterCause": node.after,
            "byTimer": node.timer,
            "by": actor_of(entry),
            "invocation": entry.context.trace.current,
            "entityType": entry.entity_type,
            "entity": entry.entity,
            "key": entry.key,
            "verdict": entry.verdict,
            "problem": entry.problem,
            "command": {
                "id": command.id,
                "type": command.type,
                "body": self._masking.message(command.type, bytes(command.body)),
            },
            "answer": self._masking.answer(command.type, bytes(entry.answer)),
            "events": [self._happening(each) for each in node.happened],
            "context": entry.context,
            "correlation": entry.correlation,
        }

    def _happening(self, happening: Happening) -> dict[str, Any]:
        event = happening.event
        return {
            "id": event.id,
            "type": event.type,
            "body": self._masking.message(event.type, bytes(event.body)),
            "led": [self._node(node) for node in happening.led],
        }

    def _access(self, found: FoundAccess) -> dict[str, Any]:
        access = found.access
        return {
            "tenant": self._inspection.name(found.tenant),
            "tenantId": found.tenant,
            "at": access.at,
            "invocation": access.context.trace.current,
            "type": access.type,
            "parameters": self._parameters(found),
            "rows": access.rows,
            "refused": access.refused,
            "context": access.context,
        }

    def _parameters(self, found: FoundAccess) -> Any:
        body = bytes(found.access.parameters)
        return None if body == b"null" else self._masking.message(found.access.type, body)


class _Text:
    """An investigation as a tree that reads well in a hundred columns."""

    def __init__(self, inspection: Inspection, masking: Masking) -> None:
        self._inspection = inspection
        self._masking = masking

    def investigation(self, found: Investigation) -> Iterator[str]:
        for number, node in enumerate(found.trees):
            if number:
                yield ""
            yield from self._node(node, None, "", "")
        if found.accesses:
            if found.trees:
                yield ""
            yield "In the access log:" if not found.trees else "Asked or refused in the same action:"
            for each in found.accesses:
                yield from self._access(each)

    def _node(self, node: Node, before: Entry | None, first: str, rest: str) -> Iterator[str]:
        entry = node.entry
        mark = coloured("  <- asked for", "cyan") if node.found else ""
        verdict = coloured(entry.verdict, VERDICTS[entry.verdict])
        yield f"{first}{entry.command.type}  {verdict}{_problem(entry)}{_after(node)}{mark}"
        below = rest + ("│    " if node.happened else "     ")
        for line in _filled(self._details(entry, before), WIDTH - len(below)):
            yield coloured(f"{below}{line}", "faint")
        for number, happening in enumerate(node.happened):
            last = number == len(node.happened) - 1
            yield from self._happening(
                happening, entry, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
            )

    def _happening(self, happening: Happening, entry: Entry, first: str, rest: str) -> Iterator[str]:
        event = happening.event
        line = f"{first}{event.type} {self._fields(happening, entry)}".rstrip()
        yield line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
        for number, node in enumerate(happening.led):
            last = number == len(happening.led) - 1
            yield from self._node(node, entry, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))

    def _fields(self, happening: Happening, entry: Entry) -> str:
        """What an event says beside which entity it happened to."""
        event = happening.event
        body = self._masking.message(event.type, bytes(event.body))
        if body == MASKED:
            return MASKED
        if {"heard", "asks", "settled"} <= body.keys():
            return _step(body)
        told = {name: value for name, value in body.items() if value != entry.entity}
        return msgspec.json.encode(told).decode() if told else ""

    def _details(self, entry: Entry, before: Entry | None) -> Iterator[str]:
        """Of what, where, when, by whom; what goes without saying behind its cause is left out."""
        context = entry.context
        yield f"{entry.entity_type} {entry.entity}"
        if before is None or before.context.tenant != context.tenant:
            yield f"in {self._inspection.name(context.tenant)}"
        if before is None or before.context.scope.id != context.scope.id:
            yield f"scope {context.scope.id}"
        yield decided_at(entry) if before is None else decided_at(entry)[11:]
        yield f"by {actor_of(entry)}{_on_behalf(entry)}"
        yield f"invocation {context.trace.current}"

    def _access(self, found: FoundAccess) -> Iterator[str]:
        access = found.access
        became = coloured(f"refused  {access.refused}", "yellow") if access.refused else f"{access.rows:,} rows"
        yield f"  {access.type}  {became}"
        where = [f"in {self._inspection.name(found.tenant)}", time(access.at)]
        who = f"by {access.context.account or 'a guest'}"
        for line in _filled([*where, who, f"invocation {access.context.trace.current}"], WIDTH - 6):
            yield coloured(f"      {line}", "faint")


def _filled(parts: Iterable[str], width: int) -> Iterator[str]:
    """The parts in lines, each as full as can be; no part is broken."""
    line = ""
    for part in parts:
        if line and len(line) + 2 + len(part) > width:
            yield line
            line = ""
        line = f"{line}  {part}" if line else part
    yield line


def _step(body: dict[str, Any]) -> str:
    """What a saga does next, without its state."""
    asks = [f"asks {each['type']}" for each in body["asks"]]
    waits = [f"to be woken {body['due'][:19].replace('T', ' ')}"] if body.get("due") else []
    return f"({', '.join([*asks, *waits, 'settled' if body['settled'] else 'not settled'])})"


def _problem(entry: Entry) -> str:
    problem = entry.problem
    if problem is None:
        return ""
    return f"  {problem.key}" + (f" {msgspec.json.encode(problem.params).decode()}" if problem.params else "")


def _on_behalf(entry: Entry) -> str:
    access = entry.context.access
    person = access.actor.on_behalf_of if isinstance(access, Authenticated) else None
    return f" for {person.account}" if person else ""


def _after(node: Node) -> str:
    """How long after what caused it."""
    if node.after is None:
        return ""
    days, milliseconds = divmod(node.after, 86_400_000)
    if days:
        said = f"{days:,} d"
    elif milliseconds < 10_000:
        said = f"{milliseconds:,} ms"
    else:
        said = f"{milliseconds // 1000:,} s"
    return f"  {'by time, ' if node.timer else ''}after {said}"
