"""A copy of a log: the same bytes, beside a writer that goes on; or without some records, and whole all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from osteon.adapters.commitlog import CommitLog, LogCopy, Place, Retired, Tail, known_place, oldest_place
from osteon.adapters.system.disk import SystemDisk

SIZE = 4096


@pytest.fixture
def disk(tmp_path: Path) -> SystemDisk:
    return SystemDisk(tmp_path)


@pytest.fixture
def log(disk: SystemDisk) -> CommitLog:
    return CommitLog.recover(disk, "log", segment_size=SIZE)


def test_a_copy_has_the_very_same_frames(disk: SystemDisk, log: CommitLog, tmp_path: Path) -> None:
    filled(log, 40)
    copy = LogCopy(disk, "log", disk, "copy")
    copy.follow()
    assert copy.close() == log.place
    assert copy.segments == [1, 2, 3, 4]
    for number in copy.segments:
        name = f"segment-{number:010}"
        copied = (tmp_path / "copy" / name).read_bytes()
        assert (tmp_path / "log" / name).read_bytes().startswith(copied)


def test_a_copy_follows_a_log_that_goes_on_and_starts_again(disk: SystemDisk, log: CommitLog) -> None:
    filled(log, 5)
    copy = LogCopy(disk, "log", disk, "copy")
    copy.follow()
    filled(log, 5)
    copy.follow()
    log.close()
    CommitLog.recover(disk, "log", segment_size=SIZE).close()
    again = CommitLog.recover(disk, "log", segment_size=SIZE)
    filled(again, 30)
    copy.follow()
    assert copy.close() == again.place
    assert read(disk, "copy") == read(disk, "log")
    recovered = CommitLog.recover(disk, "copy", known=known_place(disk, "copy"), segment_size=SIZE)
    filled(recovered, 1)
    recovered.close()
    assert CommitLog.recover(disk, "copy", known=recovered.place, segment_size=SIZE).place == recovered.place


def test_a_copy_is_recovered_and_goes_on(disk: SystemDisk, log: CommitLog) -> None:
    log.close()
    # A second start: the epoch of the copy must not be below that of its frames.
    log = CommitLog.recover(disk, "log", segment_size=SIZE)
    filled(log, 20)
    copied(disk)
    recovered = CommitLog.recover(disk, "copy", known=known_place(disk, "copy"), segment_size=SIZE)
    assert recovered.place == log.place
    filled(recovered, 20)
    recovered.close()
    assert CommitLog.recover(disk, "copy", known=recovered.place, segment_size=SIZE).place == recovered.place


def test_a_copy_begins_where_the_log_begins(disk: SystemDisk, log: CommitLog) -> None:
    filled(log, 40)
    log.retire(3)
    copy = copied(disk)
    assert copy.segments == [3, 4]
    assert read(disk, "copy") == read(disk, "log")


def test_a_log_that_outruns_its_copy_is_said(disk: SystemDisk, log: CommitLog) -> None:
    filled(log, 5)
    copy = LogCopy(disk, "log", disk, "copy")
    filled(log, 40)
    log.retire(3)
    with pytest.raises(Retired):
        copy.follow()


def test_a_copy_without_some_records_keeps_the_numbers(disk: SystemDisk, log: CommitLog) -> None:
    filled(log, 40)
    copy = copied(disk, lambda record: record.endswith(b"even"))
    kept = read(disk, "copy")
    assert [frame for frame, _ in kept] == list(range(1, 41))
    assert [records for _, records in kept] == [
        [each for each in records if each.endswith(b"even")] for _, records in read(disk, "log")
    ]
    recovered = CommitLog.recover(disk, "copy", known=known_place(disk, "copy"), segment_size=SIZE)
    assert recovered.place == copy.place
    assert recovered.place.frame == log.place.frame


def test_records_are_added_behind_a_copy(disk: SystemDisk, log: CommitLog) -> None:
    filled(log, 3)
    copy = LogCopy(disk, "log", disk, "copy")
    copy.follow()
    copy.append([b"one", b"two"])
    copy.close()
    assert read(disk, "copy")[-1] == (4, [b"one", b"two"])
    assert CommitLog.recover(disk, "copy", known=copy.place, segment_size=SIZE).place == copy.place


def filled(log: CommitLog, count: int) -> None:
    """Appends so many frames of two records."""
    for _ in range(count):
        number = log.place.frame + 1
        log.append([bytes(150) + b"even", f"{number} odd".encode() + bytes(100) + b"odd"])


def copied(disk: SystemDisk, keep: Callable[[bytes], bool] | None = None) -> LogCopy:
    copy = LogCopy(disk, "log", disk, "copy", keep)
    copy.follow()
    copy.close()
    return copy


def read(disk: SystemDisk, folder: str) -> list[tuple[int, list[bytes]]]:
    """Every frame that is there: its number and its records."""
    place: Place = oldest_place(disk, folder)
    tail = Tail(disk, folder, place)
    found = [(place.frame, records) for place, records in tail.read()]
    tail.close()
    return found
