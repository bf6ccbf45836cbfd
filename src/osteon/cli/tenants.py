"""`osteon tenants`: who uses an installation."""

import argparse
from typing import Any

from osteon.app.inspection import Chain, Inspection
from osteon.cli.inspecting import add_options, inspecting
from osteon.cli.terminal import table
from osteon.messages import ENTRY
from osteon.model import record_json
from osteon.modules.identity.people import people
from osteon.modules.tenancy.paths import paths
from osteon.modules.tenancy.registry import TenantRow

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon tenants
  osteon tenants --json | jq -r '.[].name'
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("tenants", help="list the tenants", epilog=EXAMPLES, formatter_class=shape)
    add_options(parser)
    parser.set_defaults(run=inspecting(_list))


async def _list(inspection: Inspection, options: argparse.Namespace) -> int:
    found = [await _of(inspection, tenant) for tenant in inspection.tenants]
    if options.json:
        print(record_json(found).decode())
    else:
        keys = ["name", "id", "type", "root", "scopes", "people", "entries"]
        print(table(keys, [[each[key] for key in keys] for each in found]))
    return 0


async def _of(inspection: Inspection, row: TenantRow) -> dict[str, Any]:
    tenant = row.tenant
    return {
        "name": row.name,
        "id": tenant,
        "type": row.type,
        "root": row.root,
        "scopes": len(await inspection.rows(tenant, paths)),
        "people": len(await inspection.rows(tenant, people)),
        "entries": sum(inspection.last(Chain(tenant, ENTRY, each)) for each in inspection.partitions(tenant)),
    }
