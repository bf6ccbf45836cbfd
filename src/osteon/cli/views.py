"""`osteon views`: how far the views are behind the journal."""

import argparse
from typing import Any

from osteon.app.inspection import Chain, Inspection
from osteon.cli.inspecting import add_options, inspecting
from osteon.cli.terminal import size, table, time
from osteon.messages import ACCESS, ENTRY
from osteon.model import TenantId, record_json

__all__ = ["add_to"]

STATUS = """examples:
  osteon views status
  osteon views status --json | jq '.[] | select(.lag > 1000)'

An entry is filed once history and views have it. The newest is when the newest filed entry was asked for; blocks
are those of the access log.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    views: argparse.ArgumentParser = commands.add_parser("views", help="show how far the views are")
    parts = views.add_subparsers(dest="part", required=True, metavar="part")
    shape = argparse.RawDescriptionHelpFormatter
    status = parts.add_parser("status", help="entries, filed and not yet", epilog=STATUS, formatter_class=shape)
    add_options(status)
    status.set_defaults(run=inspecting(_status))


async def _status(inspection: Inspection, options: argparse.Namespace) -> int:
    found = [await _of(inspection, tenant) for tenant in inspection.all_tenants()]
    if options.json:
        print(record_json(found).decode())
        return 0
    headings = ["tenant", "entries", "filed", "lag", "blocks", "filed", "newest", "size"]
    keys = ["tenant", "entries", "filed", "lag", "accessBlocks", "accessBlocksFiled"]
    print(
        table(headings, [[*(each[key] for key in keys), time(each["newest"]), size(each["bytes"])] for each in found])
    )
    return 0


async def _of(inspection: Inspection, tenant: TenantId) -> dict[str, Any]:
    filed = inspection.filed_to(tenant)
    entries = sum(inspection.last(Chain(tenant, ENTRY, each)) for each in inspection.partitions(tenant))
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
    }
