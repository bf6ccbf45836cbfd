"""`osteon upgrade`: takes a data folder of an older format over."""

import argparse
from typing import Any

from osteon.app.upgrade import Step, Upgrade, plan, upgrade
from osteon.cli.inspecting import add_options, complain, writing
from osteon.cli.terminal import coloured
from osteon.model import record_json

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon upgrade --data shop --dry-run             what there is to do; changes nothing
  osteon upgrade --data shop --yes                 does it, while no server runs

There is no way back from a newer format but a backup: make one first, with the program that wrote the folder. Broken
off, it goes on where it was when it is run again.
"""


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    help_ = "take a data folder of an older format over"
    parser: argparse.ArgumentParser = commands.add_parser("upgrade", help=help_, epilog=EXAMPLES, formatter_class=shape)
    add_options(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what there is to do")
    parser.add_argument("--yes", action="store_true", help="there is a backup, or none is needed")
    parser.set_defaults(run=writing(_run))


def _run(options: argparse.Namespace) -> int:
    planned = plan(options.data)
    if options.dry_run or not planned.steps:
        _say(options, planned, done=False)
        return 0
    if not options.yes:
        _say(options, planned, done=False)
        complain("Make a backup first, with the program that wrote the folder; then say '--yes'.")
        return 1
    _say(options, upgrade(options.data, _tell), done=True)
    return 0


def _tell(number: int, step: Step) -> None:
    complain(f"format {number}: {step.says}")


def _say(options: argparse.Namespace, planned: Upgrade, *, done: bool) -> None:
    if options.json:
        steps = [step.says for step in planned.steps]
        print(record_json({"before": planned.before, "after": planned.after, "steps": steps, "done": done}).decode())
        return
    if not planned.steps:
        print(
            f"'{options.data}' has format {planned.before}, which is the newest: {coloured('nothing to do', 'green')}."
        )
        return
    print(f"'{options.data}': from format {planned.before} to {planned.after}{', done' if done else ''}.")
    for number, step in enumerate(planned.steps, planned.before + 1):
        print(f"  {number}  {step.says}")
