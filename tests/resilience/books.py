"""The journal, read by a program that shares nothing with the engine: what `osteon journal show --json` says, and a fold of its own."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.serving import PRODUCT, ROOT, environment

__all__ = ["Entry", "Row", "gaps", "projects", "read_journal"]

Entry = dict[str, Any]
Row = dict[str, Any]


def read_journal(data: Path) -> list[Entry]:
    """Every durable entry of all tenants, those of a partition in order."""
    command = [sys.executable, "-m", "osteon.cli", "journal", "show", "--json", "--data", str(data)]
    command += ["--product", PRODUCT]
    shown = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    return [json.loads(line) for line in shown.stdout.splitlines()]


def gaps(entries: Iterable[Entry]) -> list[str]:
    """Where the sequence of a partition is not 1, 2, 3 and so on."""
    last: dict[tuple[str, int], int] = defaultdict(int)
    found: list[str] = []
    for entry in entries:
        place = entry["tenant"], entry["partition"]
        last[place] += 1
        if entry["sequence"] != last[place]:
            found.append(f"{entry['sequence']} of {place} in the place of {last[place]}")
    return found


def projects(entries: Iterable[Entry]) -> dict[str, dict[str, Row]]:
    """The projects of each tenant by its name, as their events made them."""
    rows: dict[str, dict[str, Row]] = defaultdict(dict)
    for entry in entries:
        for event in entry["events"]:
            body = event["body"]
            own = rows[entry["tenant"]]
            match event["type"]:
                case "project-created":
                    own[body["project"]] = {**body, "archived": False, "reason": None}
                case "project-renamed":
                    own[body["project"]]["name"] = body["name"]
                case "project-archived" | "project-restored":
                    own[body["project"]]["archived"] = event["type"] == "project-archived"
                    own[body["project"]]["reason"] = body.get("reason")
                case "project-moved":
                    own[body["project"]]["scope"] = body["scope"]
                case _:
                    pass
    return rows
