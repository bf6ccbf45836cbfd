"""`osteon backup` and `osteon restore`: everything is in it, comes back, and what does not fit is refused."""

import asyncio
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from osteon.adapters.commitlog import Tail, oldest_place
from osteon.adapters.system.disk import SystemDisk
from osteon.app import restore as restoring
from osteon.app.backup import back_up
from osteon.app.manifest import MANIFEST, read_manifest, write_manifest
from osteon.messages import ENTRY, Position, Record
from osteon.model import TenantId, replace
from tests.cli.installation import ALICE, Left, Osteon, accepted, copied, keyring_of, tenant_of
from tests.serving import Server, new_key, running

Entries = dict[str, list[dict[str, Any]]]


class Grown(NamedTuple):
    """An installation that has gone on: a project of each of two tenants came after the backup."""

    data: Path
    later: dict[str, str]


@pytest.fixture(scope="module")
def made(left: Left, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the installation that was left, with everything that is needed to restore it."""
    folder = tmp_path_factory.mktemp("made") / "backup"
    back_up(left.data, folder, silently, with_key=True)
    return folder


@pytest.fixture
def backup(made: Path, tmp_path: Path) -> Path:
    """A copy of that backup, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "backup"))


@pytest.fixture(scope="module")
def gone_on(left: Left, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    """The installation after another start."""
    data = copied(left, tmp_path_factory.mktemp("grown"))
    later: dict[str, str] = {}
    with running(data) as server:
        for tenant, email in (("acme", ALICE), ("globex", "gina@globex.example")):
            client = server.client(tenant, email)
            later[tenant] = new_key()
            accepted(client, "create-project", project=later[tenant], name="Later")
        assert server.stop() in {0, 143}
    return Grown(data, later)


@pytest.fixture
def grown(gone_on: Grown, left: Left, tmp_path: Path) -> Grown:
    """A copy of that installation, to be changed."""
    return Grown(copied(left._replace(data=gone_on.data), tmp_path), gone_on.later)


def test_a_restored_installation_has_every_entry(backup: Path, left: Left, osteon: Osteon, tmp_path: Path) -> None:
    ran = osteon("restore", "--from", backup, "--data", tmp_path / "new", "--json")
    assert ran.status == 0
    assert entries(osteon, tmp_path / "new") == entries(osteon, left.data)
    assert ran.value["entries"] == sum(map(len, entries(osteon, left.data).values()))
    assert osteon("journal", "verify", "--data", tmp_path / "new").status == 0


def test_a_restored_installation_serves_what_was_acknowledged(
    backup: Path, left: Left, osteon: Osteon, tmp_path: Path
) -> None:
    osteon("restore", "--from", backup, "--data", tmp_path / "new")
    with running(tmp_path / "new") as server:
        alice = server.client("acme", ALICE)
        assert alice.query("get-project", project=left.project).answer["name"] == "Bone 4"
        accepted(alice, "rename-project", project=left.project, name="Femur")
        assert server.stop() in {0, 143}
    assert osteon("journal", "verify", "--data", tmp_path / "new").status == 0


def test_a_backup_is_made_beside_a_server(serving: Server, serving_data: Path, osteon: Osteon, tmp_path: Path) -> None:
    alice = serving.client("acme", ALICE)
    invocations = {accepted(alice, "create-project", project=new_key(), name="Rib")[0] for _ in range(5)}
    ran = osteon("backup", "--data", serving_data, "--to", tmp_path / "backup", "--with-installation-key")
    assert ran.status == 0
    assert osteon("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new").status == 0
    there = {each["invocation"] for each in entries(osteon, tmp_path / "new")["acme"]}
    assert invocations <= there


def test_the_log_of_a_backup_reaches_behind_every_file(
    serving: Server, serving_data: Path, osteon: Osteon, tmp_path: Path
) -> None:
    alice, added = serving.client("acme", ALICE), list[tuple[str, str]]()

    def add_one(what: str, count: int) -> None:
        # While the file of 'house' is copied, and before that of 'acme' is.
        if not added:
            added.append(accepted(alice, "create-project", project=new_key(), name="Between"))
            assert alice.query("list-projects", after=added[0][1]).status == 200

    back_up(serving_data, tmp_path / "backup", add_one, with_key=True)
    ((invocation, position),) = added
    assert invocation in {each["invocation"] for each in entries(osteon, tmp_path / "backup")["acme"]}
    assert Position.of(position) in logged(tmp_path / "backup", asyncio.run(tenant_of(serving_data)))


def test_a_drill_finds_everything(backup: Path, osteon: Osteon) -> None:
    before = contents(backup)
    ran = osteon("backup", "verify", backup, "--json")
    assert (ran.status, ran.value["whole"], ran.value["findings"]) == (0, True, [])
    assert ran.value["tenants"] == 6
    assert contents(backup) == before


def test_a_backup_goes_without_the_installation_key(left: Left, osteon: Osteon, tmp_path: Path) -> None:
    ran = osteon("backup", "--data", left.data, "--to", tmp_path / "backup")
    assert "The installation's key is not in it." in ran.said
    key = (left.data / "keys" / "installation.key").read_bytes()
    assert not any(key in content for content in contents(tmp_path / "backup").values())
    for command in (["backup", "verify"], ["restore", "--data", tmp_path / "new", "--from"]):
        ran = osteon(*command, tmp_path / "backup")
        assert ran.status == 1
        assert "The installation's key is not in the backup." in ran.complained
    given = ["--installation-key", left.data / "keys" / "installation.key"]
    assert osteon("backup", "verify", tmp_path / "backup", *given).status == 0
    assert osteon("restore", "--from", tmp_path / "backup", "--data", tmp_path / "new", *given).status == 0


def test_only_the_owner_reads_a_backup(backup: Path) -> None:
    for path in (backup, backup / "keys", *(backup / "keys").iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_backup_takes_no_folder_that_is_there(backup: Path, left: Left, osteon: Osteon) -> None:
    ran = osteon("backup", "--data", left.data, "--to", backup)
    assert ran.status == 1
    assert "is there already" in ran.complained


def test_a_broken_off_backup_is_never_taken_for_one(
    left: Left, osteon: Osteon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(what: str, count: int) -> None:
        if what == "records":
            raise KeyboardInterrupt

    def at_once(*_: object) -> None:
        interrupted("records", 1)

    monkeypatch.setattr("osteon.app.verification.Verification._count", at_once)
    with pytest.raises(KeyboardInterrupt):
        back_up(left.data, tmp_path / "backup", interrupted, with_key=True)
    for folder, says in ((tmp_path / "backup", "was broken off"), (tmp_path / "backup.unfinished", "was broken off")):
        ran = osteon("restore", "--from", folder, "--data", tmp_path / "new")
        assert ran.status == 1
        assert says in ran.complained
    monkeypatch.undo()
    assert osteon("backup", "--data", left.data, "--to", tmp_path / "backup").status == 0
    assert not (tmp_path / "backup.unfinished").exists()


def test_a_damaged_installation_gives_no_backup(left: Left, osteon: Osteon, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    log = data / "log" / "segment-0000000001"
    content = log.read_bytes()
    log.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
    ran = osteon("backup", "--data", data, "--to", tmp_path / "backup")
    assert ran.status == 1
    assert "is damaged at" in ran.complained
    assert not (tmp_path / "backup").exists()


def test_a_changed_byte_is_found_in_any_file(backup: Path, osteon: Osteon, tmp_path: Path) -> None:
    for path in sorted(each for each in backup.rglob("*") if each.is_file()):
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        ran = osteon("restore", "--from", backup, "--data", tmp_path / "new")
        assert ran.status == 1, path
        assert not (tmp_path / "new").exists()
        path.write_bytes(content)
    assert osteon("restore", "--from", backup, "--data", tmp_path / "new").status == 0


def test_a_manifest_that_was_changed_is_refused(backup: Path, osteon: Osteon, tmp_path: Path) -> None:
    manifest = json.loads((backup / MANIFEST).read_text())
    manifest["batch"] += 1
    (backup / MANIFEST).write_text(json.dumps(manifest))
    ran = osteon("restore", "--from", backup, "--data", tmp_path / "new")
    assert ran.status == 1
    assert "The manifest was changed after it was sealed" in ran.complained


def test_a_missing_file_is_named(backup: Path, osteon: Osteon, tmp_path: Path) -> None:
    (backup / "log" / "segment-0000000001").unlink()
    ran = osteon("backup", "verify", backup)
    assert ran.status == 1
    assert "segment-0000000001' is missing" in ran.complained


@pytest.mark.parametrize("field", ["version", "format"])
def test_a_backup_of_a_newer_program_is_refused(backup: Path, osteon: Osteon, tmp_path: Path, field: str) -> None:
    manifest = json.loads((backup / MANIFEST).read_text())
    (backup / MANIFEST).write_text(json.dumps({**manifest, field: 99, "unknown": True}))
    ran = osteon("restore", "--from", backup, "--data", tmp_path / "new")
    assert ran.status == 1
    assert "Use the program that made it, or a newer one." in ran.complained


def test_another_installations_key_is_refused(backup: Path, osteon: Osteon, tmp_path: Path) -> None:
    (tmp_path / "other.key").write_bytes(os.urandom(32))
    given = ["--installation-key", tmp_path / "other.key"]
    ran = osteon("restore", "--from", backup, "--data", tmp_path / "new", *given)
    assert ran.status == 1
    assert "not of the installation whose key was given" in ran.complained
    assert not (tmp_path / "new").exists()


def test_all_is_restored_into_an_empty_folder_only(backup: Path, left: Left, osteon: Osteon, tmp_path: Path) -> None:
    ran = osteon("restore", "--from", backup, "--data", copied(left, tmp_path))
    assert ran.status == 1
    assert "is not empty" in ran.complained


def test_a_drill_sees_what_the_manifest_does_not_fit(backup: Path, osteon: Osteon, left: Left) -> None:
    # Whoever has the keys can seal a manifest; what it says must still be there.
    manifest = read_manifest(backup)
    tenants = [replace(each, entries=each.entries + 1) for each in manifest.tenants]
    write_manifest(backup, replace(manifest, tenants=tuple(tenants)), keyring_of(left.data))
    ran = osteon("backup", "verify", backup, "--json")
    assert ran.status == 1
    assert {each["what"] for each in ran.value["findings"]} == {"missing"}
    assert len(ran.value["findings"]) == 6


def test_says_what_the_disk_has_against_it(backup: Path, left: Left, osteon: Osteon, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for command in (
        ["backup", "--data", left.data, "--to", tmp_path / "file" / "backup"],
        ["restore", "--from", backup, "--data", tmp_path / "file" / "new"],
    ):
        ran = osteon(*command)
        assert ran.status == 1
        assert f"'{tmp_path / 'file'}" in ran.complained


def test_one_tenant_comes_back_beside_the_others(backup: Path, left: Left, grown: Grown, osteon: Osteon) -> None:
    data, later = grown
    before, then = entries(osteon, data), entries(osteon, left.data)

    ran = osteon("restore", "--from", backup, "--data", data, "--tenant", "acme")
    assert ran.status == 1
    assert "of 'acme' came after the backup and would be lost" in ran.complained
    assert entries(osteon, data) == before

    ran = osteon("restore", "--from", backup, "--data", data, "--tenant", "acme", "--yes", "--json")
    assert ran.status == 0
    assert ran.value["lost"] == len(before["acme"]) - len(then["acme"])
    assert entries(osteon, data) == {**before, "acme": then["acme"]}
    assert osteon("journal", "verify", "--data", data).status == 0

    with running(data) as server:
        alice, gina = server.client("acme", ALICE), server.client("globex", "gina@globex.example")
        names = {row["name"] for row in alice.every("list-projects")}
        assert ("Later" in names, "Bone 4" in names) == (False, True)
        assert alice.query("get-project", project=later["acme"]).refusal == (404, "projects.not-found")
        assert gina.query("get-project", project=later["globex"]).answer["name"] == "Later"
        accepted(alice, "rename-project", project=left.project, name="Femur")
        accepted(gina, "rename-project", project=later["globex"], name="Tibia")
        assert server.stop() in {0, 143}
    assert osteon("journal", "verify", "--data", data).status == 0


def test_one_tenant_is_not_restored_under_a_server(
    serving: Server, serving_data: Path, osteon: Osteon, tmp_path: Path
) -> None:
    assert osteon("backup", "--data", serving_data, "--to", tmp_path / "backup").status == 0
    ran = osteon("restore", "--from", tmp_path / "backup", "--data", serving_data, "--tenant", "acme", "--yes")
    assert ran.status == 1
    assert "is locked by process" in ran.complained
    assert serving.client("acme", ALICE).query("list-projects").status == 200


@pytest.mark.parametrize(("tenant", "says"), [("house", "is not restored alone"), ("nobody", "has no tenant 'nobody'")])
def test_what_cannot_be_restored_alone_is_refused(
    backup: Path, left: Left, osteon: Osteon, tmp_path: Path, tenant: str, says: str
) -> None:
    data = copied(left, tmp_path)
    ran = osteon("restore", "--from", backup, "--data", data, "--tenant", tenant, "--yes")
    assert ran.status == 1
    assert says in ran.complained


def test_a_tenant_of_another_installation_is_refused(backup: Path, data: Path, osteon: Osteon) -> None:
    ran = osteon("restore", "--from", backup, "--data", data, "--tenant", "acme", "--yes")
    assert ran.status == 1
    assert "is of another installation" in ran.complained


@pytest.mark.parametrize("step", range(3))
def test_a_restore_that_was_broken_off_is_finished(
    backup: Path, left: Left, grown: Grown, osteon: Osteon, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    data = grown.data
    before, then = entries(osteon, data), entries(osteon, left.data)
    with monkeypatch.context() as patched:
        break_off(patched, step)
        with pytest.raises(KeyboardInterrupt):
            restoring.restore_tenant(backup, data, "acme", silently)

    assert "was broken off. Finish it" in osteon("tenants", "--data", data).complained

    assert osteon("restore", "--finish", "--data", data).status == 0
    assert entries(osteon, data) == {**before, "acme": then["acme"]}
    assert osteon("journal", "verify", "--data", data).status == 0
    assert "nothing to finish" in osteon("restore", "--finish", "--data", data).said


def silently(what: str, count: int) -> None:
    """Tells nobody."""


def break_off(patched: pytest.MonkeyPatch, step: int) -> None:
    """Ends the restore at one of the renames by which what is ready is put in place."""
    rename, done = Path.replace, iter(range(step))

    def break_or_replace(path: Path, target: Path) -> Path:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return rename(path, target)

    patched.setattr(Path, "replace", break_or_replace)


def entries(osteon: Osteon, data: Path) -> Entries:
    """What the journal shows, tenant by tenant."""
    found: Entries = {}
    ran = osteon("journal", "show", "--json", "--data", data)
    assert (ran.status, ran.complained) == (0, "")
    for entry in ran.lines:
        found.setdefault(entry["tenant"], []).append(entry)
    return found


def logged(data: Path, tenant: TenantId) -> set[Position]:
    """Where the entries of a tenant stand that are in the log."""
    disk = SystemDisk(data)
    tail = Tail(disk, "log", oldest_place(disk, "log"))
    records = [Record.of(stored) for _, several in tail.read() for stored in several]
    tail.close()
    return {record.position for record in records if record.kind == ENTRY and record.tenant == tenant}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
