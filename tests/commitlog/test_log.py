"""The log as its writer sees it: order, segments, spares, locks, and a disk that fails."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.adapters.commitlog import (
    ORIGIN,
    SEGMENT_SIZE,
    AppendFailed,
    CommitLog,
    LogBroken,
    LogClosed,
    Place,
    Retired,
    Tail,
    TooLarge,
    UpkeepFailed,
    oldest_place,
)
from osteon.adapters.memory.disk import MemoryDisk
from osteon.adapters.system.disk import SystemDisk
from osteon.ports.disk import Disk, Locked
from tests.commitlog.disks import FaultyDisk, always, either, once

FULL = OSError(errno.ENOSPC, "No space left on device")
FAILED = OSError(errno.EIO, "Input/output error")
SMALL = 2048


def opened(disk: Disk, spares: int = 2) -> CommitLog:
    return CommitLog.recover(disk, "data/log", segment_size=SMALL, spares=spares)


def everything(disk: Disk, after: Place = ORIGIN, until: Place | None = None) -> list[list[bytes]]:
    return [records for _, records in Tail(disk, "data/log", after).read(until)]


def filled(disk: Disk, batches: int) -> tuple[CommitLog, list[list[bytes]]]:
    log = opened(disk)
    written = [[f"{number}-{part}".encode() * 30 for part in range(2)] for number in range(batches)]
    for records in written:
        log.append(records)
    return log, written


def test_keeps_batches_in_their_order() -> None:
    disk = MemoryDisk()
    log, written = filled(disk, 3)
    assert everything(disk, until=log.place) == written
    assert log.place.frame == 3


def test_returns_the_place_behind_each_batch() -> None:
    log = opened(MemoryDisk())
    assert log.place == ORIGIN
    first = log.append([b"one"])
    assert log.place == first == Place(1, ORIGIN.offset + 40 + 4 + 3, 1)
    assert log.append([b"one"]) == Place(1, first.offset + 40 + 4 + 3, 2)


def test_writes_and_syncs_once_a_batch() -> None:
    disk = FaultyDisk(MemoryDisk())
    log = opened(disk)
    disk.done.clear()
    log.append([b"one", b"two"])
    assert [done.split()[0] for done in disk.done] == ["write", "sync"]


def test_keeps_empty_records_and_batches() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    for records in ([b"", b"a", b""], [], [b""]):
        log.append(records)
    assert everything(disk) == [[b"", b"a", b""], [], [b""]]


def test_goes_on_in_the_next_segment() -> None:
    disk = MemoryDisk()
    log, written = filled(disk, 40)
    assert log.place.segment > 3
    assert everything(disk, until=log.place) == written
    assert disk.names("data/log")[1:] == [f"segment-{number:010}" for number in range(1, log.place.segment + 1)]


def test_fills_a_segment_to_its_last_byte() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    place = log.append([bytes(SMALL - 64 - 40 - 4)])
    assert place == Place(1, SMALL, 1)
    assert log.append([b"x"]).segment == 2
    log.close()
    assert len(everything(disk)) == 2
    assert opened(disk).place.frame == 2


def test_refuses_a_batch_that_fits_nowhere() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    with pytest.raises(TooLarge) as caught:
        log.append([bytes(SMALL - 64 - 40 - 4 + 1)])
    assert (caught.value.expected, caught.value.actual) == (SMALL - 64, SMALL - 64 + 1)
    assert log.append([b"x"]).frame == 1


def test_goes_on_after_each_start() -> None:
    disk = MemoryDisk()
    written: list[list[bytes]] = []
    for start in range(1, 8):
        log = opened(disk)
        assert log.recovery.epoch == start
        assert log.recovery.created == (start == 1)
        assert log.recovery.place == log.place
        assert log.recovery.torn is None
        written.append([f"start {start}".encode() * 20])
        log.append(written[-1])
        log.close()
    assert everything(disk) == written


def test_a_start_without_a_batch_counts() -> None:
    disk = MemoryDisk()
    for start in range(1, 4):
        log = opened(disk)
        assert log.recovery.epoch == start
        log.close()


def test_makes_segments_of_64_mebibytes() -> None:
    disk = MemoryDisk()
    log = CommitLog.recover(disk, "log")
    log.prepare()
    assert SEGMENT_SIZE == 64 << 20
    assert disk.open("log/spare-0000000002").size() == SEGMENT_SIZE
    log.close()


def test_begins_with_a_short_segment_at_once() -> None:
    disk = MemoryDisk()
    log = CommitLog.recover(disk, "log")
    assert disk.open("log/segment-0000000001").size() == 8 << 20
    log.prepare()
    while log.place.segment == 1:
        log.append([bytes(1 << 20)])
    assert disk.open("log/segment-0000000002").size() == SEGMENT_SIZE
    log.close()


def test_makes_segments_of_another_size() -> None:
    disk = MemoryDisk()
    log, written = filled(disk, 10)
    log.prepare()
    log.close()
    for size in (SMALL // 2, SMALL * 2):
        log = CommitLog.recover(disk, "data/log", segment_size=size)
        written.append([b"size"])
        log.append(written[-1])
        log.retire(log.place.segment)
        log.prepare()
        log.close()
        spares = [name for name in disk.names("data/log") if name.startswith("spare")]
        assert {disk.open(f"data/log/{name}").size() for name in spares} == {size}
    assert everything(disk, oldest_place(disk, "data/log"))[-2:] == written[-2:]


def test_prepares_one_spare_ahead() -> None:
    disk = FaultyDisk(MemoryDisk())
    log = opened(disk)
    log.prepare()
    log.prepare()
    assert [name for name in disk.names("data/log") if name.startswith("spare")] == ["spare-0000000002"]
    disk.done.clear()
    while log.place.segment == 1:
        log.append([bytes(200)])
    assert not [done for done in disk.done if done.startswith(("create", "resize"))]


def test_recycles_retired_segments() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 40)
    disk.done.clear()
    for number in range(200):
        log.append([b"%d" % number, bytes(150)])
        log.retire(log.place.segment)
    assert not [done for done in disk.done if done.startswith(("create", "resize"))]
    assert log.first_segment == log.place.segment
    assert len(disk.names("data/log")) == 1 + 1 + 2
    log.close()
    assert opened(disk).place.frame == 240


def test_recycles_no_more_than_is_kept() -> None:
    disk = MemoryDisk()
    log, _ = filled(disk, 40)
    log.retire(log.place.segment)
    assert [name[:5] for name in disk.names("data/log")] == ["lock", "segme", "spare", "spare"]


def test_keeps_the_segment_in_use() -> None:
    log, _ = filled(MemoryDisk(), 40)
    with pytest.raises(ValueError, match="is in use"):
        log.retire(log.place.segment + 1)
    assert log.first_segment == 1


def test_goes_on_when_only_an_empty_segment_is_left() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, written = filled(disk, 40)
    last = log.place
    disk.fault = once("write", FULL, after=1)
    with pytest.raises(AppendFailed):
        log.append([bytes(SMALL - 200)])
    log.close()
    assert everything(disk) == written
    for number in range(1, last.segment + 1):
        disk.remove(f"data/log/segment-{number:010}")
    log = CommitLog.recover(disk, "data/log", known=last, segment_size=SMALL)
    assert log.place == last
    assert log.append([b"next"]).frame == 41
    assert everything(disk, last) == [[b"next"]]


def test_removes_what_an_earlier_process_left() -> None:
    disk = MemoryDisk()
    log, written = filled(disk, 5)
    log.prepare()
    log.close()
    disk.create("data/log/new-0000000099").write(0, b"unfinished")
    disk.create("data/log/spare-0000000098").write(0, b"too short")
    disk.create("data/log/segment-0000000001.copy").write(0, b"a person's")
    log = opened(disk)
    disk.remove("data/log/segment-0000000001.copy")
    assert disk.names("data/log") == ["lock", *(f"segment-{number:010}" for number in range(1, log.place.segment + 1))]
    assert everything(disk) == written


def test_raises_once_closed() -> None:
    log, _ = filled(MemoryDisk(), 1)
    log.close()
    log.close()
    for use in (lambda: log.append([b"x"]), log.prepare, lambda: log.retire(1)):
        with pytest.raises(LogClosed):
            use()


def test_is_locked_while_it_is_open() -> None:
    disk = MemoryDisk()
    log, _ = filled(disk, 1)
    with pytest.raises(Locked, match="process 1"):
        opened(disk)
    log.append([b"x"])
    log.close()
    opened(disk).close()


def test_locks_before_it_reads() -> None:
    disk = MemoryDisk()
    filled(disk, 3)
    disk.flip("data/log/segment-0000000001", 0)
    with pytest.raises(Locked):
        opened(disk)


def test_locks_out_another_process(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    opened(disk).append([b"x"])
    with subprocess.Popen([sys.executable, "-c", OPEN, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert "is locked by process" in other.stdout.read().decode()
        assert other.wait() == 3


def test_wipes_out_a_failed_batch() -> None:
    for fault in (FULL, FAILED):
        disk = FaultyDisk(MemoryDisk())
        log, written = filled(disk, 3)
        disk.fault = once("write", fault)
        with pytest.raises(AppendFailed, match=str(fault.strerror)) as caught:
            log.append([b"lost" * 100])
        assert caught.value.retryable
        assert caught.value.cause is fault
        assert log.place.frame == 3
        assert everything(disk) == written
        log.append([b"kept"])
        log.close()
        assert everything(disk) == [*written, [b"kept"]]
        assert opened(disk).recovery.torn is None


def test_syncs_the_wiping_of_a_failed_batch() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 3)
    disk.fault = once("write", FULL)
    disk.done.clear()
    with pytest.raises(AppendFailed):
        log.append([b"lost" * 100])
    assert [done.split()[0] for done in disk.done] == ["write", "write", "sync"]


def test_is_broken_when_wiping_fails() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 3)
    disk.fault = always("write", FULL)
    expect_broken(disk, log, FULL)


def test_is_broken_when_syncing_the_wiping_fails() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 3)
    disk.fault = either(once("write", FULL), once("sync", FAILED))
    expect_broken(disk, log, FAILED)


def test_is_broken_after_a_failed_sync() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 3)
    disk.fault = once("sync", FAILED)
    expect_broken(disk, log, FAILED)


def test_is_broken_when_the_next_segment_is_not_synced() -> None:
    for operation in ("sync data/log/new", "rename data/log/segment", "sync_folder"):
        disk = FaultyDisk(MemoryDisk())
        log, _ = filled(disk, 3)
        disk.fault = once(operation, FAILED)
        expect_broken(disk, log, FAILED, records=[bytes(SMALL - 200)])


def test_is_broken_when_a_spare_is_not_synced() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 3)
    disk.fault = once("sync", FAILED)
    with pytest.raises(LogBroken):
        log.prepare()
    expect_broken(disk, log, FAILED)


def test_is_broken_when_retiring_is_not_synced() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, _ = filled(disk, 40)
    disk.fault = once("sync_folder", FAILED)
    with pytest.raises(LogBroken):
        log.retire(2)
    expect_broken(disk, log, FAILED)


def test_a_full_disk_stops_the_next_segment_only() -> None:
    memory = MemoryDisk()
    log, written = filled(memory, 3)
    memory.limit = memory.used() + SMALL // 2
    with pytest.raises(AppendFailed, match="No space left"):
        log.append([bytes(SMALL - 200)])
    with pytest.raises(UpkeepFailed, match="No space left") as caught:
        log.prepare()
    assert caught.value.retryable
    written.append([b"small"])
    log.append(written[-1])
    assert [name[:4] for name in memory.names("data/log")] == ["lock", "segm"]
    memory.limit = None
    written.append([bytes(SMALL - 200)])
    log.append(written[-1])
    assert everything(memory) == written


def test_recovers_on_a_full_disk_with_a_spare() -> None:
    memory = MemoryDisk()
    log, written = filled(memory, 3)
    log.prepare()
    memory.limit = memory.used()
    memory.kill()
    log = opened(memory)
    log.append([b"small"])
    assert everything(memory) == [*written, [b"small"]]


def test_keeps_on_when_retiring_fails() -> None:
    disk = FaultyDisk(MemoryDisk())
    log, written = filled(disk, 40)
    disk.fault = once("rename", FAILED)
    with pytest.raises(UpkeepFailed):
        log.retire(3)
    assert log.first_segment == 1
    assert everything(disk) == written
    log.retire(3)
    assert log.first_segment == 3


def test_gives_the_oldest_place_that_is_kept() -> None:
    disk = MemoryDisk()
    log, written = filled(disk, 40)
    assert oldest_place(disk, "data/log") == ORIGIN
    log.retire(log.place.segment)
    oldest = oldest_place(disk, "data/log")
    assert everything(disk, oldest) == written[oldest.frame :]
    with pytest.raises(Retired):
        everything(disk)


@given(
    st.lists(
        st.one_of(
            st.lists(st.binary(max_size=300), max_size=6),
            st.sampled_from(["close", "kill", "cut", "prepare", "retire"]),
        ),
        max_size=40,
    )
)
def test_any_history_reads_back_from_any_place(steps: list[list[bytes] | str]) -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places, written = [ORIGIN], list[list[bytes]]()
    for step in steps:
        if isinstance(step, list):
            places.append(log.append(step))
            written.append(step)
        elif step == "prepare":
            log.prepare()
        elif step == "retire":
            log.retire(log.place.segment)
        else:
            {"close": log.close, "kill": disk.kill, "cut": disk.power_cut}[step]()
            log = CommitLog.recover(disk, "data/log", known=log.place, segment_size=SMALL, spares=2)
        assert log.place == places[-1]
    oldest = oldest_place(disk, "data/log").frame
    for place in places[oldest:]:
        assert everything(disk, place) == written[place.frame :]


def expect_broken(disk: FaultyDisk, log: CommitLog, cause: OSError, records: list[bytes] | None = None) -> None:
    """The log says so at each call, and touches the disk no more."""
    place = log.place
    with pytest.raises(LogBroken) as caught:
        log.append(records or [b"lost" * 100])
    assert caught.value.cause is cause
    assert not caught.value.retryable
    done = list(disk.done)
    for use in (lambda: log.append([b"x"]), log.prepare, lambda: log.retire(1)):
        with pytest.raises(LogBroken):
            use()
    assert disk.done == done
    assert log.place == place


OPEN = """
import sys
from osteon.adapters.commitlog import CommitLog
from osteon.adapters.system.disk import SystemDisk
from osteon.ports.disk import Locked
try:
    CommitLog.recover(SystemDisk(sys.argv[1]), "data/log")
except Locked as locked:
    print(locked)
    sys.exit(3)
"""
