"""`osteon status`: how a running server is, at one look, and what needs a hand."""

import argparse
import asyncio
import sys
import time as clock
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from osteon.app.inspection import Inspection
from osteon.app.operator_client import NotRunning, result
from osteon.app.status import Finding, Status, findings, newest_head
from osteon.cli.inspecting import add_options, complain
from osteon.cli.terminal import coloured, size, time
from osteon.model import OsteonError, decoder, record_json

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon status                      one look
  osteon status --watch              a look every two seconds, until Ctrl-C
  osteon status --json | jq '.findings[] | .mend'
  osteon status >/dev/null || page-somebody

Ends with 0 when all is well, with 1 when something needs a hand: each finding stands with the command that mends it, or
tells more. Asks the running server at its socket in the data folder, so only whoever runs the server, or root, may.
Without a running server it says what the files tell, and ends with 1.
"""
EVERY = 2.0
CLEAR = "\033[2J\033[H"
STATUSES = decoder(Status)


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    help_ = "how the running server is, and what needs a hand"
    parser: argparse.ArgumentParser = commands.add_parser("status", help=help_, epilog=EXAMPLES, formatter_class=shape)
    add_options(parser)
    parser.add_argument("--watch", action="store_true", help="look again every two seconds")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if not options.watch:
        return _look(options)
    try:
        while True:
            if sys.stdout.isatty():
                print(CLEAR, end="")
            _look(options)
            sys.stdout.flush()
            clock.sleep(EVERY)
    except KeyboardInterrupt:
        return 0


def _look(options: argparse.Namespace) -> int:
    try:
        told = result(options.data, {"do": "status"})
    except NotRunning as fault:
        return _without(options, str(fault))
    try:
        status = STATUSES.decode(msgspec.json.encode(told))
    except msgspec.ValidationError as fault:
        raise OsteonError(f"The server is of another version than this command: {fault}.") from fault
    found = list(findings(status, options.data))
    if options.json:
        print(record_json({"running": True, "well": not found, "findings": found, **told}).decode())
    else:
        print("\n".join(_screen(status, found)))
    return 1 if found else 0


def _screen(status: Status, found: list[Finding]) -> Iterator[str]:
    server = status.server
    commit = f", commit {server.commit[:10]}" if server.commit else ""
    ready = coloured("ready", "green") if server.ready else coloured("not ready", "red")
    yield _line("server", f"{server.product} on Osteon {server.version}{commit}, {ready}, up {_age(server.since)}")
    journal = (
        f"{status.entries:,} entries of {status.tenants:,} tenants, batch {status.batches:,}, drain {_lag(status)}"
    )
    yield _line("journal", journal)
    queues = ", ".join(f"{each.tenant} {each.waiting:,}" for each in status.queues)
    yield _line("inbox", f"{status.waiting:,} waiting{': ' + queues if queues else ''}")
    yield _line("memory", ", ".join(_bound(each.name, each.count, each.limit) for each in status.memory))
    yield _line("views", _late(status))
    for view in status.views:
        left = "" if view.seconds_left is None else f", {view.seconds_left:.0f} s left"
        how = f"at a {view.reason}" if view.state == "stopped" else f"{view.percent} %{left}"
        colour = "red" if view.state == "stopped" else "yellow"
        yield _line("", coloured(f"{view.tenant} {view.view} {view.state.replace('-', ' ')} {how}", colour))
    yield _line("sagas", ", ".join(_sagas(status)) or "all settled")
    yield _line("timers", f"{status.timers:,} waiting, {status.under_way:,} commands of reactions and sagas under way")
    letters = status.dead_letters
    yield _line("dead letters", coloured(f"{letters:,}", "red" if letters else "green"))
    yield _line("sinks", "nothing to do" if not status.sinks else f"{len(status.sinks):,} have something to do")
    for sink in status.sinks:
        how = f"{sink.lag:,} entries behind" if sink.since is None else f"waits since {time(sink.since)}: {sink.reason}"
        yield _line("", coloured(f"{sink.tenant} {sink.sink} {how}", "yellow"))
    yield _line("refused", _refused(status))
    yield _line("heads", f"the newest was signed {_ago(status.head)}")
    share = f"{100 * status.disk_free // status.disk_size} %" if status.disk_size else "nothing"
    yield _line("disk", f"{size(status.disk_free)} free, {share}")
    yield ""
    yield from _found(found)


def _found(found: list[Finding]) -> Iterator[str]:
    if not found:
        yield coloured("All is well.", "green")
    for finding in found:
        yield f"{coloured('!', 'red')} {finding.what}"
        yield coloured(f"    {finding.mend}", "cyan")


def _without(options: argparse.Namespace, fault: str) -> int:
    """What the files tell of an installation that nobody serves."""
    told = asyncio.run(_of_files(options.data))
    if options.json:
        print(record_json({"running": False, "well": False, **told}).decode())
    else:
        print(_line("server", coloured("not running", "red")))
        print(_line("journal", f"{told['tenants']:,} tenants, newest filed entry {_ago(told['newest'])}"))
        print(_line("views", "all follow" if not told["stopped"] else f"{len(told['stopped']):,} stopped"))
        for view in told["stopped"]:
            print(_line("", coloured(f"{view['tenant']} {view['view']} stopped at a '{view['event']}'", "red")))
        print(_line("heads", f"the newest was signed {_ago(told['head'])}"))
        print()
    complain(fault)
    return 1


async def _of_files(data: Path) -> dict[str, Any]:
    inspection = await Inspection.open(data)
    try:
        tenants = inspection.all_tenants()
        times = [at for tenant in tenants if (at := await inspection.newest(tenant))]
        standings = [each for tenant in tenants for each in inspection.views(tenant)]
        return {
            "tenants": len(tenants),
            "newest": max(times, default=None),
            "stopped": [
                {"tenant": inspection.name(each.tenant), "view": each.view, "event": each.stop.event}
                for each in standings
                if each.stop is not None
            ],
            "head": newest_head(data),
            "faults": [str(fault) for fault in inspection.faults],
        }
    finally:
        inspection.close()


def _lag(status: Status) -> str:
    restarts = f", started again {status.drain_restarts:,} times" if status.drain_restarts else ""
    return f"{status.lag:,} entries behind{restarts}"


def _bound(name: str, count: int, limit: int | None) -> str:
    return f"{count:,} {name}" if limit is None else f"{count:,} of {limit:,} {name}"


def _late(status: Status) -> str:
    return ", ".join(f"{count:,} {state.replace('-', ' ')}" for state, count in status.late.items()) or "all follow"


def _sagas(status: Status) -> Iterator[str]:
    for each in status.sagas:
        yield f"{each.unsettled:,} {each.saga.replace('_', ' ')} not settled, for up to {_span(each.seconds)}"
    if status.stuck_count:
        yield coloured(f"{status.stuck_count:,} stuck", "red")


def _refused(status: Status) -> str:
    most = sorted(status.refused.items(), key=lambda each: -each[1])
    counted = ", ".join(f"{key} {count:,}" for key, count in most[:5])
    others = f" and {len(most) - 5:,} other problems" if len(most) > 5 else ""
    dropped = f"; {status.access_dropped:,} refusals not in the access log" if status.access_dropped else ""
    return f"{counted or 'nothing'}{others}{dropped}"


def _ago(at: datetime | str | None) -> str:
    if at is None or isinstance(at, str):
        return "never" if at is None else at
    return f"{_age(at)} ago ({time(at)})"


def _age(at: datetime) -> str:
    return _span((datetime.now(UTC) - at).total_seconds())


def _span(seconds: float) -> str:
    """A time span as a person reads it."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}" if unit == "min" else f"{seconds / length:.1f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _line(name: str, text: str) -> str:
    return f"{coloured(f'{name:<13}', 'faint')} {text}"
