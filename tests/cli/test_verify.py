"""`osteon journal verify`: passes what is whole, and says where something was changed, moved or taken away."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from osteon.adapters.sqlite.connection import Connection
from osteon.messages import ENTRY, Record, header
from tests.cli.installation import (
    ALICE,
    Left,
    Osteon,
    accepted,
    connected,
    copied,
    flipped,
    keyring_of,
    put,
    retire_log,
    stored,
)
from tests.serving import Server, new_key, running

Finding = tuple[str | None, int | None, int | None, str]


@pytest.fixture
def data(left: Left, tmp_path: Path) -> Path:
    """A copy of the installation."""
    return copied(left, tmp_path)


@pytest.fixture
def file(data: Path, left: Left) -> Any:
    """The file of `acme`, open for writing."""
    with contextlib.closing(connected(data, left.tenant)) as connection:
        yield connection


@pytest.fixture
def partition(file: Connection) -> int:
    """The partition of `acme` with the most filed entries: three at least."""
    found = file.execute("SELECT part, place FROM progress WHERE kind = 'partition' ORDER BY place DESC").fetchall()
    assert found[0][1] >= 3
    return int(found[0][0])


@pytest.fixture
def findings(osteon: Osteon, data: Path) -> Callable[[], list[Finding]]:
    """What verifying the copy finds."""

    def find() -> list[Finding]:
        ran = osteon("journal", "verify", "--json", "--data", data)
        found = ran.value["findings"]
        assert ran.status == (1 if found else 0)
        assert ran.value["whole"] == (not found)
        return [(each["tenant"], each["partition"], each["sequence"], each["what"]) for each in found]

    return find


def test_passes_beside_the_running_server(serving: Server, osteon: Osteon, serving_data: Path) -> None:
    accepted(serving.client("acme", ALICE), "create-project", project=new_key(), name="Rib")
    ran = osteon("journal", "verify", "--json", "--data", serving_data)
    assert (ran.status, ran.value["findings"]) == (0, [])


def test_passes_after_a_kill_and_counts_everything(osteon: Osteon, left: Left) -> None:
    ran = osteon("journal", "verify", "--json", "--data", left.data)
    assert (ran.status, ran.value["whole"], ran.value["findings"]) == (0, True, [])
    assert ran.value["entries"] == len(osteon("journal", "show", "--json", "--data", left.data).lines)
    assert ran.value["accessBlocks"] >= 3
    assert ran.value["tenants"] == 6


def test_passes_once_the_log_is_filed_again(osteon: Osteon, left: Left, data: Path) -> None:
    with running(data) as server:
        server.stop()
    ran = osteon("journal", "verify", "--tenant", "acme", "--data", data)
    assert ran.status == 0
    assert "nothing is wrong" in ran.said
    status = osteon("views", "status", "--json", "--data", data).value
    assert {each["lag"] for each in status} == {0}


@pytest.mark.parametrize("at", [5, 25, 40, 120, -1], ids=["tenant", "sequence", "previous", "body", "seal"])
def test_finds_a_flipped_byte_in_a_record(
    at: int, file: Connection, partition: int, data: Path, findings: Callable[[], list[Finding]]
) -> None:
    retire_log(data)
    record = stored(file, partition, 2)
    put(file, partition, 2, flipped(record, at % len(record)))
    what = "moved" if at in (5, 25) else "changed"
    assert findings() == [("acme", partition, 2, what)]


def test_finds_two_swapped_records(file: Connection, partition: int, findings: Callable[[], list[Finding]]) -> None:
    first, second = stored(file, partition, 1), stored(file, partition, 2)
    put(file, partition, 1, second)
    put(file, partition, 2, first)
    assert findings() == [("acme", partition, 1, "moved"), ("acme", partition, 2, "moved")]


def test_finds_a_deleted_record(file: Connection, partition: int, findings: Callable[[], list[Finding]]) -> None:
    file.execute("DELETE FROM journal WHERE position = ?", (partition << 48 | 2,)).fetchall()
    assert findings() == [("acme", partition, 2, "missing")]


def test_finds_that_the_last_filed_is_deleted(
    file: Connection, partition: int, findings: Callable[[], list[Finding]]
) -> None:
    last = file.execute("SELECT place FROM progress WHERE kind = 'partition' AND part = ?", (partition,)).get
    file.execute("DELETE FROM journal WHERE position = ?", (partition << 48 | last,)).fetchall()
    assert findings() == [("acme", partition, last, "missing")]


def test_finds_a_record_sealed_anew_with_the_key(
    file: Connection, partition: int, data: Path, left: Left, findings: Callable[[], list[Finding]]
) -> None:
    record = Record.of(stored(file, partition, 2))
    keyring = keyring_of(data)
    place = header(ENTRY, ULID.from_str(left.tenant).bytes, record.position, record.previous)
    body = keyring.open(left.tenant, record.sealed, record.place).replace(b"accepted", b"rejected")
    put(file, partition, 2, place + keyring.seal(left.tenant, body, place))
    # The log has it as it was.
    assert findings() == [("acme", partition, 2, "changed")]
    retire_log(data)
    assert findings() == [("acme", partition, 3, "unchained")]


def test_finds_a_changed_block_of_the_access_log(file: Connection, findings: Callable[[], list[Finding]]) -> None:
    block: bytes = file.execute("SELECT stored FROM accesses WHERE number = 2").get
    file.execute("UPDATE accesses SET stored = ? WHERE number = 2", (flipped(block, 200),)).fetchall()
    assert findings() == [("acme", None, 2, "changed")]


def test_finds_a_deleted_block_of_the_access_log(file: Connection, findings: Callable[[], list[Finding]]) -> None:
    file.execute("DELETE FROM accesses WHERE number = 2").fetchall()
    assert findings() == [("acme", None, 2, "missing")]


def test_finds_a_flipped_byte_in_the_log(data: Path, findings: Callable[[], list[Finding]]) -> None:
    log = data / "log" / "segment-0000000001"
    log.write_bytes(flipped(log.read_bytes(), 3000))
    assert (None, None, None, "unreadable") in findings()


def test_finds_a_file_that_cannot_be_read(data: Path, left: Left, findings: Callable[[], list[Finding]]) -> None:
    for each in (data / "tenants" / left.tenant).glob("*-*"):
        each.unlink()
    path = data / "tenants" / left.tenant / "history.db"
    path.write_bytes(flipped(path.read_bytes(), 5000))
    assert findings() == [("acme", None, None, "unreadable")]


def test_says_where_what_and_how_many(file: Connection, partition: int, osteon: Osteon, data: Path) -> None:
    file.execute("DELETE FROM journal WHERE position = ?", (partition << 48 | 2,)).fetchall()
    ran = osteon("journal", "verify", "--data", data)
    assert ran.status == 1
    where = f"missing     tenant 'acme', partition {partition}, sequence 2: expected entry 2; found entry 3"
    assert where in ran.said
    assert ran.said.rstrip().endswith("1 findings.")
