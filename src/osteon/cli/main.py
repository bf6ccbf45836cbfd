"""The commands of `osteon`, and their options."""

import argparse
from collections.abc import Sequence

from osteon.app.logs import configure_logs
from osteon.cli import schemas, up

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="osteon", description="Runs and inspects an Osteon installation.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    up.add_to(commands)
    schemas.add_to(commands)
    options = parser.parse_args(arguments)
    configure_logs()
    status: int = options.run(options)
    return status
