"""The benchmark's command line: `python -m benchmarks`, or `./dev bench`."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec

from benchmarks import machine, report, rounds
from benchmarks.environment import versions
from benchmarks.errors import TimedOut, Unfit
from benchmarks.figures import FIGURES, OURS, Cell, Figure
from benchmarks.load import wrk
from benchmarks.peers import Peer, Place
from benchmarks.peers.crud import Crud
from benchmarks.peers.limit import Limit
from benchmarks.peers.osteon import Osteon

DISK = Path("/var/tmp")  # noqa: S108 (a disk by convention, where /tmp may be memory)
MINUTES = 30
TENANTS = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, and give 0 where nothing went wrong, 1 where something did, 2 where nothing can run."""
    options = _options(arguments)
    figures = [figure for figure in FIGURES if not options.only or figure.key in options.only]
    _bound(options.minutes)
    folder = Path(tempfile.mkdtemp(prefix="osteon-bench-", dir=options.folder))
    try:
        # PostgreSQL runs as a user of its own and has to pass through.
        folder.chmod(0o711)
        return _measured(options, figures, folder)
    except Unfit as why:
        print(why, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(options: argparse.Namespace, figures: Sequence[Figure], folder: Path) -> int:
    place = Place(folder, machine.cores())
    os.sched_setaffinity(0, {place.cores.load})
    wrk.program()
    peers = [_peer(name, place) for name in options.peers]
    setting = {
        **machine.described(folder),
        **versions(),
        "rounds": str(options.rounds),
        "seconds": str(options.seconds),
    }
    record = rounds.Record()
    ended = 0
    try:
        rounds.run(_plan(options, figures), peers, lambda cell: _apart(cell, place), record)
    except KeyboardInterrupt:
        ended = 130
        record.troubles.append("the run was interrupted, unfinished and unverified")
    except TimedOut as why:
        record.troubles.append(str(why))
    print("\n".join(f"{name}: {value}" for name, value in setting.items()), end="\n\n")
    print(report.table(figures, record), report.notes(record), sep="\n\n")
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report.report(figures, record, setting))))
    return ended or (0 if report.sound(record) else 1)


def _plan(options: argparse.Namespace, figures: Sequence[Figure]) -> rounds.Plan:
    cells = [cell for cell in Cell if any(cell in figure.cells for figure in figures)]
    return rounds.Plan(cells, options.rounds, options.seconds, options.commands)


def _peer(name: str, place: Place) -> Peer:
    match name:
        case "P":
            return Crud(place)
        case "L":
            return Limit(place)
        case _:
            return Osteon(place)


def _apart(cell: Cell, place: Place) -> Peer:
    """Give ours with data of its own, for a cell that the data of the others would disturb."""
    return Osteon(place, name=f"{OURS}-{cell.value}", tenants=TENANTS if cell is Cell.SPREAD else 2)


def _bound(minutes: float) -> None:
    """End the run in good order when its time is over, or when it is told to end."""

    def over(_: int, __: FrameType | None) -> None:
        reason = f"the run was stopped after {minutes:g} minutes, unfinished and unverified"
        raise TimedOut(reason)

    def told(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, over)
    signal.signal(signal.SIGTERM, told)
    signal.setitimer(signal.ITIMER_REAL, minutes * 60)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks", description="Measures Osteon beside its peers, in ratios.")
    parser.add_argument("--only", action="append", choices=[figure.key for figure in FIGURES], help="this figure alone")
    parser.add_argument("--peers", default="P,L,ours", help="who takes part, comma-separated (P,L,ours)")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything runs")
    parser.add_argument("--rounds", type=int, help="how often each cell is measured (3)")
    parser.add_argument("--seconds", type=int, help="how long a cell lasts (3)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"stop the whole run after so long ({MINUTES})")
    parser.add_argument("--folder", type=Path, default=DISK, help="where data goes; a disk, not memory (/var/tmp)")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else 3)
    options.commands = 3_000 if options.quick else 100_000
    options.peers = options.peers.split(",")
    if unknown := set(options.peers) - {"P", "L", OURS}:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
