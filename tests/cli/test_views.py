"""`osteon views`: where each view of each tenant stands, and what an operator has done about it."""

from pathlib import Path
from typing import Any

from osteon.adapters.sqlite import Connections, Settings, SqliteFiling
from osteon.adapters.system.disk import SystemDisk
from osteon.domain import Product
from osteon.engine import Projection, tables
from tests.cli.installation import ALICE, Left, Osteon, accepted, copied, keyring_of
from tests.resilience.revised import BREAKING, program, with_names, with_view
from tests.serving import Server, new_key, patiently, running

REASON = ("--reason", "a test says so")


def test_lists_every_view_with_place_and_lag(osteon: Osteon, left: Left) -> None:
    ran = osteon("views", "list", "--json", "--tenant", "acme", "--data", left.data)
    assert (ran.status, ran.complained) == (0, "")
    assert {each["view"] for each in ran.value} > {"project", "scope"}
    # The last five stand in the log alone.
    assert {(each["tenant"], each["state"], each["lag"]) for each in ran.value} == {("acme", "following", 5)}
    rows = osteon("views", "list", "--data", left.data).said.splitlines()
    assert rows[0].split() == ["tenant", "view", "place", "lag", "state"]
    assert all(row.endswith("following") for row in rows[1:])


def test_tells_how_far_a_view_is_that_is_rebuilt(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    projection = Projection(with_view, filing_of(data, with_view), keyring_of(data))
    projection.revise()

    found = names(osteon, data)
    assert (found["state"], found["place"], found["percent"], found["stop"]) == ("rebuilding", 0, 0, None)
    assert names_row(osteon, data).endswith("rebuilding 0 %")
    acme = osteon("views", "status", "--json", "--data", data).value[1]
    assert acme["views"]["rebuilding"] == 1

    projection.renew()
    assert names(osteon, data)["state"] == "following"
    assert osteon("views", "status", "--data", data).said.splitlines()[2].endswith("all follow")


def test_tells_why_a_view_stopped(osteon: Osteon, left: Left, tmp_path: Path) -> None:
    data = copied(left, tmp_path)
    broken = with_names(fail_always)
    Projection(broken, filing_of(data, broken), keyring_of(data)).renew()

    stop = names(osteon, data)["stop"]
    assert stop["event"] == "project-created"
    assert stop["reason"].startswith("LookupError in 'fail_always'")
    assert "stopped at a 'project-created', entry " in names_row(osteon, data)


def test_a_view_is_made_again_by_a_running_server(osteon: Osteon, data: Path) -> None:
    with running(data, program=program("with_view")) as server:
        accepted(server.client("acme", ALICE), "create-project", project=new_key(), name="Bone")
        one = osteon("views", "rebuild", "names", "--tenant", "acme", *REASON, "--data", data)
        assert (one.status, one.said, one.complained) == (0, "'names' of 'acme' follows.\n", "")
        assert_asked(osteon, data, "rebuild-view", "names")
        every = osteon("views", "rebuild", "names", "--all", *REASON, "--json", "--data", data)
        assert every.status == 0
        assert [each["tenant"] for each in every.lines] == ["house", "acme", "globex", "atelier", "lab", "bench"]
        followed = {"taken": True, "state": "following", "percent": 100}
        assert all(each["outcome"] == followed for each in every.lines)


def test_a_stopped_view_is_started_and_stops_again(osteon: Osteon, data: Path) -> None:
    with running(data, program=program("breaking")) as server:
        break_names(server)
        ran = osteon("views", "start", "names", "--tenant", "acme", *REASON, "--data", data)
        assert ran.status == 1
        assert "'names' of 'acme' stopped at a 'project-created', entry " in ran.said
        assert "LookupError in 'fail'" in ran.said
        assert_asked(osteon, data, "start-view", "names")
        following = osteon("views", "start", "project", "--tenant", "acme", *REASON, "--data", data)
        assert (following.status, following.said) == (0, "'project' of 'acme' follows. It had not stopped.\n")


def test_a_view_that_cannot_be_made_again_is_named(osteon: Osteon, serving: Server, serving_data: Path) -> None:
    for view, complained in (
        ("projct", "There is no view 'projct'. Did you mean 'project'?"),
        ("scope", "Something is decided by the view 'scope'"),
    ):
        ran = osteon("views", "rebuild", view, "--tenant", "acme", *REASON, "--data", serving_data)
        assert (ran.status, ran.said) == (1, "")
        assert complained in ran.complained
    unsaid = osteon("views", "rebuild", "project", "--all", "--reason", " ", "--data", serving_data)
    assert (unsaid.status, "Say why" in unsaid.complained) == (1, True)


def test_nothing_is_made_again_without_a_server(osteon: Osteon, left: Left) -> None:
    ran = osteon("views", "rebuild", "project", "--tenant", "acme", *REASON, "--data", left.data)
    assert (ran.status, ran.said) == (1, "")
    assert "No server runs on" in ran.complained


def assert_asked(osteon: Osteon, data: Path, command: str, view: str) -> None:
    """Somebody at the keyboard asked a command of `acme`, and it is recorded who."""
    shown = osteon("journal", "show", "--json", "--tenant", "acme", "--data", data).lines
    (asked,) = [each for each in shown if each["command"]["type"] == command]
    assert asked["command"]["body"]["view"] == view
    assert asked["command"]["body"]["reason"] == REASON[1]
    actor = asked["context"]["access"]["actor"]
    assert actor["account"]["tenant"] == "0" * 26
    assert actor["authentication"]["handler"] == "operator"
    assert actor["authentication"]["person"]
    text = osteon("journal", "show", "--tenant", "acme", "--data", data).said
    assert f"by operator {actor['authentication']['person']}" in text


def break_names(server: Server) -> None:
    """Has the view of names of `acme` stop."""
    alice = server.client("acme", ALICE)
    _, position = accepted(alice, "create-project", project=new_key(), name=BREAKING)
    assert patiently(lambda: alice.query("list-projects", after=position)).status == 200


def fail_always(name: str) -> None:
    """Fails at every name."""
    raise LookupError(name)


def filing_of(data: Path, product: Product) -> SqliteFiling:
    """Files into an installation, as its drain does."""
    connections = Connections(SystemDisk(data), str(data), keyring_of(data), Settings(writable=True))
    return SqliteFiling(connections, tables(product))


def names(osteon: Osteon, data: Path) -> dict[str, Any]:
    """The view of names of `acme`."""
    found = osteon("views", "list", "--json", "--tenant", "acme", "--data", data).value
    return next(each for each in found if each["view"] == "names")


def names_row(osteon: Osteon, data: Path) -> str:
    """The same for a person."""
    rows = osteon("views", "list", "--tenant", "acme", "--data", data).said.splitlines()
    return next(row for row in rows if " names " in row)
