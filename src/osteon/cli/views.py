"""`osteon views`: how far the views are behind the journal, what becomes of each, and what an operator does about it."""

import argparse
from collections import Counter
from typing import Any

from osteon.app.inspection import Chain, Inspection
from osteon.cli import maintaining
from osteon.cli.inspecting import add_options, inspecting
from osteon.cli.terminal import coloured, size, table, time
from osteon.messages import ACCESS, ENTRY
from osteon.model import TenantId, record_json
from osteon.ports.views import Standing

__all__ = ["add_to"]

STATUS = """examples:
  osteon views status
  osteon views status --json | jq '.[] | select(.lag > 1000)'

An entry is filed once history and views have it. The newest is when the newest filed entry was asked for; blocks
are those of the access log. Views that do not follow are counted by what becomes of them: see 'osteon views list'.
"""

LIST = """examples:
  osteon views list
  osteon views list --tenant acme
  osteon views list --json | jq '.[] | select(.state == "stopped") | .stop'

The place is how many of the tenant's entries the rows have from which queries are answered; the lag, how many they do
not have. A view is rebuilt when its declaration has changed, beside the rows that are there. A view stops when it
cannot take an entry: mend its code and start the server again, and it goes on with that entry; see 'osteon views start'.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    views: argparse.ArgumentParser = commands.add_parser("views", help="how far the views are; start or rebuild one")
    parts = views.add_subparsers(dest="part", required=True, metavar="part")
    shape = argparse.RawDescriptionHelpFormatter
    status = parts.add_parser("status", help="entries, filed and not yet", epilog=STATUS, formatter_class=shape)
    add_options(status)
    status.set_defaults(run=inspecting(_status))
    every = parts.add_parser("list", help="each view: place, lag, state", epilog=LIST, formatter_class=shape)
    add_options(every)
    every.add_argument("--tenant", help="only this one: a name or an identifier")
    every.set_defaults(run=inspecting(_list))
    maintaining.add_to(parts)


async def _status(inspection: Inspection, options: argparse.Namespace) -> int:
    found = [await _of(inspection, tenant) for tenant in inspection.all_tenants()]
    if options.json:
        print(record_json(found).decode())
        return 0
    headings = ["tenant", "entries", "filed", "lag", "blocks", "filed", "newest", "size", "views"]
    keys = ["tenant", "entries", "filed", "lag", "accessBlocks", "accessBlocksFiled"]
    rows = [
        [*(each[key] for key in keys), time(each["newest"]), size(each["bytes"]), _counted(each["views"])]
        for each in found
    ]
    print(table(headings, rows))
    return 0


async def _list(inspection: Inspection, options: argparse.Namespace) -> int:
    tenants = [inspection.named(options.tenant)] if options.tenant else inspection.all_tenants()
    found = [_view(inspection, standing) for tenant in tenants for standing in inspection.views(tenant)]
    if options.json:
        print(record_json(found).decode())
        return 0
    keys = ["tenant", "view", "place", "lag"]
    print(table([*keys, "state"], [[*(each[key] for key in keys), _state(each)] for each in found]))
    return 0


def _view(inspection: Inspection, standing: Standing) -> dict[str, Any]:
    tenant = standing.tenant
    entries = _entries(inspection, tenant)
    place = standing.entries if standing.place is None else standing.place
    stop, left = standing.stop, standing.seconds_left
    return {
        "tenant": inspection.name(tenant),
        "tenantId": tenant,
        "view": standing.view,
        "state": standing.state,
        "place": place,
        "lag": max(entries - place, 0),
        "percent": standing.percent,
        "entriesPerSecond": round(standing.rate),
        "secondsLeft": None if left is None else round(left, 1),
        "stop": None
        if stop is None
        else {"position": stop.position.token, "event": stop.event, "reason": stop.reason, **stop.position._asdict()},
    }


def _state(view: dict[str, Any]) -> str:
    """What becomes of a view, for a person."""
    stop = view["stop"]
    if stop is not None:
        where = f"entry {stop['sequence']} of partition {stop['partition']}"
        return coloured(f"stopped at a '{stop['event']}', {where}: {stop['reason']}", "red")
    if view["state"] == "following":
        return "following"
    left = "" if view["secondsLeft"] is None else f", {view['secondsLeft']:.0f} s left"
    rate = f", {view['entriesPerSecond']:,} entries/s{left}" if view["entriesPerSecond"] else ""
    return coloured(f"{view['state'].replace('-', ' ')} {view['percent']} %{rate}", "yellow")


def _counted(views: dict[str, int]) -> str:
    """How many views there are of each state, without a word about those that follow where all do."""
    others = {state: count for state, count in views.items() if state != "following"}
    return ", ".join(f"{count} {state.replace('-', ' ')}" for state, count in others.items()) or "all follow"


def _entries(inspection: Inspection, tenant: TenantId) -> int:
    return sum(inspection.last(Chain(tenant, ENTRY, each)) for each in inspection.partitions(tenant))


async def _of(inspection: Inspection, tenant: TenantId) -> dict[str, Any]:
    filed = inspection.filed_to(tenant)
    entries = _entries(inspection, tenant)
    count = sum(filed.sequences.values())
    return {
        "tenant": inspection.name(tenant),
        "tenantId": tenant,
        "entries": entries,
        "filed": count,
        "lag": entries - count,
        "newest": await inspection.newest(tenant),
        "accessBlocks": inspection.last(Chain(tenant, ACCESS, 0)),
        "accessBlocksFiled": filed.accesses,
        "bytes": inspection.size(tenant),
        "views": Counter(each.state for each in inspection.views(tenant)),
    }
