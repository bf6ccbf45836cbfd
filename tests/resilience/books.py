"""The journal, read by a program that shares nothing with the engine: what `osteon journal show --json` says, and a fold of its own."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.serving import PRODUCT, ROOT, environment

__all__ = ["Entry", "Row", "gaps", "projects", "read_journal"]

Entry = dict[str, Any]
Row = dict[str, Any]


def read_journal(data: Path, product: str = PRODUCT) -> list[Entry]:
    """Every durable entry of all tenants, those of a partition in order, without its context."""
    command = [sys.executable, "-m", "osteon.cli", "journal", "show", "--json", "--data", str(data)]
    command += ["--product", product]
    with TemporaryFile() as said:
        shown = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=said)
        assert shown.stdout is not None
        with shown, shown.stdout as lines:
            entries = [_without_context(json.loads(line)) for line in lines]
        said.seek(0)
        assert shown.returncode == 0, said.read().decode()
    return entries


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


def _without_context(entry: Entry) -> Entry:
    """The most of a line that nobody asks for: a hundred thousand of them have to fit into memory."""
    del entry["context"]
    return entry
