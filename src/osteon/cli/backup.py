"""`osteon backup`: copies an installation beside its server, and drills the way back."""

import argparse
from pathlib import Path
from typing import Any

from osteon.app.backup import NotWhole, back_up
from osteon.app.drill import drill
from osteon.app.manifest import Manifest, read_manifest
from osteon.app.restore import key_of
from osteon.cli.inspecting import add_options, complain, writing
from osteon.cli.terminal import Stages, coloured, size
from osteon.model import OsteonError, record_json

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon backup --data shop --to backups/monday    beside the running server, or while none runs
  osteon backup verify backups/monday              the drill: starts from it elsewhere, and looks at every record

A backup holds everything that was acknowledged before it began. It is looked through while it is made, and gets its
name once it is whole: what was broken off is called '….unfinished' and is of no use.

The keys of the tenants are in it, wrapped under the installation's key. That one is not, unless
--with-installation-key is said: whoever has both can read everything, so keep a copy of keys/installation.key
elsewhere, such as in a password store. Without it a backup is worth nothing.
"""
VERIFY = """examples:
  osteon backup verify backups/monday
  osteon backup verify backups/monday --installation-key shop/keys/installation.key --json

Copies the backup to a folder that is thrown away, starts from it as a server would, without serving or sending
anything, verifies every chain and compares what is there with the manifest. Ends with 1 when something is wrong.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    backup: argparse.ArgumentParser = commands.add_parser(
        "backup", help="copy an installation, while it is served or not", epilog=EXAMPLES, formatter_class=shape
    )
    add_options(backup)
    backup.add_argument("--to", type=Path, metavar="FOLDER", help="the folder of the backup, to be made")
    backup.add_argument(
        "--with-installation-key", action="store_true", help="put the key that opens all others into the backup"
    )
    backup.set_defaults(run=_back_up)
    parts = backup.add_subparsers(dest="part", metavar="verify")
    verify = parts.add_parser("verify", help="drill the way back", epilog=VERIFY, formatter_class=shape)
    verify.add_argument("folder", type=Path, help="the backup")
    verify.add_argument("--installation-key", type=Path, metavar="FILE", help="the key, where it is not in the backup")
    verify.add_argument("--product", metavar="NAME", help="the product (default: the one that was last served)")
    verify.add_argument("--scratch", type=Path, metavar="FOLDER", help="where there is room for a copy")
    verify.add_argument("--json", action="store_true", help="JSON, for programs")
    verify.set_defaults(run=writing(_verify))


def _back_up(options: argparse.Namespace) -> int:
    if options.to is None:
        raise OsteonError("Name the folder of the backup with '--to'; it is made.")
    with Stages() as told:
        manifest = back_up(options.data, options.to, told, with_key=options.with_installation_key)
    if options.json:
        print(record_json(_counted(manifest)).decode())
        return 0
    print(f"{_said(manifest)} in '{options.to}': {coloured('whole', 'green')}.")
    if not manifest.installation_key:
        print(f"The installation's key is not in it. Keep '{options.data}/keys/installation.key' elsewhere.")
    return 0


def _verify(options: argparse.Namespace) -> int:
    manifest = read_manifest(options.folder)
    key = key_of(options.folder, manifest, options.installation_key)
    try:
        with Stages() as told:
            drilled = drill(options.folder, key, options.product, options.scratch, told)
    except NotWhole as fault:
        complain(str(fault))
        return 1
    if options.json:
        print(record_json({"whole": not drilled.findings, **_counted(manifest), "findings": drilled.findings}).decode())
        return 1 if drilled.findings else 0
    for finding in drilled.findings:
        print(f"{coloured(finding.what, 'red')}  {finding.tenant}: expected {finding.expected}; found {finding.found}")
    verdict = coloured(f"{len(drilled.findings):,} findings", "red")
    if not drilled.findings:
        verdict = coloured("everything is there, once, and nothing was changed", "green")
    print(f"Started from the backup of {manifest.made:%Y-%m-%d %H:%M} UTC. {_said(manifest)}: {verdict}.")
    return 1 if drilled.findings else 0


def _counted(manifest: Manifest) -> dict[str, Any]:
    return {
        "made": manifest.made,
        "batch": manifest.batch,
        "tenants": len(manifest.tenants),
        "entries": sum(each.entries for each in manifest.tenants),
        "accessBlocks": sum(each.access_blocks for each in manifest.tenants),
        "files": len(manifest.files),
        "bytes": sum(file.bytes for file in manifest.files),
        "installationKey": manifest.installation_key,
    }


def _said(manifest: Manifest) -> str:
    counted = _counted(manifest)
    return (
        f"{counted['entries']:,} entries of {counted['tenants']:,} tenants, up to batch {manifest.batch:,}, "
        f"in {counted['files']:,} files of {size(counted['bytes'])}"
    )
