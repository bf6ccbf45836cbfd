"""What studies read: when a view follows again, how a past is shared out, what a database holds."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.peers import Verification
from benchmarks.peers.events import Change, held
from benchmarks.peers.osteon import Said
from benchmarks.studies.cold import PARTS, share
from benchmarks.studies.rebuild import BEGUN, MADE, VIEW, remade

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = "01K00000000000000000000001", "01K00000000000000000000002"


def test_a_view_is_awaited_in_every_tenant() -> None:
    lines = [said(BEGUN, "a", 0), said(BEGUN, "b", 0.1), said(MADE, "a", 0.5)]
    assert remade(lines) is None
    assert remade([*lines, said(MADE, "b", 1.5)]) == 1.5


def test_a_view_that_was_not_touched_is_awaited() -> None:
    assert remade([]) is None


def test_other_views_are_passed_over() -> None:
    lines = [
        said(BEGUN, "a", 0, view="project"),
        said(BEGUN, "a", 1),
        said(MADE, "a", 3),
        said(MADE, "a", 9, view="project"),
    ]
    assert remade(lines) == 2


def test_a_view_that_tells_of_its_progress_is_begun_once() -> None:
    assert remade([said(BEGUN, "a", 0), said(BEGUN, "a", 1), said(MADE, "a", 2)]) == 2


def test_shares_come_to_the_whole() -> None:
    assert sum(share(9_999, part) for part in range(1, PARTS + 1)) == 9_999


def test_an_acknowledged_event_is_found(tmp_path: Path) -> None:
    database = holding(tmp_path, (ONE, 1), (ONE, 2), (TWO, 1))
    assert held([Change(ONE, 1), Change(ONE, 2)], database) == Verification(2, lost=0, doubled=0)


def test_an_event_that_is_not_there_is_lost(tmp_path: Path) -> None:
    assert held([Change(ONE, 1), Change(TWO, 1)], holding(tmp_path, (ONE, 1))) == Verification(2, lost=1, doubled=0)


def test_an_event_that_two_commands_were_told_of_is_doubled(tmp_path: Path) -> None:
    assert held([Change(ONE, 1), Change(ONE, 1)], holding(tmp_path, (ONE, 1))) == Verification(2, lost=0, doubled=1)


def said(event: str, tenant: str, seconds: float, *, view: str = VIEW) -> Said:
    """A line of the drain's log."""
    return Said(event, BEGIN + timedelta(seconds=seconds), view, tenant)


def holding(folder: Path, *events: tuple[str, int]) -> Path:
    """A database of peer E with these events."""
    path = folder / "events.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER)")
        bits = {ONE: f"{0x01980000000000000000000000000001:032x}", TWO: f"{0x01980000000000000000000000000002:032x}"}
        rows = [(bits[note], version) for note, version in events]
        database.executemany("INSERT INTO stored_events VALUES (?, ?)", rows)
        database.commit()
    return path
