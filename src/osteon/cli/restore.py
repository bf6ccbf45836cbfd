"""`osteon restore`: makes an installation of a backup, or brings one tenant back."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from osteon.app.formats import FORMAT
from osteon.app.manifest import Manifest, read_manifest
from osteon.app.restore import finish, key_of, lost, restore_all, restore_tenant
from osteon.cli.inspecting import add_options, complain, writing
from osteon.cli.terminal import Stages
from osteon.model import OsteonError, record_json

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon restore --from backups/monday --data shop2 --installation-key kept/installation.key
  osteon restore --from backups/monday --data shop --tenant acme --yes
  osteon restore --finish --data shop              goes on with one that was broken off

All is restored into a folder that is new or empty. One tenant is restored beside the others, while no server runs:
its history, views and key are those of the backup afterwards, and what it did since then is lost; nothing else
changes. What is lost is said first, and happens with --yes.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "restore",
        help="bring back all of a backup, or one tenant",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="the backup")
    parser.add_argument("--tenant", metavar="NAME|ID", help="only this tenant, into an installation that is there")
    parser.add_argument("--installation-key", type=Path, metavar="FILE", help="the key, where it is not in the backup")
    parser.add_argument("--yes", action="store_true", help="lose what the tenant did after the backup")
    parser.add_argument("--finish", action="store_true", help="finish a restore that was broken off")
    parser.set_defaults(run=writing(_run))


def _run(options: argparse.Namespace) -> int:
    if options.finish:
        return _finish(options)
    if options.folder is None:
        raise OsteonError("Name the backup with '--from'.")
    return _one(options) if options.tenant else _all(options)


def _all(options: argparse.Namespace) -> int:
    manifest = read_manifest(options.folder)
    key = key_of(options.folder, manifest, options.installation_key)
    with Stages() as told:
        restore_all(options.folder, options.data, key, told)
    entries = sum(each.entries for each in manifest.tenants)
    if options.json:
        print(record_json({"tenants": len(manifest.tenants), "entries": entries, "made": manifest.made}).decode())
        return 0
    print(
        f"{entries:,} entries of {len(manifest.tenants):,} tenants are in '{options.data}'. {_next(manifest, options)}"
    )
    return 0


def _one(options: argparse.Namespace) -> int:
    # What was begun is finished before anything is said of the tenants.
    finish(options.data)
    found = asyncio.run(lost(options.folder, options.data, options.tenant))
    name = found.tenant.name
    if found.entries and not options.yes:
        complain(f"{found.entries:,} entries of '{name}' came after the backup and would be lost. Say so with '--yes'.")
        return 1
    with Stages() as told:
        restore_tenant(options.folder, options.data, options.tenant, told)
    if options.json:
        print(record_json({"tenant": name, "entries": found.tenant.entries, "lost": found.entries}).decode())
        return 0
    print(
        f"'{name}' has the {found.tenant.entries:,} entries of the backup again; {found.entries:,} later ones are lost."
    )
    return 0


def _finish(options: argparse.Namespace) -> int:
    tenant = finish(options.data)
    if options.json:
        print(record_json({"tenantId": tenant}).decode())
    else:
        print(f"The restore of '{tenant}' is finished." if tenant else "There is nothing to finish.")
    return 0


def _next(manifest: Manifest, options: argparse.Namespace) -> str:
    if manifest.format != FORMAT:
        return f"They are in format {manifest.format}: run 'osteon upgrade --data {options.data}' first."
    return f"Serve them with 'osteon up {manifest.product or 'PRODUCT'} --data {options.data}'."
