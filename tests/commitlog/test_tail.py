"""Reading behind the writer: in its process, in another, over recoveries and behind retired segments."""

import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest

from osteon.adapters.commitlog import ORIGIN, CommitLog, Damaged, Place, Retired, Tail
from osteon.adapters.memory.disk import MemoryDisk
from osteon.adapters.system.disk import SystemDisk
from osteon.ports.disk import Disk
from tests.commitlog.disks import FaultyDisk

SMALL = 2048


def opened(disk: Disk, spares: int = 2) -> CommitLog:
    return CommitLog.recover(disk, "log", segment_size=SMALL, spares=spares)


def test_reads_each_batch_once_as_it_comes() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    for number in range(60):
        records = [b"%d" % number * 40, b"x"]
        place = log.append(records)
        assert list(tail.read(log.place)) == [(place, records)]
        assert list(tail.read(log.place)) == []
        assert tail.place == place


def test_reads_no_further_than_asked() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    places = [log.append([b"x" * 150]) for _ in range(40)]
    assert [place for place, _ in tail.read(places[16])] == places[:17]
    assert [place for place, _ in tail.read(places[3])] == []
    assert [place for place, _ in tail.read(places[17])] == places[17:18]
    assert [place for place, _ in tail.read()] == places[18:]


def test_goes_on_where_reading_was_broken_off() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    places = [log.append([b"x" * 150]) for _ in range(40)]
    for place, _ in tail.read():
        if place == places[20]:
            break
    tail.close()
    assert [place for place, _ in tail.read()] == places[21:]


def test_begins_at_any_place() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places = [ORIGIN, *(log.append([b"x" * 150]) for _ in range(40))]
    for number, place in enumerate(places):
        assert [place for place, _ in Tail(disk, "log", place).read(log.place)] == places[number + 1 :]


def test_reads_an_empty_log() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    assert list(Tail(disk, "log", ORIGIN).read()) == []
    assert list(Tail(disk, "log", ORIGIN).read(log.place)) == []


def test_reads_frames_longer_than_a_piece() -> None:
    disk = MemoryDisk()
    log = CommitLog.recover(disk, "log", segment_size=8 << 20)
    written = [[bytes([number]) * (700_000 + number)] * (number + 1) for number in range(5)]
    for records in written:
        log.append(records)
    assert [records for _, records in Tail(disk, "log", ORIGIN).read(log.place)] == written
    assert [records for _, records in Tail(disk, "log", ORIGIN).read()] == written


def test_reading_changes_nothing_on_the_disk() -> None:
    disk = MemoryDisk()
    log, watched = opened(disk), FaultyDisk(disk)
    for _ in range(40):
        log.append([b"x" * 150])
    assert len(list(Tail(watched, "log", ORIGIN).read())) == 40
    assert watched.done == []


def test_leaves_a_frame_in_the_making() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    first = log.append([b"one"])
    second = log.append([b"two"])
    path = "log/segment-0000000001"
    file = disk.open(path, writable=True)
    frame = file.read(first.offset, second.offset - first.offset)
    for length in range(len(frame)):
        file.write(first.offset, frame[:length].ljust(len(frame), b"\0"))
        assert list(tail.read(first)) == ([(first, [b"one"])] if length == 0 else [])
        assert list(tail.read()) == []
    file.write(first.offset, frame)
    assert list(tail.read()) == [(second, [b"two"])]


def test_forgets_a_frame_that_was_taken_back() -> None:
    disk, other = MemoryDisk(), MemoryDisk()
    log, doomed = opened(disk), opened(other)
    tail = Tail(disk, "log", ORIGIN)
    place = log.append([b"one"])
    end = [doomed.append([record]) for record in (b"one", b"bad")][-1].offset
    path = "log/segment-0000000001"
    disk.open(path, writable=True).write(place.offset, other.open(path).read(place.offset, end - place.offset))
    assert [records for _, records in tail.read(place)] == [[b"one"]]
    log.append([b"two"])
    assert [records for _, records in tail.read(log.place)] == [[b"two"]]


def test_follows_a_log_over_its_recovery() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    for number in range(1, 40):
        place = log.append([b"%d" % number * 20])
        assert [read for read, _ in tail.read(place)] == [place]
        log.close()
        log = opened(disk)
    assert tail.place.frame == 39


def test_reads_on_while_segments_are_retired_behind_it() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    frames = 0
    for _ in range(30):
        for _ in range(5):
            log.append([b"x" * 200])
        for place, _ in tail.read(log.place):
            log.retire(place.segment)
            frames += 1
    assert frames == 150
    assert log.first_segment > 15


def test_goes_on_from_the_end_of_a_retired_segment() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places = [log.append([b"x" * 300]) for _ in range(12)]
    ends = [place for place, after in pairwise(places) if place.segment != after.segment]
    for end in ends:
        log.retire(end.segment + 1)
        assert [place for place, _ in Tail(disk, "log", end).read(log.place)] == places[end.frame :]


def test_says_that_a_place_is_retired() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places = [log.append([b"x" * 300]) for _ in range(20)]
    late = Tail(disk, "log", ORIGIN)
    assert next(late.read(log.place))[0] == places[0]
    log.retire(places[-1].segment)
    first = next(place for place in places if place.segment == log.first_segment)
    for tail in (Tail(disk, "log", ORIGIN), Tail(disk, "log", places[1]), late):
        with pytest.raises(Retired) as caught:
            list(tail.read(log.place))
        assert (caught.value.expected, caught.value.actual) == (tail.place.frame + 1, first.frame)


def test_says_that_a_place_is_retired_and_its_file_used_again() -> None:
    disk = MemoryDisk()
    log, tail = opened(disk), Tail(disk, "log", ORIGIN)
    log.append([b"x" * 300])
    assert len(list(tail.read(log.place))) == 1
    for _ in range(60):
        log.append([b"x" * 300])
        log.retire(log.place.segment)
    with pytest.raises(Retired):
        list(tail.read(log.place))


def test_refuses_a_place_that_no_log_gave_out() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places = [log.append([b"x" * 150]) for _ in range(20)]
    for wrong in (
        places[3]._replace(offset=places[3].offset - 1),
        places[3]._replace(frame=places[2].frame),
        places[3]._replace(segment=2),
        Place(9, 64, 3),
    ):
        with pytest.raises(Damaged):
            list(Tail(disk, "log", wrong).read(log.place))


def test_refuses_a_log_that_is_shorter_than_said() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places = [log.append([b"x" * 150]) for _ in range(3)]
    beyond = places[-1]._replace(frame=4)
    tail = Tail(disk, "log", ORIGIN)
    with pytest.raises(Damaged, match="synced up to frame 4") as caught:
        list(tail.read(beyond))
    assert caught.value.offset == places[-1].offset
    assert tail.place == places[-1]


def test_keeps_step_with_a_process_that_appends(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    with appender(tmp_path) as (places, retire):
        tail, read = Tail(disk, "log", ORIGIN), list[bytes]()
        for place in places:
            for _, records in tail.read(place):
                read.extend(records)
            assert tail.place == place
            retire.write(b"%d\n" % place.segment)
    assert read == [b"%d" % (number // 3) * 50 for number in range(900)]
    with pytest.raises(Retired):
        list(Tail(disk, "log", ORIGIN).read())


def test_reads_beside_a_process_that_does_not_wait(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    with appender(tmp_path, "ahead") as (places, _):
        tail, frames = Tail(disk, "log", ORIGIN), 0
        while frames < 300:
            frames += len(list(tail.read()))
        assert tail.place == list(places)[-1]


@contextmanager
def appender(folder: Path, *arguments: str) -> Generator[tuple[Iterator[Place], IO[bytes]]]:
    """A process that appends 300 batches: the places it prints, and what it is told of the segments to retire."""
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        places = (Place(*map(int, line.split())) for line in process.stdout)
        assert next(places) == ORIGIN
        yield places, process.stdin
    assert process.returncode == 0


APPEND = """
import sys
from osteon.adapters.commitlog import CommitLog
from osteon.adapters.system.disk import SystemDisk
log = CommitLog.recover(SystemDisk(sys.argv[1]), "log", segment_size=4096, spares=2)
places = []
print(*log.place, flush=True)
for number in range(300):
    place = log.append([b"%d" % number * 50] * 3)
    if sys.argv[2:]:
        places.append(place)
    else:
        print(*place, flush=True)
        log.retire(int(sys.stdin.readline()))
for place in places:
    print(*place)
"""
