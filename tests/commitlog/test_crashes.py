"""A crash at every operation on the disk: what was acknowledged is there after it, in order and once."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from osteon.adapters.commitlog import ORIGIN, CommitLog, Place, Tail
from osteon.adapters.memory.disk import MemoryDisk, everything, nothing
from osteon.adapters.system.disk import SystemDisk
from tests.commitlog.disks import FaultyDisk, Stopped, at

SMALL = 1024
BATCHES = [[b"%d-%d" % (number, part) * 20 for part in range(number % 4)] for number in range(32)]


class Story:
    """A process that appends, and a history behind it, whatever becomes of both."""

    def __init__(self) -> None:
        self.memory = MemoryDisk()
        self.acknowledged: list[list[bytes]] = []
        self.history: list[list[bytes]] = []
        self.place = ORIGIN

    def run(self, disk: FaultyDisk) -> None:
        """Appends what is missing, in starts of nine batches; prepares spares, drains, retires."""
        while len(self.acknowledged) < len(BATCHES):
            log = self.start(disk)
            # What a start has shown counts as acknowledged from then on.
            self.acknowledged = self.kept(log.place)
            for number in range(len(self.acknowledged), len(BATCHES))[:9]:
                log.append(BATCHES[number])
                self.acknowledged.append(BATCHES[number])
                if number % 4 == 3:
                    log.prepare()
                if number % 5 == 4:
                    self.drain(log)
            log.close()

    def start(self, disk: MemoryDisk | FaultyDisk) -> CommitLog:
        return CommitLog.recover(disk, "log", known=self.place, segment_size=SMALL, spares=1)

    def drain(self, log: CommitLog) -> None:
        """Moves what is synced to the history, and retires it."""
        for place, records in Tail(self.memory, "log", self.place).read(log.place):
            self.history.append(records)
            self.place = place
        log.retire(self.place.segment)

    def check(self) -> None:
        """What was acknowledged is kept, and at most one batch more; the log goes on from there, whatever comes."""
        log = self.start(self.memory)
        kept = self.kept(log.place)
        assert kept[: len(self.acknowledged)] == self.acknowledged
        assert kept == BATCHES[: len(kept)]
        assert len(kept) <= len(self.acknowledged) + 1
        log.append([b"after"])
        self.memory.power_cut()
        log = self.start(self.memory)
        assert log.recovery.torn is None
        assert self.kept(log.place) == [*kept, [b"after"]]
        log.close()

    def kept(self, until: Place | None = None) -> list[list[bytes]]:
        return [*self.history, *(records for _, records in Tail(self.memory, "log", self.place).read(until))]


def kill(memory: MemoryDisk) -> None:
    memory.kill()


def lose_all(memory: MemoryDisk) -> None:
    memory.power_cut(nothing)


def lose_nothing(memory: MemoryDisk) -> None:
    memory.power_cut(everything)


def lose_even(memory: MemoryDisk) -> None:
    memory.power_cut(lambda change: change % 2 == 1)


def lose_odd(memory: MemoryDisk) -> None:
    memory.power_cut(lambda change: change % 2 == 0)


def lose_the_first(memory: MemoryDisk) -> None:
    memory.power_cut(lambda change: change > 0)


ENDINGS = [kill, lose_all, lose_nothing, lose_even, lose_odd, lose_the_first]


@pytest.mark.parametrize("ending", ENDINGS)
def test_keeps_what_was_acknowledged_before_any_crash(ending: Callable[[MemoryDisk], None]) -> None:
    for number in range(operations()):
        story = crashed(number)
        ending(story.memory)
        story.check()


@pytest.mark.parametrize("ending", ENDINGS)
def test_keeps_what_a_recovery_after_a_kill_has_shown(ending: Callable[[MemoryDisk], None]) -> None:
    for number in range(operations()):
        story = crashed(number)
        story.memory.kill()
        log = story.start(story.memory)
        shown = story.kept(log.place)
        assert shown[: len(story.acknowledged)] == story.acknowledged
        ending(story.memory)
        assert story.kept(story.start(story.memory).place) == shown


@pytest.mark.parametrize("ending", [kill, lose_all, lose_odd])
def test_keeps_it_when_the_recovery_crashes_too(ending: Callable[[MemoryDisk], None]) -> None:
    for number in range(0, operations(), 3):
        for later in range(12):
            story = crashed(number)
            story.memory.kill()
            with suppress(Stopped):
                story.run(FaultyDisk(story.memory, at(later, Stopped())))
            ending(story.memory)
            story.check()


def test_the_story_goes_through_every_part_of_the_log() -> None:
    story = Story()
    disk = FaultyDisk(story.memory)
    story.run(disk)
    assert story.acknowledged == BATCHES
    assert story.place.segment > 4
    assert {done.split("-")[0] for done in disk.done} >= {
        "rename log/spare",
        "rename log/new",
        "rename log/segment",
        "remove log/segment",
        "write log/new",
        "resize log/new",
    }


def test_keeps_what_a_killed_process_acknowledged(tmp_path: Path) -> None:
    disk, acknowledged = SystemDisk(tmp_path), 0
    for lines in (1, 40, 7, 100, 23):
        with subprocess.Popen([sys.executable, "-c", APPEND, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(lines):
                acknowledged = int(process.stdout.readline())
            process.kill()
            acknowledged = max([acknowledged, *map(int, process.stdout.read().split(b"\n")[:-1])])
        log = CommitLog.recover(disk, "log", segment_size=4096)
        kept = [int(records[0]) for _, records in Tail(disk, "log", ORIGIN).read(log.place)]
        assert kept == list(range(1, len(kept) + 1))
        assert len(kept) - acknowledged in (0, 1)
        log.close()


APPEND = """
import sys
from osteon.adapters.commitlog import CommitLog
from osteon.adapters.system.disk import SystemDisk
log = CommitLog.recover(SystemDisk(sys.argv[1]), "log", segment_size=4096)
while True:
    print(log.append([b"%d" % (log.place.frame + 1), bytes(log.place.frame % 300)]).frame, flush=True)
"""


def crashed(number: int) -> Story:
    """A story that stopped at the operation of this number."""
    story = Story()
    with pytest.raises(Stopped):
        story.run(FaultyDisk(story.memory, at(number, Stopped())))
    return story


def operations() -> int:
    """How many operations the story takes."""
    story = Story()
    disk = FaultyDisk(story.memory)
    story.run(disk)
    return len(disk.done)
