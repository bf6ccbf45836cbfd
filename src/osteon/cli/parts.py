"""What the parts of `osteon journal` share: how each is declared, and whose journals it reads."""

import argparse
from typing import Any

from osteon.app.inspection import Inspection
from osteon.cli.inspecting import add_options
from osteon.model import TenantId

__all__ = ["add_part", "bare_part", "chosen_tenants"]


def add_part(parts: Any, name: str, help: str, examples: str) -> argparse.ArgumentParser:  # noqa: A002
    """A part that reads a data folder, of one tenant if asked."""
    parser = bare_part(parts, name, help, examples)
    add_options(parser)
    parser.add_argument("--tenant", metavar="NAME|ID", help="only this tenant")
    return parser


def bare_part(parts: Any, name: str, help: str, examples: str) -> argparse.ArgumentParser:  # noqa: A002
    """A part that needs no data folder."""
    shape = argparse.RawDescriptionHelpFormatter
    parser: argparse.ArgumentParser = parts.add_parser(name, help=help, epilog=examples, formatter_class=shape)
    return parser


def chosen_tenants(inspection: Inspection, options: argparse.Namespace) -> list[TenantId]:
    """The tenant of `--tenant`, else all."""
    return [inspection.named(options.tenant)] if options.tenant else inspection.all_tenants()
