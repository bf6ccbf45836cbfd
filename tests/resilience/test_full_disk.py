"""A disk without room: callers are told `unavailable`, which means maybe; nothing acknowledged is lost; with room it goes on by itself."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resilience.books import gaps, read_journal
from tests.serving import Answer, Client, NotServing, new_key, patiently, running

SMALL = ("-m", "tests.resilience.small_log", "up")
SIZE = "24m"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    user = os.geteuid()
    as_root = [] if user == 0 else ["sudo", "-n"]
    mount = [*as_root, "mount", "-t", "tmpfs", "-o", f"size={SIZE},uid={user},mode=700", "tmpfs", str(folder)]
    if shutil.which(mount[0]) is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted; root may, or whoever needs no password for sudo")
    yield folder
    subprocess.run([*as_root, "umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_loses_nothing_and_is_got_over(disk: Path) -> None:
    data, filler = disk / "data", disk / "filler"
    told: dict[str, Answer] = {}
    with running(data, program=SMALL) as server:
        alice = server.client("acme", "alice@acme.example")
        for _ in range(20):
            key = new_key()
            told[key] = create(alice, key)
        fill(filler)
        refused = until_refused(alice, told)
        # It still answers, and says the same to whoever asks again.
        assert create(alice, refused).refusal == (503, "unavailable")
        assert alice.query("list-projects").status == 200
        assert server.status is None
        filler.unlink()
        told[refused] = patiently(lambda: create(alice, refused))
        told |= {key: create(alice, key) for key in (new_key() for _ in range(20))}
        assert all(create(alice, key).raw == answer.raw for key, answer in told.items())
        listed = alice.every("list-projects", after=told[refused].position)
        assert {row["project"] for row in listed} >= {answer.answer for answer in told.values()}
        assert server.stop() in {0, 143}
    assert_kept_once(data, told)


def test_a_start_without_room_says_so_and_changes_nothing(disk: Path) -> None:
    data, filler, more = disk / "data", disk / "filler", disk / "more"
    with running(data, program=SMALL) as server:
        alice = server.client("acme", "alice@acme.example")
        told: dict[str, Answer] = {}
        fill(filler)
        until_refused(alice, told)
        server.kill()
    # Whatever its end has set free.
    fill(more)
    with pytest.raises(NotServing) as refused, running(data, program=SMALL):
        pass
    assert "No space left on device" in refused.value.messages
    assert "Traceback" not in refused.value.messages
    filler.unlink()
    more.unlink()
    with running(data, program=SMALL) as server:
        alice = server.client("acme", "alice@acme.example")
        assert all(create(alice, key).raw == answer.raw for key, answer in told.items())
        assert server.stop() in {0, 143}
    assert_kept_once(data, told)


def create(client: Client, key: str) -> Answer:
    """Creates a project under a key."""
    return client.command("create-project", key=key, name="Where there is room " * 4)


def fill(filler: Path) -> None:
    """Takes all room that is left."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(os.statvfs(filler).f_bsize)):
            pass


def until_refused(client: Client, told: dict[str, Answer]) -> str:
    """Creates projects until one is refused for want of room; its key."""
    for _ in range(3_000):
        key = new_key()
        answer = create(client, key)
        if answer.status != 200:
            assert answer.refusal == (503, "unavailable")
            assert answer.headers["retry-after"]
            return key
        told[key] = answer
    raise AssertionError("The disk never became full.")


def assert_kept_once(data: Path, told: dict[str, Answer]) -> None:
    """What was acknowledged stands in the journal once, where the reply says."""
    entries = read_journal(data)
    assert gaps(entries) == []
    kept = [entry["key"].rpartition("/")[2] for entry in entries if entry["command"]["type"] == "create-project"]
    assert len(kept) == len(set(kept))
    places = {entry["key"].rpartition("/")[2]: entry["position"] for entry in entries}
    assert {key: places.get(key) for key in told} == {key: answer.position for key, answer in told.items()}
