"""`osteon rehearse`: what other deciders would decide otherwise, told and never written."""

from pathlib import Path
from typing import Any

import pytest

from osteon.cli import main
from osteon.domain import Decision, reject
from tests.cli.brittle import Broken, mended
from tests.cli.installation import ALICE, Left, Osteon, accepted, connected, copied, flipped, put, stored
from tests.serving import Server, new_key

HERE = "tests.cli.brittle"


@pytest.fixture(autouse=True)
def unmended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MENDED", raising=False)


def differences(lines: list[Any], kind: str = "difference") -> list[Any]:
    return [line for line in lines if line["kind"] == kind]


def test_finds_no_difference_in_what_has_not_changed(osteon: Osteon, left: Left) -> None:
    ran = osteon("rehearse", "--data", left.data)
    assert (ran.status, ran.complained) == (0, "")
    assert ran.said.rstrip().endswith("nothing differs.")
    assert "create-project" in ran.said


def test_rehearses_every_entry_sagas_among_them(osteon: Osteon, broken: Broken) -> None:
    shown = osteon("journal", "show", "--json", "--data", broken.data).lines
    (summary,) = osteon("rehearse", "--json", "--data", broken.data).lines
    assert summary["entries"] == len(shown)
    assert sum(each["same"] for each in summary["commands"].values()) == len(shown)
    assert {"begin-naming", "advance-nudge", "enter-tenant"} <= summary["commands"].keys()
    assert (summary["notRehearsed"], summary["commands"]["rename-project"]["same"]) == ([], 3)


def test_shows_a_verdict_that_differs(osteon: Osteon, left: Left, broken: Broken) -> None:
    ran = osteon("rehearse", f"{HERE}:strict", "--json", "--data", broken.data)
    assert ran.status == 1
    renamed, rejected = differences(ran.lines)
    assert [renamed["invocation"], rejected["invocation"]] == [broken.renamed, broken.rejected]
    assert (renamed["then"]["verdict"], renamed["now"]["verdict"]) == ("accepted", "rejected")
    assert [each["type"] for each in renamed["then"]["events"]] == ["project-renamed"]
    assert rejected["then"]["problem"]["key"] == "projects.archived"
    assert rejected["now"]["problem"]["key"] == "projects.named-for-good"


def test_shows_which_fields_of_an_event_differ(osteon: Osteon, broken: Broken) -> None:
    ran = osteon("rehearse", f"{HERE}:loud", "--data", broken.data)
    assert ran.status == 1
    lines = [line.strip() for line in ran.said.splitlines()]
    at = lines.index("~ project-renamed")
    assert lines[at + 1 : at + 3] == ['- name "Marrow"', '+ name "MARROW"']
    assert any(line.startswith("differs  rename-project  project ") for line in lines)
    assert all(len(line) <= 100 for line in ran.said.splitlines())


def test_judges_each_command_by_what_was_recorded_before(osteon: Osteon, broken: Broken) -> None:
    lines = osteon("rehearse", f"{HERE}:loud", "--json", "--data", broken.data).lines
    # Had the shouted name been kept, that of the next event would differ too; what is archived stays so.
    assert [each["invocation"] for each in differences(lines)] == [broken.renamed]


def test_what_was_faulted_and_is_decided_now_is_mended(osteon: Osteon, broken: Broken) -> None:
    ran = osteon("rehearse", f"{HERE}:mended", "--json", "--data", broken.data)
    assert ran.status == 0
    (mended,) = differences(ran.lines, "mended")
    assert (mended["invocation"], mended["now"]["verdict"]) == (broken.faulted, "accepted")
    assert differences(ran.lines) == []
    assert "1 mended" in osteon("rehearse", f"{HERE}:mended", "--data", broken.data).said


def test_a_decider_that_raises_now_is_a_difference(osteon: Osteon, left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.cli.brittle.FRACTURE", "Bone 2")
    ran = osteon("rehearse", f"{HERE}:product", "--json", "--data", left.data)
    (faulted,) = differences(ran.lines)
    assert ran.status == 1
    assert (faulted["then"]["verdict"], faulted["now"]["verdict"]) == ("accepted", "faulted")
    assert faulted["now"]["error"].startswith("ZeroDivisionError: nothing is left to be divided (brittle.py:")


def test_names_the_commands_that_nobody_takes_any_more(osteon: Osteon, left: Left) -> None:
    ran = osteon("rehearse", f"{HERE}:lesser", "--json", "--data", left.data)
    (summary,) = ran.lines
    assert ran.status == 0
    gone = {each["type"]: each["reason"] for each in summary["notRehearsed"]}
    assert gone == {"create-project": "unknown-command", "rename-project": "unknown-command"}
    assert "no decider takes it" in osteon("rehearse", f"{HERE}:lesser", "--data", left.data).said


def test_leaves_out_what_follows_an_event_that_cannot_be_taken_in(
    osteon: Osteon, left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evolve(event: object, project: object) -> object:
        raise LookupError("nobody knows what it was called")

    monkeypatch.setattr(mended.entities["project"], "evolve", evolve)
    ran = osteon("rehearse", f"{HERE}:mended", "--json", "--command", "rename-project", "--data", left.data)
    summary = ran.lines[-1]
    (why,) = summary["notRehearsed"]
    assert (why["reason"], why["type"], why["count"]) == ("unreadable-past", "rename-project", 4)
    assert "LookupError: nobody knows what it was called" in why["because"]


def test_names_an_entry_that_cannot_be_read(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    partition, sequence = left.first
    file = connected(data, left.tenant)
    put(file, partition, sequence, flipped(stored(file, partition, sequence), 200))
    file.close()
    ran = osteon("rehearse", "--json", "--data", data)
    (summary,) = ran.lines
    counts = [(each["reason"], each["type"], each["count"]) for each in summary["notRehearsed"]]
    assert ("unreadable-entry", None, 1) in counts
    assert ("unreadable-past", "rename-project", 5) in counts
    assert all(not each["differ"] for each in summary["commands"].values())


def test_rehearses_what_is_chosen(osteon: Osteon, broken: Broken) -> None:
    def commands(*options: str) -> Any:
        return osteon("rehearse", f"{HERE}:strict", "--json", "--data", broken.data, *options).lines[-1]["commands"]

    assert commands("--command", "rename-project").keys() == {"rename-project"}
    assert commands("--tenant", "lab", "--tenant", "bench").keys().isdisjoint({"rename-project"})
    assert commands("--days", "1") == commands()
    assert commands("--days", "0.0000001") == {}


def test_shows_so_many_differences_and_counts_all(osteon: Osteon, broken: Broken) -> None:
    ran = osteon("rehearse", f"{HERE}:strict", "--limit", 1, "--data", broken.data)
    assert ran.said.count("differs  rename-project") == 1
    assert "2 more; '--limit' shows more of them." in ran.said
    assert "2 differ, 1 mended." in ran.said
    lines = osteon("rehearse", f"{HERE}:strict", "--json", "--limit", 0, "--data", broken.data).lines
    assert [line["kind"] for line in lines] == ["summary"]


def test_masks_what_is_sensitive(osteon: Osteon, left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Decision:
        return reject("identity.closed")

    monkeypatch.setattr(mended.entities["account"], "create", refuse)
    ran = osteon("rehearse", f"{HERE}:mended", "--json", "--command", "enrol-person", "--data", left.data)
    assert differences(ran.lines)
    assert "Sealed(…)" in ran.said
    assert ALICE not in ran.said
    assert "$argon2" not in ran.said
    revealed = osteon(
        "rehearse", f"{HERE}:mended", "--command", "enrol-person", "--reveal", "--json", "--data", left.data
    )
    assert ALICE in revealed.said


def test_rehearses_beside_a_running_server(serving: Server, serving_data: Path, osteon: Osteon) -> None:
    accepted(serving.client("acme", ALICE), "create-project", project=new_key(), name="Rib")
    ran = osteon("rehearse", "--tenant", "acme", "--data", serving_data)
    assert (ran.status, ran.complained) == (0, "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nowhere.at:all"], "There is no product 'nowhere.at:all'"),
        (["--command", "renam-project"], "Did you mean 'rename-project'?"),
        (["--tenant", "acne"], "Did you mean 'acme'?"),
        (["--data", "nowhere"], "There is no folder 'nowhere'"),
    ],
)
def test_misuse_ends_with_two_and_says_why(options: list[str], says: str, osteon: Osteon, left: Left) -> None:
    ran = osteon("rehearse", "--data", left.data, *options)
    assert ran.status == 2
    assert says in ran.complained


@pytest.mark.parametrize("options", [["--days", "0"], ["--days", "soon"], ["--limit", "-1"]])
def test_refuses_numbers_that_are_none(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rehearse", *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_writes_nothing_into_the_folder(osteon: Osteon, broken: Broken) -> None:
    before = {each: each.read_bytes() for each in broken.data.rglob("*") if each.is_file() and "-shm" not in each.name}
    assert osteon("rehearse", f"{HERE}:strict", "--data", broken.data).status == 1
    after = {each: each.read_bytes() for each in broken.data.rglob("*") if each.is_file() and "-shm" not in each.name}
    assert after == before
