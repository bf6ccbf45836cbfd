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
from benchmarks.figures import FIGURES, LOOP, OTHERS, OURS, WAYS, Cell, Figure
from benchmarks.load import wrk
from benchmarks.peers import Peer, Place
from benchmarks.peers.crud import Crud
from benchmarks.peers.events import Events
from benchmarks.peers.limit import Limit
from benchmarks.peers.osteon import SAGA, SINK, Osteon
from benchmarks.record import Record
from benchmarks.studies import Sizes, Study
from benchmarks.studies.cold import ColdOfEvents, ColdOfOurs
from benchmarks.studies.growth import Growth, Large, Memory, Recovery
from benchmarks.studies.rebuild import RebuildOfEvents, RebuildOfOurs

DISK = Path("/var/tmp")  # noqa: S108 (a disk by convention, where /tmp may be memory)
MINUTES = 120
ENTRIES = 1_000_000
QUICK = 10_000
LEAST = 1_000
TENANTS = 200
BUSY = 10


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
    peers = [_peer(way, place) for name in options.peers for way in WAYS.get(name, (name,))]
    apart = _Apart(place, Sizes(options.entries), options.seconds)
    setting = {
        **machine.described(folder),
        **versions(),
        "rounds": str(options.rounds),
        "seconds": str(options.seconds),
        "entries": f"{options.entries:,}",
    }
    record = Record()
    ended = 0
    try:
        rounds.run(_plan(options, figures), peers, apart.given, record)
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
    return rounds.Plan(cells, options.rounds, options.seconds)


def _peer(name: str, place: Place) -> Peer:
    match name:
        case "P":
            return Crud(place)
        case "L":
            return Limit(place)
        case "E":
            return Events(place)
        case _ if name == LOOP:
            return Events(place, name=LOOP, endpoints="loop")
        case _:
            return Osteon(place)


class _Apart:
    """What cells are measured with that want data of their own, which the load of the others would disturb."""

    def __init__(self, place: Place, sizes: Sizes, seconds: int) -> None:
        self._place, self._sizes, self._seconds = place, sizes, seconds
        self._large = Large(place, sizes)

    def given(self, peer: str, cell: Cell) -> Peer | Study:
        """What a peer is measured with in a cell."""
        place, sizes = self._place, self._sizes
        match cell:
            case Cell.COLD:
                return ColdOfOurs(place, sizes) if peer == OURS else ColdOfEvents(place, sizes)
            case Cell.REBUILD:
                return RebuildOfOurs(place, sizes) if peer == OURS else RebuildOfEvents(place, sizes)
            case Cell.MEMORY:
                return Memory(self._large)
            case Cell.GROWTH:
                return Growth(place, sizes, self._seconds, self._large)
            case Cell.RECOVERY:
                return Recovery(self._large)
            case Cell.SAGA:
                return Osteon(place, name=f"{OURS}-saga", product=SAGA)
            case Cell.SINK:
                return Osteon(place, name=f"{OURS}-sink", product=SINK)
            case Cell.SNAPSHOTS:
                return Osteon(place, name=f"{OURS}-snapshots", busy=BUSY)
            case _:
                return Osteon(place, name=f"{OURS}-{cell.value}", tenants=TENANTS)


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
    parser.add_argument("--figures", help=f"these alone, comma-separated ({','.join(each.key for each in FIGURES)})")
    parser.add_argument("--only", action="append", default=[], metavar="FIGURE", help="this figure alone; repeatable")
    parser.add_argument("--peers", default=",".join((*OTHERS, OURS)), help="who takes part (P,L,E,ours)")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything runs")
    parser.add_argument("--rounds", type=int, help="how often each cell is measured (3)")
    parser.add_argument("--seconds", type=int, help="how long a cell lasts (3)")
    parser.add_argument(
        "--entries",
        type=int,
        help=f"of the largest journal; whatever else is large is in proportion ({ENTRIES})",
    )
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"stop the whole run after so long ({MINUTES})")
    parser.add_argument("--folder", type=Path, default=DISK, help="where data goes; a disk, not memory (/var/tmp)")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else 3)
    options.entries = options.entries or (QUICK if options.quick else ENTRIES)
    options.only += options.figures.split(",") if options.figures else []
    options.peers = options.peers.split(",")
    if unknown := set(options.peers) - {*OTHERS, OURS}:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}")
    if unknown := set(options.only) - {figure.key for figure in FIGURES}:
        parser.error(f"unknown figures: {', '.join(sorted(unknown))}; there are {', '.join(f.key for f in FIGURES)}")
    if options.entries < LEAST:
        parser.error(f"with fewer than {LEAST} entries there is nothing to be in proportion")
    return options


if __name__ == "__main__":
    sys.exit(main())
