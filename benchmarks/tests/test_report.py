"""The report says what was asked, what came of it, and what went wrong."""

from benchmarks.figures import ITSELF, OURS, Cell, Figure, Target
from benchmarks.peers import Verification
from benchmarks.record import Record
from benchmarks.report import notes, report, sound, table

SPEED = Figure("creates", "creates", Cell.CREATES, "rate", "/s", (Target("E", 6), Target(OURS, None, cell=Cell.SAGA)))
REBUILD = Figure("rebuild", "view", Cell.REBUILD, "rebuilt", "s", (Target(ITSELF, 2, at_least=False),))
LOAD = Figure("load", "load", Cell.COLD, "first", "ms", (Target("E", None, value="first with snapshots"),))


def test_the_table_says_whether_a_target_is_met() -> None:
    line = lines(SPEED)[0]
    assert all(text in line for text in ("4,000", "8.0 (8.0-8.0)", ">= 6.0"))
    assert line.endswith("yes")


def test_the_table_asks_nothing_where_there_is_no_bound() -> None:
    line = lines(SPEED)[1]
    assert all(text in line for text in ("own saga", "2.0 (2.0-2.0)"))
    assert line.endswith("-")


def test_the_table_shows_an_absolute_bound_that_is_missed() -> None:
    line = lines(REBUILD)[0]
    assert all(text in line for text in ("itself", "2.5 (2.5-2.5)", "<= 2.0"))
    assert line.endswith("NO")


def test_the_table_names_the_other_value_of_a_peer() -> None:
    assert "E, first with snapshots" in lines(LOAD)[0]


def test_the_table_shows_what_was_not_measured_as_dashes() -> None:
    assert table([SPEED], Record()).splitlines()[2].split()[-5:] == ["E", "-", ">=", "6.0", "-"]


def test_a_lost_command_makes_a_run_unsound() -> None:
    run = record()
    run.verified["E"] = Verification(10, lost=1, doubled=0)
    assert not sound(run)
    assert "acknowledged commands of E: 10, 1 LOST, 0 DOUBLED" in notes(run)


def test_a_missed_target_leaves_a_run_sound() -> None:
    assert sound(record())


def test_a_trouble_is_told_once() -> None:
    run = record()
    run.trouble("late")
    run.trouble("late")
    assert run.troubles == ["late"]
    assert not sound(run)


def test_the_report_keeps_every_round() -> None:
    said = report([SPEED], record(), {"rounds": "1"})
    assert said["figures"][0]["values"] == {"P": [], "L": [], "E": [500.0], OURS: [4000.0]}
    assert [target["met"] for target in said["figures"][0]["targets"]] == [True, None]
    assert said["cells"]["creates of ours"] == [{"rate": 4000.0}]


def lines(figure: Figure) -> list[str]:
    """The lines of a figure in the table."""
    return table([figure], record()).splitlines()[2:]


def record() -> Record:
    """A run of one round."""
    return Record(
        rounds={
            (OURS, Cell.CREATES): [{"rate": 4000.0}],
            ("E", Cell.CREATES): [{"rate": 500.0}],
            (OURS, Cell.SAGA): [{"rate": 2000.0}],
            (OURS, Cell.REBUILD): [{"rebuilt": 2.5}],
            (OURS, Cell.COLD): [{"first": 0.01}],
            ("E", Cell.COLD): [{"first": 0.2, "first with snapshots": 0.005}],
        }
    )
