"""The format of a data folder: an old one is read and served, another one refused, an older one taken over.

`tests/data/format-1.tar.gz` was written by the program of format 1 before anything came after it: the log of the demo's
`house`, `acme` and `bench` with ten projects, and the file of `bench` alone. Its keys and passwords are the demo's.
"""

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from osteon.adapters.system.disk import SystemDisk
from osteon.app import formats, upgrade
from osteon.app.formats import FORMAT, OtherFormat
from osteon.app.upgrade import NoStep, Step, Upgrade
from osteon.ports.disk import Locked
from tests.cli.installation import ALICE, Osteon
from tests.serving import ROOT, NotServing, Server, running

OLD = ROOT / "tests" / "data" / "format-1.tar.gz"
ENTRIES = {"house": 10, "acme": 39, "bench": 6}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The data folder of format 1."""
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "data"


def test_a_folder_of_the_first_format_is_read(old: Path, osteon: Osteon) -> None:
    for tenant, count in ENTRIES.items():
        shown = osteon("journal", "show", "--tenant", tenant, "--json", "--data", old)
        assert (shown.status, len(shown.lines)) == (0, count)
    verified = osteon("journal", "verify", "--json", "--data", old).value
    assert (verified["whole"], verified["entries"], verified["accessBlocks"]) == (True, 55, 1)


def test_a_folder_of_the_first_format_is_upgraded_and_served(old: Path, osteon: Osteon) -> None:
    ran = osteon("upgrade", "--data", old, "--yes", "--json")
    assert (ran.status, ran.value["after"]) == (0, FORMAT)
    with running(old) as server:
        rows = server.client("acme", ALICE).every("list-projects", archived=None)
        assert {row["name"] for row in rows} == {f"Marrow {number}" for number in range(10)}
        assert {row["name"] for row in rows if row["archived"]} == {"Marrow 9"}
        assert server.stop() in {0, 143}
    assert osteon("journal", "verify", "--data", old).status == 0


def test_a_folder_of_the_first_format_is_backed_up(old: Path, osteon: Osteon, tmp_path: Path) -> None:
    ran = osteon("backup", "--data", old, "--to", tmp_path / "backup", "--with-installation-key", "--json")
    assert (ran.status, ran.value["entries"]) == (0, 55)
    assert osteon("backup", "verify", tmp_path / "backup").status == 0


def test_a_server_refuses_a_newer_format(old: Path, osteon: Osteon) -> None:
    (old / "format").write_text(f"{FORMAT + 1}\n")
    server = Server(old)
    try:
        with pytest.raises(NotServing, match="A newer program wrote it"):
            server.await_ready()
    finally:
        server.close()
    for command in (["tenants"], ["journal", "verify"], ["upgrade"], ["backup", "--to", old.parent / "backup"]):
        ran = osteon(*command, "--data", old)
        assert ran.status == 1
        assert f"has format {FORMAT + 1}, and this program reads format {FORMAT}." in ran.complained


def test_an_older_format_is_refused_until_it_is_upgraded(
    old: Path, osteon: Osteon, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, FORMAT + 2)
    ran = osteon("tenants", "--data", old)
    assert ran.status == 1
    assert "then run 'osteon upgrade'" in ran.complained

    ran = osteon("upgrade", "--dry-run", "--data", old)
    assert (ran.status, ran.said.splitlines()[-1].split()) == (0, [str(FORMAT + 2), "Writes", f"'mark-{FORMAT + 1}'."])
    assert "Make a backup first" in osteon("upgrade", "--data", old).complained
    assert not list(old.glob("mark-*"))

    ran = osteon("upgrade", "--data", old, "--yes", "--json")
    assert (ran.status, ran.value["before"], ran.value["after"], ran.value["done"]) == (0, FORMAT, FORMAT + 2, True)
    assert len(list(old.glob("mark-*"))) == 2
    assert osteon("journal", "verify", "--data", old).status == 0
    assert "nothing to do" in osteon("upgrade", "--data", old).said


def test_an_upgrade_goes_on_where_it_was_broken_off(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = later(monkeypatch, FORMAT + 2)

    def broken(data: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade.upgrade(old, silently, {**steps, FORMAT + 1: Step("Breaks.", broken)}, FORMAT + 2)
    assert formats.format_of(old) == FORMAT + 1
    taken: list[int] = []
    upgrade.upgrade(old, lambda number, _: taken.append(number), steps, FORMAT + 2)
    assert taken == [FORMAT + 2]


def test_an_upgrade_is_not_made_under_a_server(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = later(monkeypatch, FORMAT + 1)
    lock = SystemDisk(old).lock("log/lock")
    with pytest.raises(Locked):
        upgrade.upgrade(old, silently, steps, FORMAT + 1)
    lock.release()
    assert formats.format_of(old) == FORMAT


def test_an_upgrade_without_a_step_is_refused(old: Path) -> None:
    with pytest.raises(NoStep, match=f"from format {FORMAT} to {FORMAT + 1}"):
        upgrade.plan(old, {}, FORMAT + 1)
    with pytest.raises(OtherFormat):
        upgrade.plan(old, {}, FORMAT - 1)


def test_a_new_folder_says_its_format(data: Path, osteon: Osteon) -> None:
    assert (data / "format").read_text() == f"{FORMAT}\n"
    assert "is the newest" in osteon("upgrade", "--data", data).said
    (data / "format").write_text("rubbish")
    assert "not the number of a format" in osteon("tenants", "--data", data).complained


def silently(number: int, step: Step) -> None:
    """Tells nobody."""


def later(monkeypatch: pytest.MonkeyPatch, to: int) -> dict[int, Step]:
    """A program of a later format, each of whose steps leaves a mark."""

    def step(number: int) -> Step:
        def take(data: Path) -> None:
            (data / f"mark-{number}").touch()

        return Step(f"Writes 'mark-{number}'.", take)

    def planned(data: Path) -> Upgrade:
        return upgrade.plan(data, steps, to)

    def upgraded(data: Path, told: Callable[[int, Step], None]) -> Upgrade:
        return upgrade.upgrade(data, told, steps, to)

    steps = {number: step(number) for number in range(FORMAT, to)}
    monkeypatch.setattr(formats, "FORMAT", to)
    monkeypatch.setattr("osteon.cli.upgrade.plan", planned)
    monkeypatch.setattr("osteon.cli.upgrade.upgrade", upgraded)
    return steps
