"""`osteon rehearse`: what this checkout would decide otherwise than what was recorded."""

import argparse
import difflib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from osteon.app.inspection import Inspection, known_product
from osteon.app.masking import MASKED, Masking
from osteon.app.products import load_product
from osteon.app.rehearsal import Difference, Outcome, Rehearsal, Selection, Tally, same_json
from osteon.cli.inspecting import add_options, complain, inspecting
from osteon.cli.lines import VERDICTS, actor_of, decided_at
from osteon.cli.pace import Pace
from osteon.cli.terminal import coloured, table
from osteon.domain import Product
from osteon.model import OsteonError

__all__ = ["add_to"]

EXAMPLES = """examples:
  osteon rehearse                                        everything, by the product that was last served
  osteon rehearse demo.main:product --data shop          by another product, such as that of a branch
  osteon rehearse --days 30 --tenant acme --tenant lab   what was asked in the last 30 days
  osteon rehearse --command rename-project --limit 100   one type of command, and more of the differences
  osteon rehearse --json | jq 'select(.kind == "difference") | .invocation'

The deciders of this checkout decide the recorded commands once more: each for the entity as it was, in the context of
then. Shown is what differs: verdict, reason, events, answer. Nothing is written, and a server may be running.

Ends with 0 when nothing differs, with 1 when something does, with 2 when it could not be told. A command that was
faulted and is decided now is mended: that is told, and does not count as a difference.
"""
DIFFERENT, TROUBLE = 1, 2
SHOWN = 20
WIDTH = 100
LEFT = {
    "unknown-command": "unknown commands",
    "unreadable-command": "unreadable commands",
    "unreadable-past": "unreadable past",
    "unreadable-entry": "unreadable entries",
}


def add_to(commands: Any) -> None:
    """Adds the command to a parser."""
    shape = argparse.RawDescriptionHelpFormatter
    help_ = "decide recorded commands again, and show what differs"
    parser: argparse.ArgumentParser = commands.add_parser(
        "rehearse", help=help_, epilog=EXAMPLES, formatter_class=shape
    )
    parser.add_argument(
        "product",
        nargs="?",
        help="whose deciders decide, such as demo.main:product (default: the product that was last served)",
    )
    add_options(parser)
    parser.add_argument(
        "--tenant", metavar="NAME|ID", action="append", default=[], help="only this tenant; may be said several times"
    )
    parser.add_argument("--command", dest="wanted", metavar="TYPE", help="only commands of this type")
    parser.add_argument("--days", type=_days, metavar="N", help="only what was asked in the last N days")
    parser.add_argument(
        "--limit", type=_limit, metavar="N", help=f"show N differences at most (default: {SHOWN}; with --json all)"
    )
    parser.add_argument("--reveal", action="store_true", help="mask nothing")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        return inspecting(_telling(_rehearse))(options)
    except OsteonError as fault:
        complain(str(fault))
        return TROUBLE


def _telling(
    work: Callable[[Inspection, argparse.Namespace], Awaitable[int]],
) -> Callable[[Inspection, argparse.Namespace], Awaitable[int]]:
    """The same work; what of the installation could not be read is told, and is no difference."""

    async def told(inspection: Inspection, options: argparse.Namespace) -> int:
        status = await work(inspection, options)
        for fault in inspection.faults:
            complain(str(fault))
        return TROUBLE if inspection.faults else status

    return told


async def _rehearse(inspection: Inspection, options: argparse.Namespace) -> int:
    product = _product(options)
    _expect_command(product, options.wanted)
    tenants = list(dict.fromkeys(inspection.named(each) for each in options.tenant)) or inspection.all_tenants()
    since = None if options.days is None else datetime.now(UTC) - timedelta(days=options.days)
    pace = Pace("entries")
    rehearsal = Rehearsal(inspection, product, Selection(since, options.wanted), pace.count)
    pace.total = rehearsal.total(tenants)
    say = Said(inspection, Masking(product.catalogue, reveal=options.reveal), options, pace)
    with pace:
        async for difference in rehearsal.differences(tenants):
            say.difference(difference)
    say.summary(rehearsal, pace.seconds)
    return DIFFERENT if any(each.differ for each in rehearsal.tallies.values()) else 0


class Said:
    """Says what differs: lines of JSON, or text that reads well in a hundred columns."""

    def __init__(self, inspection: Inspection, masking: Masking, options: argparse.Namespace, pace: Pace) -> None:
        """Says as the options ask."""
        self._inspection = inspection
        self._masking = masking
        self._json: bool = options.json
        unlimited = None if options.json else SHOWN
        self._limit: int | None = unlimited if options.limit is None else options.limit
        self._pace = pace
        self._count = 0

    def difference(self, difference: Difference) -> None:
        """Says a difference, unless enough of them were said."""
        self._count += 1
        if self._limit is not None and self._count > self._limit:
            return
        self._pace.end()
        if self._json:
            print(self._masking.json(self._as_json(difference)))
        else:
            print("\n".join(self._as_text(difference)), end="\n\n")

    def summary(self, rehearsal: Rehearsal, seconds: float) -> None:
        """Says how it went."""
        if self._json:
            print(self._masking.json(_summed_json(rehearsal, seconds)))
            return
        hidden = self._count - min(self._count, SHOWN if self._limit is None else self._limit)
        if hidden:
            print(f"{hidden:,} more; '--limit' shows more of them.\n")
        print("\n".join(_summed_text(rehearsal, seconds)))

    def _as_json(self, difference: Difference) -> dict[str, Any]:
        entry = difference.entry
        command = entry.command
        return {
            "kind": "mended" if difference.mended else "difference",
            "tenant": self._inspection.name(entry.context.tenant),
            "tenantId": entry.context.tenant,
            "partition": entry.position.partition,
            "sequence": entry.position.sequence,
            "at": entry.context.at,
            "invocation": entry.context.trace.current,
            "entityType": entry.entity_type,
            "entity": entry.entity,
            "command": {"type": command.type, "body": self._masking.message(command.type, bytes(command.body))},
            "then": self._outcome(command.type, difference.then),
            "now": self._outcome(command.type, difference.now),
        }

    def _outcome(self, command: str, outcome: Outcome) -> dict[str, Any]:
        return {
            "verdict": outcome.verdict,
            "problem": outcome.problem,
            "answer": self._masking.answer(command, outcome.answer),
            "events": [{"type": type, "body": self._masking.message(type, body)} for type, body in outcome.events],
            "error": outcome.error,
        }

    def _as_text(self, difference: Difference) -> Iterator[str]:
        entry, then, now = difference
        tenant = self._inspection.name(entry.context.tenant)
        place = f"{tenant} {entry.position.partition}/{entry.position.sequence}"
        kind = coloured("mended", "green") if difference.mended else coloured("differs", "red")
        yield f"{kind}  {entry.command.type}  {entry.entity_type} {entry.entity}"
        yield coloured(f"  {decided_at(entry)}  {place}  by {actor_of(entry)}", "faint")
        yield coloured(f"  invocation {entry.context.trace.current}", "faint")
        yield f"  then  {_in_short(then)}"
        yield f"  now   {_in_short(now)}"
        yield from self._events(then, now)
        if then.verdict == now.verdict == "accepted" and not same_json(then.answer, now.answer):
            for sign, outcome in (("-", then), ("+", now)):
                shown = self._masking.answer(entry.command.type, outcome.answer)
                yield _cut(f"    {sign} answer {msgspec.json.encode(shown).decode()}", sign)

    def _events(self, then: Outcome, now: Outcome) -> Iterator[str]:
        """The events that are not the same, one by one."""
        for number in range(max(len(then.events), len(now.events))):
            was, will = then.events[number : number + 1], now.events[number : number + 1]
            if was and will and was[0][0] == will[0][0]:
                yield from self._fields(was[0][0], was[0][1], will[0][1])
                continue
            for sign, events in (("-", was), ("+", will)):
                for type, body in events:
                    shown = msgspec.json.encode(self._masking.message(type, body)).decode()
                    yield _cut(f"    {sign} {type} {shown}", sign)

    def _fields(self, type: str, was: bytes, will: bytes) -> Iterator[str]:
        """The fields of an event that differ."""
        if same_json(was, will):
            return
        before, after = msgspec.json.decode(was), msgspec.json.decode(will)
        old, new = self._masking.message(type, was), self._masking.message(type, will)
        yield f"    ~ {type}"
        for name in dict.fromkeys((*before, *after)):
            if name in before and name in after and before[name] == after[name]:
                continue
            for sign, fields, shown in (("-", before, old), ("+", after, new)):
                if name in fields:
                    value = MASKED if shown == MASKED else shown[name]
                    yield _cut(f"      {sign} {name} {msgspec.json.encode(value).decode()}", sign)


def _summed_json(rehearsal: Rehearsal, seconds: float) -> dict[str, Any]:
    tallies = {
        type: {"rehearsed": _rehearsed(each), "same": each.same, "differ": each.differ, "mended": each.mended}
        | {"notRehearsed": each.left}
        for type, each in sorted(rehearsal.tallies.items())
    }
    left = [{**why._asdict(), "count": count} for why, count in rehearsal.left.most_common()]
    rate = round(rehearsal.entries / max(seconds, 0.001))
    counts = {"entries": rehearsal.entries, "seconds": round(seconds, 3), "entriesPerSecond": rate}
    return {"kind": "summary", **counts, "commands": tallies, "notRehearsed": left}


def _summed_text(rehearsal: Rehearsal, seconds: float) -> Iterator[str]:
    rows: list[list[str | int]] = [
        [type, _rehearsed(each), each.same, each.differ, each.mended, each.left]
        for type, each in sorted(rehearsal.tallies.items(), key=lambda item: (-item[1].differ, item[0]))
    ]
    if rows:
        yield table(["command", "rehearsed", "same", "differ", "mended", "not rehearsed"], rows)
        yield ""
    for why, count in rehearsal.left.most_common():
        of = f" of '{why.type}'" if why.type else ""
        yield coloured(f"not rehearsed: {count:,}{of}, {LEFT[why.reason]}: {why.because}", "yellow")
    differ, mended = (sum(getattr(each, name) for each in rehearsal.tallies.values()) for name in ("differ", "mended"))
    verdict = coloured(f"{differ:,} differ", "red") if differ else coloured("nothing differs", "green")
    good = f", {mended:,} mended" if mended else ""
    rehearsed = sum(map(_rehearsed, rehearsal.tallies.values()))
    rate = rehearsal.entries / max(seconds, 0.001)
    read = f"{rehearsal.entries:,} entries in {seconds:.1f} s, {rate:,.0f} a second"
    yield f"{rehearsed:,} commands of {read}: {verdict}{good}."


def _rehearsed(tally: Tally) -> int:
    return tally.same + tally.differ + tally.mended


def _in_short(outcome: Outcome) -> str:
    events = ", ".join(type for type, _ in outcome.events) or "nothing happens"
    detail = {"accepted": events, "rejected": _problem(outcome), "faulted": outcome.error or ""}[outcome.verdict]
    return f"{coloured(f'{outcome.verdict:<8}', VERDICTS[outcome.verdict])}  {detail}".rstrip()


def _problem(outcome: Outcome) -> str:
    problem = outcome.problem
    if problem is None:
        return ""
    params = "" if not problem.params else f" {msgspec.json.encode(problem.params, enc_hook=str).decode()}"
    return f"{problem.key}{params}"


def _cut(line: str, sign: str) -> str:
    """A line that fits; all of it is told by `--json`."""
    fitting = line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
    return coloured(fitting, "red" if sign == "-" else "green")


def _product(options: argparse.Namespace) -> Product:
    name = options.product or known_product(options.data)
    if name is None:
        raise OsteonError("It is not known which product was served from the folder. Name one: 'osteon rehearse NAME'.")
    return load_product(name)


def _expect_command(product: Product, wanted: str | None) -> None:
    names = sorted(message.name for message in product.catalogue if message.type in product.deciders)
    if wanted is None or wanted in names:
        return
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(names)}."
    raise OsteonError(f"'{product.name}' decides no command '{wanted}'. {hint}")


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days < 1_000_000:
        raise ValueError(text)
    return days


def _limit(text: str) -> int:
    limit = int(text)
    if limit < 0:
        raise ValueError(text)
    return limit
