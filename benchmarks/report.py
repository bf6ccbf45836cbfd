"""Says what a run gave: a table for people, JSON for machines."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figures import ITSELF, OTHERS, OURS, Figure, Target, ratios, spread, values
from benchmarks.record import Record

SCALES = {"/s": 1.0, "µs": 1e6, "ms": 1e3, "s": 1.0, "MiB": 1 / 2**20}
MET = {True: "yes", False: "NO", None: "-"}
HEADINGS = ("figure", *OTHERS, OURS, "ratio to", "median (min-max)", "target", "met")


def table(figures: Sequence[Figure], record: Record) -> str:
    """Lay the figures out in columns, with a line for each target."""
    rows: list[Sequence[str]] = [HEADINGS]
    for figure in figures:
        shown = [_shown(values(record.rounds, peer, figure), figure.unit) for peer in (*OTHERS, OURS)]
        title = f"{figure.title}, {figure.unit}"
        for target in figure.targets:
            rows.append((title, *shown, _other(target), *_compared(figure, target, record)))
            title, shown = "", [""] * len(shown)
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def notes(record: Record) -> str:
    """Tell what was verified, what went wrong and what was left out."""
    lines: list[str] = []
    for name, found in record.verified.items():
        fate = "all found once" if not found.lost + found.doubled else f"{found.lost} LOST, {found.doubled} DOUBLED"
        lines.append(f"acknowledged commands of {name}: {found.acknowledged:,}, {fate}")
    lines += record.remarks
    lines += [f"trouble: {text}" for text in record.troubles]
    lines += [f"left out: {text}" for text in record.left_out]
    return "\n".join(lines)


def report(figures: Sequence[Figure], record: Record, setting: Mapping[str, str]) -> dict[str, Any]:
    """Give everything that was measured, round by round, in seconds and bytes."""
    return {
        "setting": dict(setting),
        "figures": [
            {
                "key": figure.key,
                "title": figure.title,
                "values": {peer: values(record.rounds, peer, figure) for peer in (*OTHERS, OURS)},
                "targets": [_judged(figure, target, record) for target in figure.targets],
            }
            for figure in figures
        ],
        "cells": {f"{cell.value} of {peer}": found for (peer, cell), found in record.rounds.items()},
        "verified": {name: found._asdict() for name, found in record.verified.items()},
        "remarks": record.remarks,
        "troubles": record.troubles,
        "left out": record.left_out,
    }


def sound(record: Record) -> bool:
    """Say whether nothing went wrong: a target that is not met is a figure, a lost command is not."""
    return not record.troubles and not any(found.lost or found.doubled for found in record.verified.values())


def _judged(figure: Figure, target: Target, record: Record) -> dict[str, Any]:
    found = ratios(record.rounds, figure, target)
    return {
        "to": _other(target),
        "limit": target.limit,
        "at least": target.at_least,
        "stretch": target.stretch,
        "ratios": found,
        "met": target.met(spread(found)[0]) if found else None,
    }


def _compared(figure: Figure, target: Target, record: Record) -> tuple[str, str, str]:
    found = ratios(record.rounds, figure, target)
    goal = _goal(target)
    if not found:
        return "-", goal, "-"
    middle, low, high = spread(found)
    return f"{_ratio(middle)} ({_ratio(low)}-{_ratio(high)})", goal, MET[target.met(middle)]


def _goal(target: Target) -> str:
    """Say what is asked, if anything is."""
    if target.limit is None:
        return "-"
    stretch = f" ({_ratio(target.stretch)})" if target.stretch is not None else ""
    return f"{'>=' if target.at_least else '<='} {_ratio(target.limit)}{stretch}"


def _other(target: Target) -> str:
    """Name what we are divided by: a peer, or another figure of our own."""
    if target.other in {ITSELF, *OTHERS}:
        return target.other if target.value is None else f"{target.other}, {target.value}"
    if target.cell is not None:
        return f"own {target.cell.value}"
    return f"own {target.value}"


def _shown(found: list[float], unit: str) -> str:
    if not found:
        return "-"
    middle, low, high = (_number(value * SCALES[unit]) for value in spread(found))
    return f"{middle} ({low}-{high})" if len(found) > 1 else middle


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value >= 2 else f"{value:.2f}" if value >= 0.2 else f"{value:.3f}"
