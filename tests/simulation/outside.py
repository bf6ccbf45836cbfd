"""Runs the tests outside of the simulation with a planted bug: one that they find anyway shows nothing of the simulation.

python -m tests.simulation.outside                          every planted bug, with every other test
python -m tests.simulation.outside timer-early tests/engine one of them, with some tests

The bug is in the process that runs the tests, not in servers that they start. Loaded by pytest as a plugin, this module plants
the bug that the environment names.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.simulation.mutants import MUTANTS, planted

__all__ = ["main"]

PLANTED = "PLANTED_BUG"
ALL = ("tests", "demo", "sdk", "src", "--ignore=tests/simulation")


def main(arguments: Sequence[str]) -> int:
    """Says of each planted bug whether the other tests pass with it, else which one does not; always 0."""
    names = [each for each in arguments if each in MUTANTS] or list(MUTANTS)
    what = [each for each in arguments if each not in MUTANTS] or list(ALL)
    for name in names:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "tests.simulation.outside", *what]
        # The bug is not to reach the tests of the bugs themselves, which would plant it twice.
        environment = {**os.environ, PLANTED: name}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        found = lines[0].split(" - ")[0] if lines else "passes with it" if done.returncode == 0 else done.stdout[-300:]
        sys.stdout.write(f"{name}: {found}\n")
        sys.stdout.flush()
    return 0


def pytest_configure(config: Any) -> None:
    """Plants the bug for as long as the tests run."""
    name = os.environ.get(PLANTED)
    if name is not None:
        bug = planted(MUTANTS[name])
        bug.__enter__()
        config.add_cleanup(lambda: bug.__exit__(None, None, None))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
