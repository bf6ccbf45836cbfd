"""Rounds take turns, keep what studies need, and go on when something fails."""

from collections.abc import Sequence

from benchmarks.errors import Faulty, Missing
from benchmarks.figures import OURS, Cell, Measured
from benchmarks.peers import Peer, Verification
from benchmarks.record import Record
from benchmarks.rounds import Plan, run, turns
from benchmarks.studies import Sizes, Study


class Counting:
    """A study that counts how often it was measured, and fails the first time if it is told how."""

    remarks: Sequence[str] = ("counted",)

    def __init__(self, name: str, failure: Exception | None = None) -> None:
        """Nothing was measured yet."""
        self.name = name
        self._failure = failure
        self._count = 0

    def measured(self, record: Record) -> Measured:
        """See `Study.measured`."""
        self._count += 1
        if self._failure is not None and self._count == 1:
            raise self._failure
        return {"count": self._count}

    def verify(self) -> Verification | None:
        """See `Study.verify`."""
        return Verification(self._count, 0, 0)


class Idle(Counting):
    """Stands for a peer, whose turn never comes."""

    def measured(self, record: Record) -> Measured:
        """See `Study.measured`."""
        raise AssertionError("A cell apart is measured on data of its own.")

    def verify(self) -> Verification | None:
        """See `Study.verify`."""
        return None


def test_long_cells_follow_the_short_ones_of_all_rounds() -> None:
    found = [(turn.number, turn.cell) for turn in turns(Plan([Cell.COLD, Cell.SPREAD], 2), [OURS])]
    assert found == [(0, Cell.SPREAD), (1, Cell.SPREAD), (0, Cell.COLD), (1, Cell.COLD)]


def test_another_peer_begins_in_each_round() -> None:
    found = [turn.peer for turn in turns(Plan([Cell.COLD], 2), ["E", OURS])]
    assert found == ["E", OURS, OURS, "E"]


def test_a_peer_is_left_out_where_a_cell_is_not_for_it() -> None:
    assert [turn.peer for turn in turns(Plan([Cell.COLD], 1), ["P", "L", OURS])] == [OURS]


def test_memory_is_measured_once() -> None:
    assert [turn.number for turn in turns(Plan([Cell.MEMORY], 3), [OURS])] == [0]


def test_a_study_is_kept_from_round_to_round() -> None:
    record = measured(Counting("ours-cold"))
    assert record.rounds[OURS, Cell.COLD] == [{"count": 1}, {"count": 2}]
    assert record.remarks == ["counted", "counted"]
    assert record.verified == {"ours-cold": Verification(2, 0, 0)}


def test_the_run_goes_on_after_a_failure() -> None:
    record = measured(Counting("ours-cold", Faulty("It does not serve.")))
    assert record.rounds[OURS, Cell.COLD] == [None, {"count": 2}]
    assert record.troubles == ["cold of ours: It does not serve."]


def test_what_cannot_be_measured_is_left_out() -> None:
    record = measured(Counting("ours-cold", Missing("not yet")))
    assert record.left_out == ["cold of ours: not yet"]
    assert record.troubles == []


def test_sizes_are_in_proportion_to_the_largest() -> None:
    assert Sizes() == Sizes(entries=1_000_000)
    assert (Sizes().small, Sizes().past, Sizes().others, Sizes().rows) == (10_000, 10_000, 100_000, 100_000)
    assert (Sizes(2_000).small, Sizes(2_000).rows) == (20, 200)


def measured(study: Study) -> Record:
    """What two rounds of a study gave."""
    record = Record()
    given: list[Study] = []

    def apart(peer: str, cell: Cell) -> Peer | Study:
        assert (peer, cell, given) == (OURS, Cell.COLD, [])
        given.append(study)
        return study

    run(Plan([Cell.COLD], 2), [Idle(OURS)], apart, record)  # type: ignore[list-item]
    return record
