"""`osteon export`: writes all that a tenant has into plain files."""

import argparse
from pathlib import Path
from typing import Any

from osteon.app.export import export
from osteon.app.inspection import NoInstallation, known_product
from osteon.app.products import load_product
from osteon.cli.inspecting import add_options, complain, writing
from osteon.cli.schemas import documents
from osteon.cli.terminal import Stages
from osteon.model import OsteonError, record_json

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon export --data shop --tenant acme --to acme-2027-03
  osteon export --data shop --tenant acme --to acme --json | jq .rows

Entries, rows and accesses as JSON Lines, the schemas of all messages, and a README that says what is what. Personal
values are in it; what is sealed, such as the hashes of passwords, is not. It runs beside a server.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    help_ = "write all that a tenant has into plain files"
    parser: argparse.ArgumentParser = commands.add_parser("export", help=help_, epilog=EXAMPLES, formatter_class=shape)
    add_options(parser)
    parser.add_argument("--tenant", metavar="NAME|ID", required=True, help="the tenant")
    parser.add_argument("--to", type=Path, metavar="FOLDER", required=True, help="the folder, to be made")
    parser.add_argument("--product", metavar="NAME", help="the product (default: the one that was last served)")
    parser.set_defaults(run=writing(_run))


def _run(options: argparse.Namespace) -> int:
    if not options.data.is_dir():
        raise NoInstallation(f"There is no folder '{options.data}'. Name the data folder with '--data'.")
    name = options.product or known_product(options.data)
    if name is None:
        raise OsteonError("It is not known which product was served from the folder. Name it with '--product'.")
    product = load_product(name)
    with Stages() as told:
        exported = export(options.data, product, options.tenant, options.to, documents(product), told)
    if exported.left_out:
        complain(f"Left out, as the product does not know them: {', '.join(exported.left_out)}.")
    if options.json:
        print(record_json(exported).decode())
        return 0
    rows = f"{sum(exported.rows.values()):,} rows of {len(exported.rows):,} views"
    print(
        f"{exported.entries:,} entries, {rows} and {exported.accesses:,} accesses of '{exported.name}' in '{options.to}'."
    )
    return 0
