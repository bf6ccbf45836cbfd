"""The page of guarantees names, for each promise, the test that guards it."""

import re

from tests.docs.pages import DOCS

PAGE = DOCS / "guarantees.md"
GUARDS = re.compile(r"\[[\w.]+\]\(([^)]+)\)((?:,? ?`\w+`)*)")


def promises() -> list[list[str]]:
    """The rows of all tables: promise, condition, what breaks it, guards."""
    lines = PAGE.read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return [row for row in rows if row[0] != "promise"]


def test_each_promise_is_guarded() -> None:
    assert len(promises()) > 20
    for row in promises():
        assert len(row) == 4, row
        assert GUARDS.search(row[3]), row[0]


def test_each_guard_is_a_test_that_is_there() -> None:
    missing: list[str] = []
    for row in promises():
        for path, names in GUARDS.findall(row[3]):
            text = (DOCS / path).resolve().read_text("utf-8")
            missing += [f"{path}: {name}" for name in re.findall(r"`(\w+)`", names) if f"def test_{name}(" not in text]
    assert missing == []
