"""One project under concurrent clients is like one thing that does one command after another: porcupine looks for that order.

What counts: each reply is that of the command's turn, a retry has the verdict of the first time and changes nothing, and a read sees
what was known when it was asked. The server is killed half-way, which is no excuse for anything.
"""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.linearizability.faulty import program
from tests.linearizability.histories import Operation, Project, record, written
from tests.resilience.crowd import seeded
from tests.serving import running
from tests.tools import find

SOURCE = Path(__file__).parent / "checker"

pytestmark = [pytest.mark.needs("go"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that asks porcupine; left out where Go can neither find nor fetch it."""
    go, program = find("go"), tmp_path_factory.mktemp("checker") / "checker"
    assert go is not None
    built = subprocess.run([go, "build", "-o", program, "."], cwd=SOURCE, capture_output=True, text=True, check=False)
    if built.returncode and "dial tcp" in built.stderr:
        pytest.skip("porcupine is not here, and cannot be fetched")
    assert built.returncode == 0, built.stderr
    return program


def test_one_project_is_linearizable_across_a_kill(data: Path, checker: Path) -> None:
    with running(data) as server:
        project = Project(server.client("acme", "alice@acme.example"), seeded(1))
        asyncio.run(record(server.port, project, until=500, then=server.kill))
    with running(data) as server:
        asyncio.run(record(server.port, project, until=1_000))
        assert server.stop() in {0, 143}
    assert_telling(project.history)
    assert_seen(project.history)
    assert verdict(checker, project) == "Ok"


@pytest.mark.parametrize("fault", ["forget", "hurry"])
def test_a_fault_is_found_in_a_history(data: Path, checker: Path, fault: str) -> None:
    with running(data, program=program(fault)) as server:
        project = Project(server.client("acme", "alice@acme.example"), seeded(2))
        asyncio.run(record(server.port, project, until=500))
    assert verdict(checker, project) == "Illegal"


def verdict(checker: Path, project: Project) -> str:
    """What porcupine says of what was done to a project: Ok, Illegal, or Unknown when it found no answer in time."""
    told = subprocess.run([checker], input=written(project), capture_output=True, text=True, check=False)
    assert told.stderr == ""
    return told.stdout.partition(":")[0]


def assert_seen(history: list[Operation]) -> None:
    """What a read shows was asked by somebody before; more is not said of one that names no position."""
    asked = {each.name: each.called for each in reversed(history) if each.name}
    for each in history:
        if each.outcome.startswith(("active ", "archived ")):
            assert asked[each.outcome.partition(" ")[2]] < each.returned


def assert_telling(history: list[Operation]) -> None:
    """The history has enough of everything to show a fault."""
    outcomes = {each.outcome.partition(" ")[0] for each in history}
    assert outcomes >= {"accepted", "active", "archived", "projects.archived", "projects.already-exists", ""}
    keys = [each.key for each in history if each.key]
    assert len(keys) - len(set(keys)) > 50
    assert sum(not each.returned for each in history) > 10
    assert {each.after != () for each in history} == {each.current for each in history} == {True, False}
