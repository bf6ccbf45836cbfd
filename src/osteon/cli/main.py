"""The commands of `osteon`, and their options."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from osteon.app.logs import configure_logs
from osteon.cli.inspecting import complain
from osteon.model import OsteonError

__all__ = ["main"]

EXAMPLES = """examples:
  osteon up demo.main:product --data shop     serve a product
  osteon status --data shop                   how it is, and what needs a hand
  osteon tenants --data shop                  what is in its folder, whether it is served or not
  osteon journal follow --data shop           what happens there
  osteon backup --data shop --to monday       a copy of it, while it is served

'osteon COMMAND --help' tells more about each. What only reads never writes into
the folder, and needs no server.
"""
INTERRUPTED = 130
COMMANDS = (
    "up",
    "status",
    "journal",
    "views",
    "letters",
    "tenants",
    "investigate",
    "rehearse",
    "backup",
    "restore",
    "export",
    "upgrade",
    "schemas",
)
"""Each a module of this package."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="osteon",
        description="Runs and inspects an Osteon installation.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name in _wanted(sys.argv[1:] if arguments is None else arguments):
        import_module(f"osteon.cli.{name}").add_to(commands)
    options = parser.parse_args(arguments)
    configure_logs()
    try:
        ended: int = options.run(options)
    except OsteonError as fault:
        complain(str(fault))
        return 1
    except KeyboardInterrupt:
        # Ending is what following waits for.
        return 0 if getattr(options, "part", None) == "follow" else INTERRUPTED
    return ended


def _wanted(arguments: Sequence[str]) -> Sequence[str]:
    """The command that is named, if it is one: loading all of them would take longer than most have to do."""
    return arguments[:1] if arguments and arguments[0] in COMMANDS else COMMANDS
