"""Runs the `osteon` command as `python -m osteon.cli`."""

import sys

from osteon.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
