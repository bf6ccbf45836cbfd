"""Heads and proofs from outside: what was changed after a head left is found, and an entry is proved to whoever asks."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from osteon.adapters.ed25519 import HeadSigner
from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.system.disk import SystemDisk
from osteon.app.heads import HeadFile
from osteon.messages import ENTRY, GENESIS, Position, Record, header, record_hash
from osteon.messages.heads import read_heads
from osteon.model import record_json, replace
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
from tests.serving import new_key, patiently, running

Findings = Callable[[], list[tuple[int | None, int | None, str]]]


@pytest.fixture
def data(left: Left, tmp_path: Path) -> Path:
    """A copy of the installation to tamper with."""
    return copied(left, tmp_path)


@pytest.fixture
def file(data: Path, left: Left) -> Iterator[Connection]:
    """The file of `acme`, open for writing."""
    with contextlib.closing(connected(data, left.tenant)) as connection:
        yield connection


@pytest.fixture
def partition(file: Connection) -> int:
    """The partition of `acme` with the most filed entries: three at least."""
    return int(file.execute("SELECT part FROM progress WHERE kind = 'partition' ORDER BY place DESC LIMIT 1").get)


@pytest.fixture
def head(osteon: Osteon, data: Path, tmp_path: Path) -> Path:
    """A head of `acme` that left: over what is in the log too."""
    path = tmp_path / "heads.json"
    path.write_text(osteon("journal", "heads", "--tenant", "acme", "--json", "--data", data).said)
    return path


@pytest.fixture
def filed_head(osteon: Osteon, data: Path, tmp_path: Path) -> Path:
    """A head of `acme` that left when everything in the log had been retired."""
    retire_log(data)
    path = tmp_path / "filed.json"
    path.write_text(osteon("journal", "heads", "--tenant", "acme", "--json", "--data", data).said)
    return path


@pytest.fixture
def key(osteon: Osteon, data: Path, tmp_path: Path) -> Path:
    """The public key of `acme`."""
    path = tmp_path / "key.json"
    path.write_text(osteon("journal", "key", "--tenant", "acme", "--data", data).said)
    return path


def findings(osteon: Osteon, data: Path, heads: Path, *options: str | Path) -> list[tuple[int | None, int | None, str]]:
    """What verifying against heads finds: partition, sequence, what."""
    ran = osteon("journal", "verify", "--tenant", "acme", "--heads", heads, "--json", "--data", data, *options)
    found = ran.value["findings"]
    assert ran.status == (1 if found else 0)
    return [(each["partition"], each["sequence"], each["what"]) for each in found]


def test_a_head_counts_what_the_journal_shows(osteon: Osteon, left: Left, data: Path, head: Path) -> None:
    (line,) = [json.loads(each) for each in head.read_text().splitlines()]
    shown = osteon("journal", "show", "--tenant", "acme", "--json", "--data", data).lines
    assert line["head"]["tenant"] == left.tenant
    assert sum(each["sequence"] for each in line["head"]["partitions"]) == len(shown)
    assert line["head"]["accesses"]["number"] >= 3


def test_heads_come_for_every_tenant(osteon: Osteon, left: Left) -> None:
    ran = osteon("journal", "heads", "--data", left.data)
    assert ran.status == 0
    assert ran.said.splitlines()[0].split()[:4] == ["tenant", "at", "entries", "blocks"]
    assert len(ran.said.splitlines()) == 7


def test_what_is_whole_passes_against_its_head(osteon: Osteon, data: Path, head: Path, key: Path) -> None:
    assert findings(osteon, data, head) == []
    assert findings(osteon, data, head, "--key", key) == []
    ran = osteon("journal", "verify", "--heads", head, "--data", data)
    assert (ran.status, "against 1 heads" in ran.said, "nothing is wrong" in ran.said) == (0, True, True)


def test_what_follows_a_head_is_no_finding(osteon: Osteon, data: Path, head: Path) -> None:
    with running(data) as server:
        accepted(server.client("acme", ALICE), "create-project", project=new_key(), name="Rib")
        server.stop()
    assert findings(osteon, data, head) == []


def test_finds_a_log_that_was_cut_below_a_head(osteon: Osteon, left: Left, data: Path, head: Path) -> None:
    retire_log(data)
    assert osteon("journal", "verify", "--data", data).status == 0
    partition = Position.of(left.acknowledged[-1][1]).partition
    (signed,) = read_heads(head.read_text().splitlines())
    covered = signed.head.of(partition)
    assert covered is not None
    # Others, and blocks of the access log, may have been in the log alone too.
    assert (partition, covered.sequence, "cut") in findings(osteon, data, head)
    ran = osteon("journal", "verify", "--tenant", "acme", "--heads", head, "--data", data)
    last = covered.sequence
    assert f"partition {partition}, sequence {last}: expected entry {last}, of the head of" in ran.said


def test_finds_a_history_that_was_cut_below_a_head(
    osteon: Osteon, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    last = length(file, partition)
    cut(file, partition, last)
    assert osteon("journal", "verify", "--data", data).status == 0
    assert findings(osteon, data, filed_head) == [(partition, last, "cut")]


def test_finds_a_partition_that_is_gone(
    osteon: Osteon, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    last = length(file, partition)
    cut(file, partition, 1)
    file.execute("DELETE FROM progress WHERE kind = 'partition' AND part = ?", (partition,)).fetchall()
    assert osteon("journal", "verify", "--data", data).status == 0
    assert findings(osteon, data, filed_head) == [(partition, last, "cut")]


def test_finds_that_the_history_of_a_tenant_is_gone(osteon: Osteon, left: Left, data: Path, filed_head: Path) -> None:
    for each in (data / "tenants" / left.tenant).iterdir():
        each.unlink()
    (data / "tenants" / left.tenant).rmdir()
    found = findings(osteon, data, filed_head)
    assert {what for _, _, what in found} == {"cut"}
    assert (None, read_heads([filed_head.read_text()])[0].head.accesses.number, "cut") in found


def test_finds_a_chain_that_was_made_anew(
    osteon: Osteon, left: Left, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    rebuild(file, keyring_of(data), left, partition, 2)
    assert osteon("journal", "verify", "--data", data).status == 0
    assert findings(osteon, data, filed_head) == [(partition, length(file, partition), "rewritten")]


def test_says_up_to_where_a_chain_is_as_it_was(
    osteon: Osteon, left: Left, data: Path, file: Connection, partition: int, filed_head: Path, tmp_path: Path
) -> None:
    last = length(file, partition)
    kept = stored(file, partition, last)
    cut(file, partition, last)
    early = osteon("journal", "heads", "--tenant", "acme", "--json", "--data", data).said
    position = partition << 48 | last
    columns = "number, position, entity, key, invocation, stored"
    row = (10_000, position, left.project, "key", "invocation", kept)
    file.execute(f"INSERT INTO journal({columns}) VALUES (?, ?, ?, ?, ?, ?)", row).fetchall()  # noqa: S608
    file.execute("UPDATE progress SET place = ? WHERE kind = 'partition' AND part = ?", (last, partition)).fetchall()
    both = tmp_path / "both.json"
    both.write_text(filed_head.read_text() + early)
    assert findings(osteon, data, both) == []
    rebuild(file, keyring_of(data), left, partition, last)
    ran = osteon("journal", "verify", "--tenant", "acme", "--heads", both, "--data", data)
    assert ran.status == 1
    assert f"; up to entry {last - 1} it is that of the head of" in ran.said
    rebuild(file, keyring_of(data), left, partition, 1)
    assert findings(osteon, data, both) == [(partition, last - 1, "rewritten")]


def test_finds_a_change_by_the_tree_where_the_last_hash_fits(
    osteon: Osteon, left: Left, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    put(file, partition, 2, resealed(keyring_of(data), left, stored(file, partition, 2), None))
    last = length(file, partition)
    expected = [(partition, 3, "unchained"), (partition, last, "rewritten")]
    assert findings(osteon, data, filed_head) == expected


def test_finds_changed_swapped_and_missing_entries(
    osteon: Osteon, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    last = length(file, partition)
    first, second = stored(file, partition, 1), stored(file, partition, 2)
    put(file, partition, 2, flipped(second, -1 % len(second)))
    assert findings(osteon, data, filed_head) == [(partition, 2, "changed"), (partition, last, "rewritten")]
    put(file, partition, 1, second)
    put(file, partition, 2, first)
    swapped = [(partition, 1, "moved"), (partition, 2, "moved"), (partition, last, "rewritten")]
    assert findings(osteon, data, filed_head) == swapped
    put(file, partition, 1, first)
    file.execute("DELETE FROM journal WHERE position = ?", (partition << 48 | 2,)).fetchall()
    assert findings(osteon, data, filed_head) == [(partition, 2, "missing"), (partition, last, "rewritten")]


def test_finds_an_access_log_that_was_cut_or_made_anew(
    osteon: Osteon, left: Left, data: Path, file: Connection, filed_head: Path
) -> None:
    last = int(file.execute("SELECT place FROM progress WHERE kind = 'accesses'").get)
    block: bytes = file.execute("SELECT stored FROM accesses WHERE number = ?", (last,)).get
    anew = resealed(keyring_of(data), left, block, None)
    file.execute("UPDATE accesses SET stored = ? WHERE number = ?", (anew, last)).fetchall()
    assert osteon("journal", "verify", "--data", data).status == 0
    assert findings(osteon, data, filed_head) == [(None, last, "rewritten")]
    file.execute("DELETE FROM accesses WHERE number = ?", (last,)).fetchall()
    file.execute("UPDATE progress SET place = ? WHERE kind = 'accesses'", (last - 1,)).fetchall()
    assert osteon("journal", "verify", "--data", data).status == 0
    assert findings(osteon, data, filed_head) == [(None, last, "cut")]


def test_finds_the_head_of_another_tenant(osteon: Osteon, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(osteon("journal", "heads", "--tenant", "globex", "--json", "--data", data).said)
    assert findings(osteon, data, other) == [(None, None, "foreign")]
    assert osteon("journal", "verify", "--heads", other, "--data", data).status == 0


def test_finds_a_head_that_was_forged(osteon: Osteon, left: Left, data: Path, head: Path, tmp_path: Path) -> None:
    (signed,) = read_heads(head.read_text().splitlines())
    shorter = replace(signed, head=replace(signed.head, partitions=signed.head.partitions[:1]))
    globex = HeadSigner(keyring_of(data), tenant_named(osteon, data, "globex"))
    forged = tmp_path / "forged.json"
    for each in (shorter, globex.sign(signed.head)):
        forged.write_bytes(record_json(each))
        assert findings(osteon, data, forged) == [(None, None, "forged")]


def test_finds_a_head_that_the_given_key_did_not_sign(osteon: Osteon, data: Path, head: Path, tmp_path: Path) -> None:
    other = tmp_path / "globex.key"
    other.write_text(osteon("journal", "key", "--tenant", "globex", "--data", data).said)
    assert findings(osteon, data, head, "--key", other) == [(None, None, "forged")]


@pytest.mark.parametrize(("text", "said"), [("", "holds no head"), ("{}\n", "Line 1 is not a signed head")])
def test_refuses_a_file_without_heads(osteon: Osteon, data: Path, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "nothing"
    path.write_text(text)
    for heads in (path, tmp_path / "missing"):
        ran = osteon("journal", "verify", "--heads", heads, "--data", data)
        assert ran.status == 1
        assert (said if heads == path else "cannot be read") in ran.complained


@pytest.mark.parametrize("named", ["place", "position", "invocation"])
def test_proves_an_entry_to_whoever_has_the_key(
    osteon: Osteon, left: Left, data: Path, key: Path, tmp_path: Path, named: str
) -> None:
    invocation, position = left.acknowledged[-1]
    place = Position.of(position)
    text = {"place": f"{place.partition}/{place.sequence}", "position": position, "invocation": invocation}[named]
    proof = tmp_path / "proof.json"
    proof.write_text(osteon("journal", "prove", text, "--tenant", "acme", "--data", data).said)
    said = json.loads(proof.read_text())
    assert (said["partition"], said["index"], said["kind"]) == (place.partition, place.sequence - 1, "inclusion")
    checked = osteon("journal", "check-proof", proof, "--key", key)
    assert checked.status == 0
    assert checked.said.startswith(f"holds  The record is entry {place.sequence} of partition {place.partition}")


def test_proves_an_entry_for_a_head_that_left(
    osteon: Osteon, left: Left, data: Path, head: Path, key: Path, tmp_path: Path
) -> None:
    place = left.first
    proof = tmp_path / "proof.json"
    wanted = f"{place.partition}/{place.sequence}"
    proof.write_text(osteon("journal", "prove", wanted, "--tenant", "acme", "--heads", head, "--data", data).said)
    assert json.loads(proof.read_text())["head"] == json.loads(head.read_text())
    assert osteon("journal", "check-proof", proof, "--key", key, "--json").value["holds"]


@pytest.mark.parametrize(
    ("field", "flaw"),
    [
        ("record", "The leaf is not the hash"),
        ("leaf", "The leaf is not the hash"),
        ("index", "The record is the entry"),
        ("size", "The head has no tree of"),
        ("path", "The path does not lead"),
        ("partition", "The head has no tree of"),
        ("head", "was not signed by this key"),
    ],
)
def test_a_proof_that_was_changed_does_not_hold(
    osteon: Osteon, left: Left, data: Path, key: Path, tmp_path: Path, field: str, flaw: str
) -> None:
    place = left.first
    wanted = f"{place.partition}/{place.sequence}"
    said = osteon("journal", "prove", wanted, "--tenant", "acme", "--data", data).value
    (said["head"]["head"] if field == "head" else said).update(changed(said, field))
    proof = tmp_path / "proof.json"
    proof.write_text(json.dumps(said))
    ran = osteon("journal", "check-proof", proof, "--key", key)
    assert ran.status == 1
    assert flaw in ran.said


def test_a_proof_by_another_key_does_not_hold(osteon: Osteon, data: Path, key: Path, tmp_path: Path) -> None:
    partition = osteon("journal", "show", "--tenant", "globex", "--limit", 1, "--json", "--data", data).value[
        "partition"
    ]
    proof = tmp_path / "proof.json"
    proof.write_text(osteon("journal", "prove", f"{partition}/1", "--tenant", "globex", "--data", data).said)
    checked = osteon("journal", "check-proof", proof, "--key", key, "--json")
    assert (checked.status, checked.value["holds"]) == (1, False)
    assert checked.value["flaws"] == ["The head was not signed by this key, or changed since."]


def test_nothing_is_proved_from_a_journal_that_was_changed(
    osteon: Osteon, left: Left, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    rebuild(file, keyring_of(data), left, partition, 2)
    ran = osteon("journal", "prove", f"{partition}/1", "--tenant", "acme", "--heads", filed_head, "--data", data)
    assert ran.status == 1
    assert "The head has another root than partition" in ran.complained
    put(file, partition, 1, b"no record")
    ran = osteon("journal", "prove", f"{partition}/1", "--tenant", "acme", "--data", data)
    assert "its journal does not follow from what it was" in ran.complained


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["99/1", "--tenant", "acme"], "covers nothing of partition 99"),
        (["what", "--tenant", "acme"], "'what' is no entry"),
        (["01HF7YAT00AAAAAAAAAAAAAAAA", "--tenant", "acme"], "has no entry"),
        (["1/1"], "Name the tenant"),
        (["--tenant", "acme"], "Name an entry"),
        (["--growth", "--tenant", "acme"], "give '--heads FILE'"),
    ],
)
def test_says_why_nothing_is_proved(osteon: Osteon, left: Left, arguments: list[str], said: str) -> None:
    ran = osteon("journal", "prove", *arguments, "--data", left.data)
    assert ran.status == 1
    assert said in ran.complained


def test_proves_that_a_journal_only_grew(
    osteon: Osteon, left: Left, data: Path, head: Path, key: Path, tmp_path: Path
) -> None:
    proof = tmp_path / "growth.json"
    with running(data) as server:
        server.client("acme", ALICE).command("create-project", project=new_key(), name="Rib")
        server.stop()
    grown = osteon("journal", "prove", "--growth", "--tenant", "acme", "--heads", head, "--data", data)
    proof.write_text(grown.said)
    assert grown.value["later"]["head"]["at"] > grown.value["earlier"]["head"]["at"]
    checked = osteon("journal", "check-proof", proof, "--key", key)
    assert checked.status == 0
    assert "begin the" in checked.said
    said = grown.value
    said["partitions"] = [each for each in said["partitions"] if not each["path"]]
    proof.write_text(json.dumps(said))
    assert "is not shown to begin with" in osteon("journal", "check-proof", proof, "--key", key).said
    proof.write_text(json.dumps(grown.value | {"earlier": grown.value["later"], "later": grown.value["earlier"]}))
    assert osteon("journal", "check-proof", proof, "--key", key).status == 1


def test_growth_is_not_proved_of_a_journal_that_was_changed(
    osteon: Osteon, left: Left, data: Path, file: Connection, partition: int, filed_head: Path
) -> None:
    rebuild(file, keyring_of(data), left, partition, 2)
    ran = osteon("journal", "prove", "--growth", "--tenant", "acme", "--heads", filed_head, "--data", data)
    assert ran.status == 1
    assert "The head has another root than partition" in ran.complained


def test_a_server_keeps_heads_and_publishes_their_key(
    osteon: Osteon, left: Left, data: Path, key: Path, tmp_path: Path
) -> None:
    with running(data, "--heads-every", "0.2") as server:
        alice = server.client("acme", ALICE)
        accepted(alice, "create-project", project=new_key(), name="Rib")
        file = HeadFile(SystemDisk(data), left.tenant)
        patiently_until(lambda: len(file.every()) >= 1)
        before = len(file.every())
        position = accepted(alice, "create-project", project=new_key(), name="Shin")[1]
        assert patiently(lambda: alice.query("list-projects", after=position)).status == 200
        patiently_until(lambda: len(file.every()) > before)
        published = alice.ask("GET", "/.well-known/journal-keys.json").raw
        assert json.loads(published) == json.loads(key.read_text())
        server.stop()
    every = osteon("journal", "heads", "--all", "--tenant", "acme", "--json", "--data", data)
    assert every.status == 0
    newest = osteon("journal", "heads", "--tenant", "acme", "--json", "--data", data)
    assert newest.lines == every.lines[-1:]
    kept = tmp_path / "kept.json"
    kept.write_text(every.said)
    assert findings(osteon, data, kept, "--key", key) == []


def rebuild(file: Connection, keyring: KeyfileKeyring, left: Left, partition: int, start: int) -> None:
    """Changes an entry, and makes the chain behind it anew, as only whoever has the keys can."""
    previous = record_hash(stored(file, partition, start - 1)) if start > 1 else GENESIS
    for sequence in range(start, length(file, partition) + 1):
        record = resealed(keyring, left, stored(file, partition, sequence), previous)
        put(file, partition, sequence, record)
        previous = record_hash(record)


def resealed(keyring: KeyfileKeyring, left: Left, record: bytes, previous: bytes | None) -> bytes:
    """A record that says something else, sealed for its place, behind another one if asked."""
    old = Record.of(record)
    place = header(old.kind, ULID.from_str(left.tenant).bytes, old.position, previous or old.previous)
    body = keyring.open(left.tenant, old.sealed, old.place)
    return place + keyring.seal(left.tenant, body.replace(b"Marrow", b"Narrow") if old.kind == ENTRY else body, place)


def length(file: Connection, partition: int) -> int:
    """The last sequence that is filed of a partition."""
    return int(file.execute("SELECT place FROM progress WHERE kind = 'partition' AND part = ?", (partition,)).get)


def cut(file: Connection, partition: int, sequence: int) -> None:
    """Takes the tail of a partition away, that sequence and all behind it, without a trace."""
    first, end = partition << 48 | sequence, partition + 1 << 48
    file.execute("DELETE FROM journal WHERE position >= ? AND position < ?", (first, end)).fetchall()
    where = "WHERE kind = 'partition' AND part = ?"
    file.execute(f"UPDATE progress SET place = ? {where}", (sequence - 1, partition)).fetchall()  # noqa: S608


def tenant_named(osteon: Osteon, data: Path, name: str) -> Any:
    """The identifier of a tenant."""
    return next(each["id"] for each in osteon("tenants", "--json", "--data", data).value if each["name"] == name)


def changed(said: dict[str, Any], field: str) -> dict[str, Any]:
    """Another value for a field of a proof."""
    match field:
        case "record":
            return {field: str(said[field])[:-8] + "AAAAAAA="}
        case "path":
            return {field: list[str](said[field])[1:]}
        case "head":
            return {"at": "2020-01-01T00:00:00Z"}
        case "leaf":
            return {field: "00" * 32}
        case _:
            return {field: int(said[field]) + 1}


def patiently_until(holds: Callable[[], bool]) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "It did not come to be."
        time.sleep(0.05)
