"""The `osteon` command."""

from osteon.cli.main import main

__all__ = ["main"]
