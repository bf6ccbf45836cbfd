"""The first tutorial, followed as a reader follows it: in a copy of the demo, with the files that are on the page."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, Block, blocks, run_shell
from tests.serving import environment, running

TUTORIAL = DOCS / "tutorials" / "first-module.md"

MOST_FILES, MOST_LINES = 5, 150
PLUMBING = ("msgspec.json", "sql", "http", "osteon.app", "osteon.engine", "osteon.gateway", "osteon.adapters")


def files() -> list[Block]:
    """The files on the page."""
    return [block for block in blocks(TUTORIAL, "python") if block.name]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a copy of the demo, and what the page adds to it."""
    shutil.copytree(ROOT / "demo", tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    for block in files():
        path = tmp_path / block.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    return tmp_path


def test_costs_few_files_and_lines() -> None:
    lines = [line for block in files() for line in _added(block) if line.strip()]
    assert len(files()) <= MOST_FILES
    assert len(lines) <= MOST_LINES, f"{len(lines)} lines"


def test_shows_files_as_they_are_formatted(checkout: Path) -> None:
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml")]
    _run([*ruff, *(block.name for block in files())], checkout, environment())


def test_needs_no_plumbing_for_a_new_entity() -> None:
    found = [(block.name, word) for block in files() for word in PLUMBING if word in block.text.lower()]
    assert not found


def test_passes_the_tests_on_the_page(checkout: Path) -> None:
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error", "demo/milestones"]
    found = {**environment(), "PYTHONPATH": os.pathsep.join([str(checkout), environment()["PYTHONPATH"]])}
    command = [sys.executable, "-m", "pytest", "--rootdir", str(checkout), *options]
    assert "4 passed" in _run(command, checkout, found)


def test_answers_the_commands_on_the_page(checkout: Path, data: Path) -> None:
    (session,) = blocks(TUTORIAL, "sh")
    # The demo of the folder in which Python begins comes before that of the sources.
    inside = ("sh", "-c", 'cd "$0" && exec "$@"', str(checkout))
    # The folder is that of the demo without milestones.
    with running(data, under=inside, product="demo.main:product") as server:
        said = [json.loads(line) for line in run_shell(session, checkout, server.port)]
    early, later, listed, changes, seen, refused = said
    assert (early["status"], early["key"]) == (409, "milestones.not-later")
    assert later["verdict"] == "accepted"
    (row,) = listed["answer"]["items"]
    assert (row["name"], row["due"], row["reached"]) == ("Beta", "2027-06-01", True)
    events = [change["event"] for change in changes["answer"]["items"]]
    assert events == ["milestone-planned", "milestone-postponed", "milestone-reached"]
    assert [each["name"] for each in seen["answer"]["items"]] == ["Beta"]
    assert (refused["status"], refused["key"]) == (403, "not-permitted")


def _run(command: list[str], folder: Path, found: dict[str, str]) -> str:
    """Runs what must succeed; what it says."""
    done = subprocess.run(command, check=False, cwd=folder, env=found, capture_output=True, text=True, timeout=50)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def _added(block: Block) -> list[str]:
    """The lines of a file that are not there before."""
    path = ROOT / block.name
    before = path.read_text("utf-8").splitlines() if path.exists() else []
    return [line for line in block.text.splitlines() if line not in before]
