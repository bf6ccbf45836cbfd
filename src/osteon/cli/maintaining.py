"""`osteon views start` and `rebuild`: asked of the running server, recorded, then watched until it is done."""

import argparse
import sys
from typing import Any

from osteon.adapters.system.clock import SystemClock
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.inspection import Inspection
from osteon.app.operator_client import ask
from osteon.cli.inspecting import add_options, inspecting
from osteon.cli.terminal import Line, coloured
from osteon.model import Identifiers, OsteonError, record_json

__all__ = ["add_to"]

START = """examples:
  osteon views start project --tenant acme --reason "the code of names is mended"

Has a view that stopped go on with the entry at which it did. A start of the server tries that, too; this needs none, for
what failed for another reason than its code. Asks the running server; it is recorded in the tenant who asked, and why.
"""
REBUILD = """examples:
  osteon views rebuild project --tenant acme --reason "rows were changed by hand"
  osteon views rebuild project --all --reason "a fold of last week was wrong" --json

Makes the rows of a view again from all entries, beside the rows that are there, which answer queries meanwhile. Asks the
running server; it is recorded in each tenant who asked, and why. A view by which something is decided is made again at a
start, once its 'revision' is raised. Broken off with Ctrl-C, the server goes on with the tenant that it is at.
"""


def add_to(parts: Any) -> None:
    """Adds both parts to the parser of `osteon views`."""
    start = _part(parts, "start", "have a stopped view go on", START)
    start.add_argument("--tenant", required=True, metavar="NAME|ID", help="the tenant")
    start.set_defaults(run=inspecting(_run), type="start-view", all=False)
    rebuild = _part(parts, "rebuild", "make the rows of a view again", REBUILD)
    which = rebuild.add_mutually_exclusive_group(required=True)
    which.add_argument("--tenant", metavar="NAME|ID", help="the tenant")
    which.add_argument("--all", action="store_true", help="every tenant, one after another")
    rebuild.set_defaults(run=inspecting(_run), type="rebuild-view")


def _part(parts: Any, name: str, help: str, examples: str) -> argparse.ArgumentParser:  # noqa: A002
    shape = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = parts.add_parser(name, help=help, epilog=examples, formatter_class=shape)
    parser.add_argument("view", help="the view, as 'osteon views list' names it")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")
    add_options(parser)
    return parser


async def _run(inspection: Inspection, options: argparse.Namespace) -> int:
    if not options.reason.strip():
        raise OsteonError("Say why with '--reason': it is recorded.")
    tenants = inspection.all_tenants() if options.all else [inspection.named(options.tenant)]
    identifiers = Identifiers(SystemClock().milliseconds, SystemEntropy().bytes)
    well = True
    for number, tenant in enumerate(tenants, 1):
        name = inspection.name(tenant)
        where = f"{name} ({number} of {len(tenants)})" if len(tenants) > 1 else name
        body = {"maintenance": identifiers.next(), "view": options.view, "reason": options.reason}
        request = {"do": "command", "tenant": tenant, "type": options.type, "key": identifiers.next(), "body": body}
        told = _asked(options, request, f"{options.view} of {where}")
        well = well and told["verdict"] == "accepted" and told["outcome"]["state"] == "following"
        print(record_json(told).decode() if options.json else _said(options, name, told))
        sys.stdout.flush()
    return 0 if well else 1


def _asked(options: argparse.Namespace, request: dict[str, Any], what: str) -> dict[str, Any]:
    """The result of a command; how far it is stands on standard error meanwhile."""
    told: dict[str, Any] = {}
    with Line() as line:
        for answer in ask(options.data, request):
            if "progress" in answer:
                line(f"{what}: {_progress(answer['progress'])}")
            told = answer.get("result", told)
    return told


def _progress(progress: dict[str, Any]) -> str:
    left, rate = progress.get("secondsLeft"), progress.get("entriesPerSecond")
    parts = [progress["state"].replace("-", " ")]
    if "percent" in progress:
        parts.append(f"{progress['percent']} %")
    parts += [f"{rate:,} entries/s"] if rate else []
    parts += [f"{left:.0f} s left"] if left is not None else []
    return ", ".join(parts)


def _said(options: argparse.Namespace, tenant: str, told: dict[str, Any]) -> str:
    view = f"'{options.view}' of '{tenant}'"
    if told["verdict"] != "accepted":
        return f"{view}: {coloured('rejected', 'red')}: {told['says']}"
    outcome = told["outcome"]
    stop = outcome.get("stop")
    if stop is not None:
        where = f"entry {stop['sequence']} of partition {stop['partition']}"
        return f"{view} {coloured('stopped', 'red')} at a '{stop['event']}', {where}: {stop['reason']}. Mend its code."
    nothing = " It had not stopped." if options.type == "start-view" else " There was nothing to make again."
    return f"{view} {coloured('follows', 'green')}.{nothing if outcome['taken'] is False else ''}"
