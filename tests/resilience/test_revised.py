"""A product whose views have changed, on a data folder that an earlier one left: it is served, and its views are whole."""

import shutil
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest

from osteon.adapters.system.disk import SystemDisk
from osteon.engine import DeclaredViews, tables
from tests.resilience.books import read_journal
from tests.resilience.revised import BREAKING, WAITING, program, with_view
from tests.serving import NotServing, Server, patiently, running

ANN = ("acme", "alice@acme.example")
GINA = ("globex", "gina@globex.example")
MADE = "views are made again"
TENANTS = 6

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def worked(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which projects of two tenants were created and renamed, under the demo as it is."""
    data = Path(shutil.copytree(world, tmp_path_factory.mktemp("worked") / "data"))
    with running(data) as server:
        work(server, *ANN, "One", "Two")
        work(server, *GINA, "Three", BREAKING)
        assert server.stop() in {0, 143}
    return data


@pytest.fixture
def left(worked: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(worked, tmp_path / "data"))


def test_a_new_view_is_filled_once_from_history(left: Path) -> None:
    with running(left, program=program("with_view")) as server:
        assert server.messages.count(MADE) == TENANTS
        assert_names(server, left)
        server.kill()
    with running(left, program=program("with_view")) as server:
        assert MADE not in server.messages


def test_a_new_filter_finds_older_rows(left: Path) -> None:
    with running(left, program=program("with_column")) as server:
        rows = server.client(*ANN).every("list-projects", renames=1)
        assert [row["name"] for row in rows] == ["Two"]
        work(server, *ANN, "Four", "Five")
        assert len(server.client(*ANN).every("list-projects", renames=1)) == 2


def test_a_dropped_view_comes_back_whole(left: Path) -> None:
    with running(left, program=program("with_view")) as server:
        server.stop()
    with running(left) as server:
        work(server, *ANN, "Between")
        server.stop()
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


def test_a_kill_while_views_are_made_is_harmless(left: Path) -> None:
    for _ in range(2):
        with pytest.raises(NotServing) as killed, running(left, program=program("killing")):
            pass
        assert killed.value.status == 128 + signal.SIGKILL
        assert killed.value.messages.count(MADE) < TENANTS
    with running(left) as server:
        assert server.client(*ANN).every("list-projects")
        assert "started again" not in server.messages
        server.kill()
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


def test_a_signal_ends_a_start_that_makes_views(left: Path) -> None:
    server = Server(left, program=program("waiting"))
    try:
        while WAITING not in server.messages:
            assert server.status is None
            time.sleep(0.01)
        server.signal(signal.SIGTERM, group=True)
        assert server.ended(10.0) in {0, 143}
    finally:
        server.close()


def test_a_start_ends_with_what_broke_a_fold(left: Path) -> None:
    with pytest.raises(NotServing) as broken, running(left, program=program("breaking"), within=20.0):
        pass
    assert broken.value.status == 1
    last = broken.value.messages.splitlines()[-1]
    assert last.startswith("osteon: ")
    assert "Folding 'ProjectRenamed' into the view 'names' failed" in last
    assert "LookupError: no such thing" in last


def test_a_start_ends_with_what_is_damaged(left: Path) -> None:
    (left / "views").unlink()
    file = sorted(left.glob("tenants/*/history.db"))[1]
    file.write_bytes(bytes(each ^ 1 for each in file.read_bytes()))
    with pytest.raises(NotServing) as broken, running(left, within=20.0):
        pass
    assert broken.value.status == 1
    assert f"'{file.parent.name}' is damaged" in broken.value.messages.splitlines()[-1]
    assert "Traceback" not in broken.value.messages


def test_files_of_other_views_are_found_out(left: Path) -> None:
    # As if tenants' files had been brought back from a backup.
    DeclaredViews(SystemDisk(left), tables(with_view)).remember()
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


def test_a_broken_drain_leaves_the_server_up(data: Path) -> None:
    with running(data, program=program("breaking")) as server:
        ann = server.client(*ANN)
        project = ann.command("create-project", name="Whole").answer
        renamed = ann.command("rename-project", project=project, name=BREAKING)
        assert ann.query("list-names", after=renamed.position).refusal == (503, "views.behind")
        assert ann.command("rename-project", project=project, name="Mended").status == 200
        assert ann.query("list-names").status == 200
        while server.messages.count("the drain ended and is started again") < 2:
            assert ann.query("list-names", after=renamed.position).status == 503
        assert server.stop() in {0, 143}


def work(server: Server, tenant: str, email: str, first: str, *others: str) -> None:
    """Creates a project, gives it one name after the other, and waits until all that is filed."""
    client = server.client(tenant, email)
    created = client.command("create-project", name=first)
    renamed = [client.command("rename-project", project=created.answer, name=name) for name in others]
    assert patiently(lambda: client.query("list-projects", after=[created, *renamed][-1].position)).status == 200


def assert_names(server: Server, data: Path) -> None:
    """The view has every name of every project that the journal has."""
    places = {each: server.client(*each).command("create-project", name="Last").position for each in (ANN, GINA)}
    expected: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in read_journal(data):
        for event in entry["events"]:
            if event["type"] in {"project-created", "project-renamed"}:
                expected[entry["tenant"]][event["body"]["project"]].append(event["body"]["name"])
    for (tenant, email), after in places.items():
        rows = server.client(tenant, email).every("list-names", after=after)
        assert {row["project"]: row["names"] for row in rows} == expected[tenant]
