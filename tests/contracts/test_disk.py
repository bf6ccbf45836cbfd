"""What every disk promises, on the disk in memory and on the machine's."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from osteon.adapters.memory.disk import MemoryDisk, everything
from osteon.adapters.system.disk import SystemDisk
from osteon.ports.disk import Disk, File, Locked


@pytest.fixture(params=["memory", "system"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    """An empty disk of each kind."""
    return MemoryDisk() if request.param == "memory" else SystemDisk(tmp_path)


def test_reads_back_what_was_written(disk: Disk) -> None:
    with closing(disk.create("file")) as file:
        file.write(0, b"hello world")
        file.write(6, bytearray(b"there"))
        file.write(11, memoryview(b"!"))
        file.sync()
        assert file.read(0, 100) == b"hello there!"
        assert file.read(6, 5) == b"there"
        assert file.size() == 12


def test_reads_short_at_the_end_only(disk: Disk) -> None:
    with closing(disk.create("file")) as file:
        file.write(0, b"abc")
        assert file.read(1, 100) == b"bc"
        assert file.read(3, 1) == b""
        assert file.read(100, 1) == b""


def test_shows_writes_to_other_open_files(disk: Disk) -> None:
    with closing(disk.create("file")) as writer, closing(disk.open("file")) as reader:
        writer.write(0, b"abc")
        assert reader.read(0, 3) == b"abc"


def test_fills_a_gap_with_zeros(disk: Disk) -> None:
    with closing(disk.create("file")) as file:
        file.write(4, b"abc")
        assert file.read(0, 10) == b"\0\0\0\0abc"


def test_resizes_with_zeros_and_cuts(disk: Disk) -> None:
    with closing(disk.create("file")) as file:
        file.write(0, b"abc")
        file.resize((1 << 20) + 100)
        assert file.size() == (1 << 20) + 100
        assert file.read(0, 5) == b"abc\0\0"
        assert file.read(1 << 20, 200) == bytes(100)
        file.resize(2)
        assert file.read(0, 10) == b"ab"


def test_refuses_to_write_what_is_open_to_read(disk: Disk) -> None:
    disk.create("file").close()
    with closing(disk.open("file")) as file, pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        file.write(0, b"abc")


def test_refuses_to_use_a_closed_file(disk: Disk) -> None:
    file = disk.create("file")
    file.close()
    file.close()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        file.read(0, 1)


def test_refuses_to_create_a_file_twice(disk: Disk) -> None:
    disk.create("file").close()
    with pytest.raises(FileExistsError):
        disk.create("file")


def test_refuses_what_is_not_there(disk: Disk) -> None:
    for use in (disk.open, disk.remove, disk.names, disk.sync_folder):
        with pytest.raises(FileNotFoundError):
            use("missing")
    with pytest.raises(FileNotFoundError):
        disk.rename("missing", "other")
    with pytest.raises(FileNotFoundError):
        disk.create("missing/file")


def test_lists_names_of_one_folder_sorted(disk: Disk) -> None:
    disk.make_folder("one/two")
    for path in ("b", "a", "one/d", "one/c", "one/two/e"):
        disk.create(path).close()
    assert disk.names("") == ["a", "b", "one"]
    assert disk.names("one") == ["c", "d", "two"]
    assert disk.names("one/two") == ["e"]


def test_makes_a_folder_that_is_there(disk: Disk) -> None:
    disk.make_folder("one/two")
    disk.make_folder("one/two")
    disk.sync_folder("one/two")
    assert disk.names("one") == ["two"]


def test_renames_over_a_file_in_one_step(disk: Disk) -> None:
    with closing(disk.create("new")) as new, closing(disk.create("old")) as old:
        new.write(0, b"new")
        old.write(0, b"old")
        disk.rename("new", "old")
        disk.sync_folder("")
        assert disk.names("") == ["old"]
        assert old.read(0, 3) == b"old"
        new.write(0, b"NEW")
    with closing(disk.open("old")) as file:
        assert file.read(0, 3) == b"NEW"


def test_keeps_a_removed_file_for_its_users(disk: Disk) -> None:
    with closing(disk.create("file")) as file:
        file.write(0, b"abc")
        disk.remove("file")
        assert disk.names("") == []
        assert file.read(0, 3) == b"abc"


def test_locks_a_path_once_until_released(disk: Disk) -> None:
    lock = disk.lock("lock")
    with pytest.raises(Locked, match=r"'lock' is locked by process \d+\.") as caught:
        disk.lock("lock")
    assert caught.value.path == "lock"
    assert caught.value.retryable
    disk.lock("other").release()
    lock.release()
    again = disk.lock("lock")
    lock.release()
    with pytest.raises(Locked):
        disk.lock("lock")
    again.release()


def test_creates_files_for_their_owner_only(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    disk.make_folder("one/two")
    disk.create("one/file").close()
    disk.lock("one/lock").release()
    assert [(tmp_path / path).stat().st_mode & 0o777 for path in ("one", "one/two", "one/file", "one/lock")] == [
        0o700,
        0o700,
        0o600,
        0o600,
    ]


def test_gives_no_file_to_its_children(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    file, lock = disk.create("file"), disk.lock("lock")
    held = list(_open_below(tmp_path))
    assert len(held) == 2
    assert not any(os.get_inheritable(number) for number in held)
    file.close()
    lock.release()
    assert not list(_open_below(tmp_path))


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    disk = SystemDisk(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Locked, match=f"by process {holder.pid}"):
            disk.lock("lock")
        holder.kill()
    disk.lock("lock").release()


def test_a_full_disk_takes_what_fits() -> None:
    disk = MemoryDisk(limit=10)
    with closing(disk.create("one")) as one, closing(disk.create("two")) as two:
        one.write(0, b"12345678")
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            two.write(0, b"abc")
        assert two.read(0, 10) == b"ab"
        one.write(0, b"87654321")
        disk.remove("two")
        one.write(8, b"90")
        assert one.read(0, 20) == b"8765432190"


def test_a_kill_keeps_what_was_written() -> None:
    disk = MemoryDisk()
    file, _ = disk.create("file"), disk.lock("lock")
    file.write(0, b"abc")
    disk.kill()
    with pytest.raises(RuntimeError):
        file.read(0, 3)
    disk.lock("lock")
    assert disk.open("file").read(0, 3) == b"abc"


def test_a_power_cut_loses_what_was_not_synced() -> None:
    disk = MemoryDisk()
    file = _synced(disk, "file", b"abc")
    file.write(0, b"ABCD")
    disk.create("other")
    disk.power_cut()
    assert disk.names("") == ["file"]
    assert disk.open("file").read(0, 10) == b"abc"


def test_a_power_cut_may_lose_nothing() -> None:
    disk = MemoryDisk()
    file = _synced(disk, "file", b"abc")
    file.write(1, b"BCD")
    file.resize(3)
    disk.create("other")
    disk.rename("other", "another")
    disk.power_cut(everything)
    assert disk.names("") == ["another", "file"]
    assert disk.open("file").read(0, 10) == b"aBC"


def test_a_power_cut_tears_writes_at_sectors() -> None:
    disk = MemoryDisk()
    file = _synced(disk, "file", bytes(1500))
    file.write(500, b"x" * 600)
    disk.power_cut(lambda change: change in (0, 2))
    assert disk.open("file").read(0, 1500) == bytes(500) + b"x" * 12 + bytes(512) + b"x" * 76 + bytes(400)


def test_a_power_cut_keeps_the_order_of_names() -> None:
    disk = MemoryDisk()
    for path in ("a", "b", "c"):
        disk.create(path)
    disk.power_cut(lambda change: change != 1)
    assert disk.names("") == ["a"]


def test_a_power_cut_loses_an_unsynced_name() -> None:
    disk = MemoryDisk()
    file = disk.create("file")
    file.write(0, b"abc")
    file.sync()
    disk.power_cut()
    assert disk.names("") == []


def test_a_power_cut_undoes_an_unsynced_rename() -> None:
    disk = MemoryDisk()
    _synced(disk, "old", b"old")
    _synced(disk, "new", b"new")
    disk.rename("new", "old")
    disk.power_cut()
    assert {path: disk.open(path).read(0, 3) for path in disk.names("")} == {"old": b"old", "new": b"new"}


HOLD = """
import sys
from osteon.adapters.system.disk import SystemDisk
lock = SystemDisk(sys.argv[1]).lock("lock")
print("held", flush=True)
sys.stdin.read()
"""


def _synced(disk: Disk, path: str, data: bytes) -> File:
    file = disk.create(path)
    file.write(0, data)
    file.sync()
    disk.sync_folder("")
    return file


def _open_below(folder: Path) -> Iterator[int]:
    """The file descriptors of this process that stand for files below the folder."""
    for number in range(256):
        with suppress(OSError):
            status = os.fstat(number)
            if any(os.path.samestat(status, path.stat()) for path in folder.iterdir()):
                yield number
