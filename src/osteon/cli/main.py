"""The commands of `osteon`, and their options."""

import argparse
from collections.abc import Sequence

from osteon.app.logs import configure_logs
from osteon.cli import (
    backup,
    export,
    investigate,
    journal,
    letters,
    rehearse,
    restore,
    schemas,
    status,
    tenants,
    up,
    upgrade,
    views,
)
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="osteon",
        description="Runs and inspects an Osteon installation.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in (
        up,
        status,
        journal,
        views,
        letters,
        tenants,
        investigate,
        rehearse,
        backup,
        restore,
        export,
        upgrade,
        schemas,
    ):
        command.add_to(commands)
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
