"""`osteon investigate`: what led to an invocation and what followed, and the same as a test that runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osteon.cli import main
from tests.cli.brittle import Broken
from tests.cli.installation import ALICE, Left, Osteon, accepted
from tests.serving import ROOT, Server, environment, new_key

RUFF = [sys.executable, "-m", "ruff"]
CHANGE = """
def decide(command, project, context):
    return reject("projects.named-for-good")


project = Decider("project", create=create, decide=decide, begin=begin, evolve=evolve)
"""


def commands(node: Any) -> Iterator[Any]:
    """A command of a tree and all that followed from it."""
    yield node
    for event in node["events"]:
        for led in event["led"]:
            yield from commands(led)


def types(nodes: list[Any]) -> list[str]:
    return [node["command"]["type"] for node in nodes]


def test_shows_what_followed_through_sagas(osteon: Osteon, broken: Broken) -> None:
    ran = osteon("investigate", broken.renamed, "--json", "--data", broken.data)
    assert ran.status == 0
    (tree,) = ran.value["trees"]
    assert (tree["found"], tree["invocation"], tree["command"]["type"]) == (True, broken.renamed, "rename-project")
    (renamed,) = tree["events"]
    (told,) = renamed["led"]
    assert (told["command"]["type"], told["by"]) == ("advance-naming", "naming")
    assert types(list(commands(told))) == ["advance-naming", "take-project-name", "advance-naming", "free-project-name"]
    assert all(node["millisecondsAfterCause"] >= 0 for node in commands(told))


def test_climbs_from_the_last_to_what_began_it(osteon: Osteon, broken: Broken) -> None:
    whole = osteon("investigate", broken.renamed, "--json", "--data", broken.data).value["trees"][0]
    last = list(commands(whole))[-1]
    found = osteon("investigate", last["invocation"], "--json", "--data", broken.data).value
    assert [each["invocation"] for each in found["trees"]] == [broken.renamed]
    assert [each["invocation"] for each in commands(found["trees"][0]) if each["found"]] == [last["invocation"]]


def test_what_time_set_off_hangs_on_the_event_that_said_when(osteon: Osteon, broken: Broken) -> None:
    (tree,) = osteon("investigate", broken.created, "--json", "--data", broken.data).value["trees"]
    begun = next(each for each in commands(tree) if each["command"]["type"] == "begin-nudge")
    (woken,) = begun["events"][0]["led"]
    assert (woken["command"]["type"], woken["byTimer"], woken["by"]) == ("advance-nudge", True, "nudge")
    assert types(list(commands(woken))) == ["advance-nudge", "remind-of-project"]
    reminded = list(commands(woken))[1]
    again = osteon("investigate", reminded["invocation"], "--json", "--data", broken.data).value["trees"]
    assert [each["invocation"] for each in again] == [broken.created]


def test_crosses_tenants_where_one_is_opened(osteon: Osteon, broken: Broken) -> None:
    shown = osteon("journal", "show", "--tenant", "lab", "--json", "--data", broken.data).lines
    granted = next(each for each in shown if each["command"]["type"] == "open-scope-tree")
    (tree,) = osteon("investigate", granted["invocation"], "--json", "--data", broken.data).value["trees"]
    assert (tree["tenant"], tree["command"]["type"]) == ("house", "enter-tenant")
    led = [each for event in tree["events"] for each in event["led"]]
    assert {each["tenant"] for each in led} == {"lab"}
    assert {"open-scope-tree", "enrol-person", "grant-role"} == set(types(led))


@pytest.mark.parametrize("sense", ["external", "message", "event"])
def test_finds_it_by_other_names(sense: str, osteon: Osteon, broken: Broken) -> None:
    (tree,) = osteon("investigate", broken.renamed, "--json", "--data", broken.data).value["trees"]
    names = {"external": broken.key, "message": tree["command"]["id"], "event": tree["events"][0]["id"]}
    found = osteon("investigate", names[sense].lower(), "--json", "--data", broken.data).value
    assert found["as"] == ("external" if sense == "external" else "message")
    assert (found["found"], found["trees"]) == ([broken.renamed], [tree])


def test_shows_all_of_an_action_and_what_was_only_asked(osteon: Osteon, broken: Broken) -> None:
    found = osteon("investigate", broken.action, "--json", "--data", broken.data).value
    asked = [broken.renamed, broken.faulted, broken.archived, broken.rejected]
    assert (found["as"], [each["invocation"] for each in found["trees"]]) == ("action", asked)
    assert [each["verdict"] for each in found["trees"]] == ["accepted", "faulted", "accepted", "rejected"]
    assert "list-projects" in {each["type"] for each in found["accesses"]}


def test_finds_what_was_refused_in_the_access_log(osteon: Osteon, broken: Broken) -> None:
    found = osteon("investigate", broken.refused, "--json", "--data", broken.data).value
    (refused,) = found["accesses"]
    assert (found["trees"], refused["type"], refused["refused"]) == ([], "rename-project", "not-permitted")
    assert "refused  not-permitted" in osteon("investigate", broken.refused, "--data", broken.data).said


def test_draws_a_tree_that_fits_in_a_hundred_columns(osteon: Osteon, broken: Broken) -> None:
    said = osteon("investigate", broken.created, "--data", broken.data).said
    lines = said.splitlines()
    assert lines[0] == "create-project  accepted  <- asked for"
    assert any(line.startswith("└─ project-created ") for line in lines)
    assert any(
        "├─ begin-nudge  accepted  after " in line or "└─ begin-nudge  accepted  after " in line for line in lines
    )
    assert any("advance-nudge  accepted  by time, after " in line for line in lines)
    assert any("naming-begun (asks take-project-name, to be woken " in line for line in lines)
    assert max(map(len, lines)) <= 100
    assert "\033" not in said


def test_masks_what_is_sensitive(osteon: Osteon, broken: Broken) -> None:
    shown = osteon("journal", "show", "--tenant", "acme", "--json", "--data", broken.data).lines
    enrolled = next(each for each in shown if each["command"]["type"] == "enrol-person")["invocation"]
    for options in ([], ["--json"], ["--as-test"]):
        said = osteon("investigate", enrolled, *options, "--data", broken.data).said
        assert "enrol-person" in said
        assert not any(secret in said for secret in ("@acme.example", "$argon2", "127.0.0.1"))
    revealed = osteon("investigate", enrolled, "--as-test", "--reveal", "--data", broken.data).said
    assert "@acme.example" in revealed
    assert "$argon2" not in revealed


def test_finds_what_was_just_decided_beside_the_server(serving: Server, serving_data: Path, osteon: Osteon) -> None:
    invocation, _ = accepted(serving.client("acme", ALICE), "create-project", project=new_key(), name="Rib")
    ran = osteon("investigate", invocation, "--json", "--data", serving_data)
    assert ran.value["found"] == [invocation]


@pytest.mark.parametrize(
    ("identifier", "says"),
    [
        ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "blocks of the access log of 6 tenants"),
        ("bone", "'bone' is no identifier"),
    ],
)
def test_says_what_was_searched_when_nothing_is_found(
    identifier: str, says: str, osteon: Osteon, broken: Broken
) -> None:
    ran = osteon("investigate", identifier, "--data", broken.data)
    assert (ran.status, ran.said) == (1, "")
    assert says in ran.complained


def test_knows_an_entity_when_it_sees_one(osteon: Osteon, broken: Broken) -> None:
    ran = osteon("investigate", broken.project, "--data", broken.data)
    assert ran.status == 1
    assert f"There is a project: 'osteon journal show --entity {broken.project}'." in ran.complained


def test_entries_become_tests_that_pass(osteon: Osteon, broken: Broken, tmp_path: Path) -> None:
    shown = osteon("journal", "show", "--json", "--data", broken.data).lines
    first = {(each["command"]["type"], each["verdict"]): each["invocation"] for each in reversed(shown)}
    sought = [each for (_, verdict), each in first.items() if verdict != "faulted"]
    assert len(sought) >= 15
    files = [written(osteon, broken, each, tmp_path) for each in sought]
    steps = [file.read_text() for file in files if "naming." in file.read_text() or "nudge." in file.read_text()]
    assert any(".begin(EVENT, CONTEXT)" in each for each in steps)
    assert any(".proceed(EVENT, STATE, CONTEXT)" in each for each in steps)
    assert passes(*files)
    expect_tidy(*files)


def test_the_test_fails_once_the_decider_decides_otherwise(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    file = tmp_path / "tests" / "test_rename.py"
    shown = osteon("journal", "show", "--entity", left.project, "--json", "--data", left.data).lines
    assert osteon("investigate", shown[-1]["invocation"], "--as-test", file, "--data", left.data).status == 0
    assert "HAPPENED = (\n    ProjectCreated(" in file.read_text()
    assert passes(file)
    shutil.copytree(ROOT / "demo", tmp_path / "changed" / "demo")
    with (tmp_path / "changed" / "demo" / "projects" / "project.py").open("a") as source:
        source.write(CHANGE.replace("(command, project, context)", _annotated()))
    assert not passes(file, first=tmp_path / "changed")


def test_a_fault_becomes_a_test_that_fails_until_it_is_mended(osteon: Osteon, broken: Broken, tmp_path: Path) -> None:
    file = tmp_path / "tests" / "test_fault.py"
    ran = osteon("investigate", broken.faulted, "--as-test", file, "--data", broken.data)
    assert ran.status == 0
    assert "On this checkout it fails: ZeroDivisionError: nothing is left to be divided" in ran.complained
    assert "# Recorded as faulted: no decision was made." in file.read_text()
    expect_tidy(file)
    assert not passes(file)
    assert passes(file, MENDED="1")


def test_what_the_engine_answers_becomes_a_test_too(
    serving: Server, serving_data: Path, osteon: Osteon, tmp_path: Path
) -> None:
    refused = serving.client("acme", ALICE).command("archive-project", project=new_key())
    assert refused.refusal == (404, "projects.not-found")
    file = tmp_path / "tests" / "test_missing.py"
    ran = osteon("investigate", refused.body["invocation"], "--as-test", file, "--data", serving_data)
    assert (ran.status, ran.complained) == (0, "")
    assert "with pytest.raises(Unmet, match=\"'not-found'\"):" in file.read_text()
    assert passes(file)
    expect_tidy(file)


def test_a_test_goes_to_standard_output_unless_a_file_is_named(osteon: Osteon, broken: Broken, tmp_path: Path) -> None:
    said = osteon("investigate", broken.renamed, "--as-test", "--data", broken.data).said
    assert said == written(osteon, broken, broken.renamed, tmp_path).read_text()
    file = tmp_path / "tests" / f"test_{broken.renamed.lower()}.py"
    again = osteon("investigate", broken.renamed, "--as-test", file, "--data", broken.data)
    assert (again.status, "is there already" in again.complained) == (1, True)


@pytest.mark.parametrize("which", ["refused", "action"])
def test_only_one_decision_becomes_a_test(which: str, osteon: Osteon, broken: Broken) -> None:
    ran = osteon("investigate", getattr(broken, which), "--as-test", "--data", broken.data)
    assert ran.status == 1
    assert ("decided by no decider" if which == "refused" else "names several invocations") in ran.complained


def test_a_product_that_lost_the_decider_is_told(osteon: Osteon, broken: Broken) -> None:
    ran = osteon(
        "investigate", broken.renamed, "--as-test", "--product", "tests.cli.brittle:lesser", "--data", broken.data
    )
    assert (ran.status, ran.complained) == (1, "osteon: 'lesser' has no 'project' any more.\n")


def test_writes_nothing_into_the_folder(broken: Broken) -> None:
    before = {each: each.read_bytes() for each in broken.data.rglob("*") if each.is_file() and "-shm" not in each.name}
    assert main(["investigate", broken.created, "--data", str(broken.data)]) == 0
    after = {each: each.read_bytes() for each in broken.data.rglob("*") if each.is_file() and "-shm" not in each.name}
    assert after == before


def written(osteon: Osteon, broken: Broken, invocation: str, folder: Path) -> Path:
    """The file of a test that passes on this checkout."""
    file = folder / "tests" / f"test_{invocation.lower()}.py"
    ran = osteon("investigate", invocation, "--as-test", file, "--data", broken.data)
    assert (ran.status, ran.complained) == (0, "")
    assert "is written" in ran.said
    return file


def passes(*files: Path, first: Path | None = None, **changed: str) -> bool:
    """Whether pytest passes the test in each file, with the sources of `first` before all others."""
    found = {**{name: value for name, value in environment().items() if name != "MENDED"}, **changed}
    if first is not None:
        found["PYTHONPATH"] = os.pathsep.join([str(first), found["PYTHONPATH"]])
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", os.devnull]
    folder = files[0].parent
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), *map(str, files)]
    ran = subprocess.run(command, cwd=folder, env=found, capture_output=True, text=True, check=False, timeout=50)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    assert (f"{len(files)} passed" in ran.stdout) == (ran.returncode == 0), ran.stdout
    return not ran.returncode


def expect_tidy(*files: Path) -> None:
    """Expects that ruff has nothing to change or to say, as it would where the project keeps its tests."""
    config = ["--config", str(ROOT / "pyproject.toml")]
    # Below another root than the project's, the exceptions for tests do not hold.
    for command in (["format", "--check", *config], ["check", *config, "--ignore", "D103,S101"]):
        ran = subprocess.run([*RUFF, *command, *map(str, files)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert not ran.returncode, ran.stdout + ran.stderr


def _annotated() -> str:
    """What a decider takes, said as the engine reads it."""
    asked = "RenameProject | ArchiveProject | RestoreProject | GiveUpProject | MoveProject | RemindOfProject"
    return f"(command: {asked}, project: Project, context: InvocationContext)"
