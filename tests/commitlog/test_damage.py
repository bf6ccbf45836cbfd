"""A log that is not what was written: torn at its end, which is no loss, or damaged, which must be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osteon.adapters.commitlog import ORIGIN, CommitLog, Damaged, Place, Tail, Torn, oldest_place
from osteon.adapters.commitlog.frames import encode_frame
from osteon.adapters.memory.disk import MemoryDisk

SMALL = 2048
BATCHES = [[b"first", b"batch" * 5], [b"second" * 4], [b"third", b"", b"batch" * 3]]
FIRST = "log/segment-0000000001"
SECOND = "log/segment-0000000002"


def opened(disk: MemoryDisk, known: Place | None = None) -> CommitLog:
    return CommitLog.recover(disk, "log", known=known, segment_size=SMALL, spares=2)


def written(batches: list[list[bytes]]) -> tuple[MemoryDisk, list[Place]]:
    """A disk with these batches in a closed log, and the places before, between and behind them."""
    disk = MemoryDisk()
    log = opened(disk)
    places = [log.place, *(log.append(records) for records in batches)]
    log.close()
    return disk, places


def everything(disk: MemoryDisk, until: Place | None = None) -> list[list[bytes]]:
    return [records for _, records in Tail(disk, "log", ORIGIN).read(until)]


def overwrite(disk: MemoryDisk, path: str, offset: int, data: bytes | bytearray) -> None:
    file = disk.open(path, writable=True)
    file.write(offset, data)
    file.sync()


def contents(disk: MemoryDisk) -> dict[str, bytes]:
    return {name: disk.open(f"log/{name}").read(0, 1 << 20) for name in disk.names("log")}


def expect_damage(disk: MemoryDisk, path: str, offset: int, known: Place | None = None) -> Damaged:
    """Recovery and reading refuse, name the place, change nothing, and leave the log unlocked."""
    before = contents(disk)
    with pytest.raises(Damaged, match="Keep a copy of the folder") as caught:
        opened(disk, known)
    assert (caught.value.path, caught.value.offset) == (path, offset), str(caught.value)
    assert caught.value.expected
    assert caught.value.actual
    assert not caught.value.retryable
    assert contents(disk) == before
    disk.lock("log/lock").release()
    with pytest.raises(Damaged):
        everything(disk, known)
    return caught.value


def test_drops_a_frame_torn_at_any_byte() -> None:
    _, places = written(BATCHES)
    start, end = places[-2].offset, places[-1].offset
    for cut in range(start, end):
        disk, _ = written(BATCHES)
        overwrite(disk, FIRST, cut, bytes(end - cut))
        if disk.open(FIRST).read(start, end - start).rstrip(b"\0") == b"":
            assert cut == start
        log = opened(disk)
        assert log.place == places[-2]
        torn = log.recovery.torn
        assert torn == (Torn(FIRST, start, 3) if cut >= start + 40 else torn)
        log.append([b"another"])
        log.close()
        assert everything(disk) == [*BATCHES[:2], [b"another"]]


def test_drops_a_frame_of_which_any_part_is_missing() -> None:
    _, places = written(BATCHES)
    start, end = places[-2].offset, places[-1].offset
    for cut in range(start + 1, end):
        disk, _ = written(BATCHES)
        overwrite(disk, FIRST, start, b"\xa5" * (cut - start))
        log = opened(disk)
        assert log.place == places[-2]
        assert log.recovery.torn is None
        log.close()
        assert opened(disk).place == places[-2]


def test_a_torn_frame_is_gone_for_good() -> None:
    disk, places = written(BATCHES)
    disk.flip(FIRST, places[-1].offset - 1)
    assert opened(disk).recovery.torn is not None
    disk.kill()
    disk.flip(FIRST, places[-1].offset - 1)
    assert opened(disk).recovery.torn is None
    assert everything(disk) == BATCHES[:2]


def test_refuses_a_flipped_byte_in_a_middle_frame() -> None:
    for mask in (0xFF, 0x01):
        _, places = written(BATCHES)
        for offset in range(places[1].offset, places[2].offset):
            disk, _ = written(BATCHES)
            disk.flip(FIRST, offset, mask)
            damaged = expect_damage(disk, FIRST, places[1].offset)
            assert "frame 2" in damaged.expected


def test_refuses_a_flipped_byte_in_the_last_frame_that_is_known() -> None:
    _, places = written(BATCHES)
    for offset in range(places[2].offset, places[3].offset):
        disk, _ = written(BATCHES)
        disk.flip(FIRST, offset)
        expect_damage(disk, FIRST, places[2].offset, known=places[3])


def test_refuses_a_flipped_byte_in_a_head() -> None:
    for path in (FIRST, SECOND):
        for offset in range(64):
            disk, _ = written([[bytes(1800)], [bytes(1800)], [b"x"]])
            disk.flip(path, offset)
            expect_damage(disk, path, 0)


def test_refuses_a_flipped_byte_before_the_next_segment() -> None:
    _, places = written([[b"x" * 300], [b"y" * 300], [bytes(1500)]])
    assert places[2].segment == 1
    assert places[3].segment == 2
    for offset in range(places[1].offset, places[2].offset, 7):
        disk, _ = written([[b"x" * 300], [b"y" * 300], [bytes(1500)]])
        disk.flip(FIRST, offset)
        damaged = expect_damage(disk, FIRST, places[1].offset)
        assert "segment 2 goes on behind frame 2" in damaged.expected


def test_refuses_a_flipped_byte_before_stale_frames() -> None:
    disk = recycled(62)
    *_, before, victim, last = [place for place, _ in Tail(disk, "log", oldest(disk)).read()]
    assert before.segment == last.segment
    assert stale_frames(disk, last) > 0
    disk.flip(f"log/segment-{last.segment:010}", victim.offset - 1)
    with pytest.raises(Damaged) as caught:
        opened(disk)
    assert caught.value.offset == before.offset


def test_reads_stale_frames_of_a_recycled_file_as_its_end() -> None:
    stale = 0
    for batches in range(60, 100):
        disk = recycled(batches)
        *_, (place, _) = Tail(disk, "log", oldest(disk)).read()
        assert place.frame == batches
        stale += stale_frames(disk, place)
        assert opened(disk).place == place
    assert stale > 100


def test_reads_a_stale_frame_where_the_next_would_stand_as_the_end() -> None:
    disk = MemoryDisk()
    log = opened(disk)
    places: list[Place] = []
    for number in range(80):
        places.append(log.append([b"%04d" % number * 40]))
        log.retire(log.place.segment)
    log.close()
    # All frames are equally long: a stale one stands exactly where the next one would.
    assert disk.open(f"log/segment-{places[-1].segment:010}").read(places[-1].offset, 4) == b"\xf5OLf"
    log = opened(disk, places[-1])
    assert log.place == places[-1]
    assert log.recovery.torn is None


def test_refuses_a_log_that_ends_before_a_known_place() -> None:
    disk, places = written(BATCHES)
    end = places[-1]
    expect_damage(disk, FIRST, end.offset, known=Place(1, end.offset + 100, 4))
    expect_damage(disk, FIRST, end.offset, known=Place(7, 100, 9))


def test_refuses_a_log_whose_known_place_is_elsewhere() -> None:
    disk, places = written(BATCHES)
    with pytest.raises(Damaged, match="expected frame 2 ending at"):
        opened(disk, places[2]._replace(offset=places[2].offset + 1))
    with pytest.raises(Damaged, match="expected frame 2 ending at"):
        opened(disk, places[2]._replace(segment=2))
    for place in places:
        opened(disk, place).close()


def test_refuses_a_log_that_is_gone() -> None:
    disk, places = written(BATCHES)
    disk.remove(FIRST)
    with pytest.raises(Damaged, match="no log") as caught:
        opened(disk, places[-1])
    assert caught.value.path == FIRST
    assert opened(disk, ORIGIN).recovery.created


def test_refuses_a_log_that_retired_what_nobody_knows() -> None:
    disk = recycled(60)
    place = oldest(disk)
    opened(disk, place).close()
    with pytest.raises(Damaged, match=f"found frame {place.frame} there"):
        opened(disk, place._replace(frame=place.frame - 1))
    with pytest.raises(Damaged):
        opened(disk, ORIGIN)


def test_refuses_a_missing_segment() -> None:
    batches = [[bytes(1800)] for _ in range(5)]
    for number in (2, 3, 4):
        disk, _ = written(batches)
        missing = f"log/segment-{number:010}"
        disk.remove(missing)
        expect_damage(disk, missing, 0)
    disk, places = written(batches)
    disk.remove("log/segment-0000000005")
    expect_damage(disk, "log/segment-0000000004", places[4].offset, known=places[5])


def test_refuses_swapped_segments() -> None:
    disk, _ = written([[b"%d" % number, bytes(1800)] for number in range(5)])
    disk.rename(SECOND, "log/other")
    disk.rename("log/segment-0000000003", SECOND)
    disk.rename("log/other", "log/segment-0000000003")
    expect_damage(disk, SECOND, 0)


def test_refuses_an_older_copy_of_a_segment() -> None:
    batches = [[b"x" * 300], [b"y" * 300], [bytes(1500)]]
    older, places = written(batches[:1])
    disk, _ = written(batches)
    overwrite(disk, FIRST, 0, older.open(FIRST).read(0, SMALL))
    expect_damage(disk, FIRST, places[1].offset)


def test_refuses_a_segment_of_another_log() -> None:
    disk, places = written([[b"x" * 300], [b"y" * 300], [bytes(1500)]])
    other, _ = written([[b"x" * 300], [b"z" * 300], [bytes(1500)]])
    overwrite(disk, SECOND, 0, other.open(SECOND).read(0, SMALL))
    expect_damage(disk, FIRST, places[2].offset)


def test_refuses_a_frame_of_another_chain() -> None:
    disk, places = written([[b"x"], [b"y"], [b"z"]])
    other, _ = written([[b"a"], [b"b"], [b"c"]])
    for count in (1, 2):
        start = places[-1 - count].offset
        overwrite(disk, FIRST, start, other.open(FIRST).read(start, places[-1].offset - start))
        expect_damage(disk, FIRST, start)


def test_records_that_look_like_frames_harm_nothing() -> None:
    _, places = written(BATCHES)
    frames = written(BATCHES)[0].open(FIRST).read(64, places[-1].offset)
    disk, places = written([[frames], [frames * 2], [frames]])
    disk.flip(FIRST, places[-1].offset - 1)
    assert opened(disk).place == places[2]
    assert everything(disk) == [[frames], [frames * 2]]


def test_refuses_a_frame_of_an_earlier_start() -> None:
    disk, _ = written(BATCHES)
    log = opened(disk)
    log.append([b"second start"])
    log.close()
    tail = Tail(disk, "log", ORIGIN)
    assert len(list(tail.read())) == 4
    overwrite(disk, FIRST, tail.place.offset, encode_frame(tail.link, 1, [b"next"])[0])
    expect_damage(disk, FIRST, tail.place.offset)
    overwrite(disk, FIRST, tail.place.offset, encode_frame(tail.link, 2, [b"next"])[0])
    assert opened(disk).place.frame == 5


def test_finds_a_later_frame_across_pieces() -> None:
    for length in range((1 << 20) - 90, (1 << 20) + 10, 9):
        disk = MemoryDisk()
        log = CommitLog.recover(disk, "log", segment_size=3 << 20)
        place = log.append([b"before"])
        log.append([bytes(length)])
        log.append([b"behind"])
        log.close()
        disk.flip(FIRST, place.offset + 1000)
        expect_damage(disk, FIRST, place.offset)


@given(st.data())
def test_any_flip_is_refused_or_torn(data: st.DataObject) -> None:
    batches = data.draw(st.lists(st.lists(st.binary(max_size=400), max_size=4), min_size=1, max_size=12))
    disk, places = written(batches)
    victim = data.draw(st.sampled_from(places[1:]))
    offset = data.draw(st.integers(64, victim.offset - 1))
    disk.flip(f"log/segment-{victim.segment:010}", offset, data.draw(st.integers(1, 255)))
    hit = min(place for place in places[1:] if place.segment == victim.segment and place.offset > offset)
    if hit == places[-1]:
        assert opened(disk).place == places[-2]
        return
    with pytest.raises(Damaged):
        opened(disk)


def recycled(batches: int) -> MemoryDisk:
    """A log that has come round many times, with batches of changing length."""
    disk = MemoryDisk()
    log = opened(disk)
    for number in range(batches):
        log.append([b"%04d" % number * (7 + number * 5 % 11)])
        log.retire(log.place.segment)
    log.close()
    return disk


def oldest(disk: MemoryDisk) -> Place:
    return oldest_place(disk, "log")


def stale_frames(disk: MemoryDisk, last: Place) -> int:
    """How many frames of an earlier use begin behind the last one."""
    return disk.open(f"log/segment-{last.segment:010}").read(last.offset, SMALL).count(b"\xf5OLf")
