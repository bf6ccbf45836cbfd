"""A product whose views have changed, on a data folder that an earlier one left: it is served, and its views are whole."""

import re
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from osteon.adapters.system.disk import SystemDisk
from osteon.engine import DeclaredViews, tables
from tests.resilience.books import read_journal
from tests.resilience.revised import BREAKING, WAITING, program, with_view
from tests.serving import Client, NotServing, Server, patiently, running

ANN = ("acme", "alice@acme.example")
GINA = ("globex", "gina@globex.example")
MADE = "a view follows again"
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
        assert_names(server, left)
        wait_for((left / "views").exists)
        assert server.messages.count(MADE) == TENANTS
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
        server = Server(left, program=program("killing"))
        try:
            assert server.ended(60.0) == 128 + signal.SIGKILL
        finally:
            server.close()
        assert server.messages.count(MADE) < TENANTS
    with running(left) as server:
        assert server.client(*ANN).every("list-projects")
        assert "started again" not in server.messages
        server.kill()
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


def test_a_server_ends_although_a_fold_does_not(left: Path) -> None:
    with running(left, program=program("waiting")) as server:
        wait_for(lambda: WAITING in server.messages)
        assert server.client(*ANN).command("create-project", name="Meanwhile").status == 200
        server.signal(signal.SIGTERM, group=True)
        assert server.ended(20.0) in {0, 143}
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


def test_a_start_ends_with_what_broke_a_view_that_decides(left: Path) -> None:
    with pytest.raises(NotServing) as broken, running(left, program=program("breaking_index"), within=20.0):
        pass
    assert broken.value.status == 1
    last = broken.value.messages.splitlines()[-1]
    assert last.startswith("osteon: ")
    assert "Folding 'ProjectRenamed' into the view 'names' failed" in last
    assert "LookupError: no such thing" in last


def test_what_breaks_a_new_view_stops_it_in_one_tenant(left: Path) -> None:
    with running(left, program=program("breaking")) as server:
        gina = server.client(*GINA)
        wait_for(lambda: gina.query("list-names").refusal == (503, "views.stopped"))
        assert gina.query("list-projects").status == 200
        assert server.client(*ANN).every("list-names")
        assert server.stop() in {0, 143}
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


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


def test_a_fault_stops_one_view_of_one_tenant(data: Path) -> None:
    with running(data, program=program("breaking")) as server:
        ann, gina = server.client(*ANN), server.client(*GINA)
        project = ann.command("create-project", name="Whole").answer
        renamed = ann.command("rename-project", project=project, name=BREAKING).position
        wait_for(lambda: ann.query("list-names", after=renamed).refusal == (503, "views.stopped"))
        stopped = ann.query("list-names")
        assert stopped.refusal == (503, "views.stopped")
        assert (stopped.body["retryable"], stopped.body["params"]) == (False, {"view": "names"})
        assert stopped.headers["retry-after"] == "60"
        later = ann.command("rename-project", project=project, name="Mended").position
        assert "Mended" in {row["name"] for row in ann.every("list-projects", after=later)}
        work(server, *GINA, "Elsewhere")
        assert [row["names"] for row in gina.every("list-names")][-1] == ["Elsewhere"]
        assert 'osteon_views{state="stopped",view="names"} 1.0' in metrics(server)
        assert re.search(r'osteon_view_lag_entries\{tenant="\w+",view="names"\} [1-9]', metrics(server))
        assert "LookupError in 'fail', revised.py line" in server.messages
        assert "no such thing" not in server.messages
        assert "the drain ended" not in server.messages
        server.kill()
    with running(data, program=program("breaking")) as server:
        assert "a view stopped" in server.messages
        assert server.client(*ANN).query("list-names").refusal == (503, "views.stopped")
        server.kill()
    with running(data, program=program("with_view")) as server:
        assert_names(server, data)
        assert 'osteon_views{state="stopped",view="names"} 0.0' in metrics(server)


def test_a_view_is_made_while_everything_else_is_served(left: Path) -> None:
    with running(left, program=program("slow_view")) as server:
        ann = server.client(*ANN)
        rebuilding = ann.query("list-names")
        assert rebuilding.refusal == (503, "views.rebuilding")
        assert rebuilding.body["params"]["view"] == "names"
        seen, served = set[int](), 0
        while (asked := ann.query("list-names")).status == 503:
            seen.add(asked.body["params"]["percent"])
            # More of them would be made as fast as they are folded.
            if len(seen) > served:
                created = ann.command("create-project", name="Meanwhile")
                found = ann.query("get-project", project=created.answer, after=created.position)
                assert found.answer["name"] == "Meanwhile"
                served += 1
        assert served > 5
        assert "Meanwhile" in {name for row in ann.every("list-names") for name in row["names"]}
        assert_names(server, left)


def test_older_rows_answer_until_those_of_a_revision_are_there(left: Path) -> None:
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)
        server.stop()
    with running(left, program=program("slow_revision")) as server:
        ann = server.client(*ANN)
        older = ann.query("list-names", limit=100)
        assert older.status == 200
        created = ann.command("create-project", name="Newer")
        assert ann.query("list-names", after=older.position).position == older.position
        assert ann.query("list-names", after=created.position).refusal == (503, "views.rebuilding")
        assert ann.query("list-names", limit=100).answer == older.answer
        assert re.search(r'osteon_view_done_ratio\{tenant="\w+",view="names"\} 0\.', metrics(server))
        names = patiently(lambda: ann.query("list-names", after=created.position, limit=100)).answer["items"]
        assert ["Newer"] in [row["names"] for row in names]
        assert_names(server, left)


def test_kills_while_a_view_is_made_lose_no_step(left: Path) -> None:
    reached = 0
    for _ in range(3):
        with running(left, program=program("slow_view")) as server:
            ann = server.client(*ANN)
            assert done(ann) >= reached
            reached = wait_for_more(ann, reached)
            server.signal(signal.SIGKILL, group=True)
            server.ended()
    with running(left, program=program("with_view")) as server:
        assert_names(server, left)


def work(server: Server, tenant: str, email: str, first: str, *others: str) -> None:
    """Creates a project, gives it one name after the other, and waits until all that is filed."""
    client = server.client(tenant, email)
    created = client.command("create-project", name=first)
    renamed = [client.command("rename-project", project=created.answer, name=name) for name in others]
    assert patiently(lambda: client.query("list-projects", after=[created, *renamed][-1].position)).status == 200


def wait_for_more(client: Client, reached: int) -> int:
    """Waits until more of the view is made; how much that is."""
    wait_for(lambda: done(client) > reached)
    return done(client)


def done(client: Client) -> int:
    """How much of the view is made, as whoever asks it is told."""
    percent: int = client.query("list-names").body["params"]["percent"]
    return percent


def metrics(server: Server) -> str:
    """What the server tells of itself."""
    with urlopen(f"{server.management}/metrics") as response:  # noqa: S310  # our own server, on loopback
        text: str = response.read().decode()
    return text


def wait_for(condition: Callable[[], bool], within: float = 30.0) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
