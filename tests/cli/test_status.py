"""`osteon tenants`, `osteon views status` and `osteon status`: what is there, how it is, and what needs a hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from osteon.app.status import Bound, LateView, SagaStatus, ServerStatus, Status, Stuck, findings
from osteon.model import replace
from tests.cli.installation import ALICE, Left, Osteon, accepted
from tests.resilience.revised import BREAKING, program
from tests.serving import Server, new_key, patiently, running

WELL = Status(
    server=ServerStatus(product="demo", version="1", commit=None, since=datetime(2026, 11, 22, tzinfo=UTC), ready=True),
    tenants=2,
    entries=10,
    batches=5,
    lag=0,
    lag_limit=100,
    drain_restarts=0,
    waiting=0,
    queues=(),
    under_way=0,
    timers=0,
    memory=(Bound(name="entities", count=3, limit=9),),
    late={"rebuilding": 1},
    views=(LateView(tenant="acme", view="names", state="rebuilding", percent=40, lag=3),),
    sagas=(SagaStatus(saga="naming", unsettled=1, seconds=3.0),),
    stuck=(),
    stuck_count=0,
    dead_letters=0,
    sinks=(),
    access_dropped=1,
    refused={"unavailable": 2},
    head=None,
    disk_free=60 << 30,
    disk_size=100 << 30,
)
STOPPED = LateView(tenant="acme", view="names", state="stopped", percent=40, lag=3, reason="'thing-made': ValueError")
STUCK = Stuck(tenant="acme", saga="naming", about="01J", seconds=99.0, dead_letter=False)


def test_lists_tenants_with_scopes_people_and_entries(osteon: Osteon, left: Left) -> None:
    ran = osteon("tenants", "--json", "--data", left.data)
    assert (ran.status, ran.complained) == (0, "")
    acme = ran.value[1]
    assert (acme["name"], acme["id"], acme["type"]) == ("acme", left.tenant, "customer")
    assert (acme["scopes"], acme["people"]) == (4, 5)
    shown = osteon("journal", "show", "--json", "--tenant", "acme", "--data", left.data).lines
    assert acme["entries"] == len(shown)
    assert [each["name"] for each in ran.value] == ["house", "acme", "globex", "atelier", "lab", "bench"]


def test_tells_how_far_the_views_are_behind(osteon: Osteon, left: Left) -> None:
    acme, *others = sorted(
        osteon("views", "status", "--json", "--data", left.data).value, key=lambda each: -each["lag"]
    )
    assert (acme["tenant"], acme["lag"]) == ("acme", 5)
    assert acme["entries"] == acme["filed"] + 5
    assert {each["lag"] for each in others} == {0}
    assert acme["accessBlocks"] >= acme["accessBlocksFiled"] >= 3
    assert acme["bytes"] == sum(each.stat().st_size for each in (left.data / "tenants" / left.tenant).iterdir())
    assert acme["newest"].endswith("Z")


def test_prints_tables_for_people(osteon: Osteon, left: Left) -> None:
    for command in (["tenants"], ["views", "status"]):
        heading, *rows = osteon(*command, "--data", left.data).said.splitlines()
        assert heading.startswith(("name", "tenant"))
        assert [each.split()[0] for each in rows] == ["house", "acme", "globex", "atelier", "lab", "bench"]


@pytest.mark.parametrize(
    ("changes", "what", "mend"),
    [
        ({"server": replace(WELL.server, ready=False)}, "does not answer", "osteon status --watch"),
        ({"disk_free": 1 << 29}, "nearly full", "df -h"),
        ({"disk_free": 4 << 30}, "nearly full", "df -h"),
        ({"lag": 101}, "101 entries behind", "osteon views status"),
        (
            {"views": (STOPPED,)},
            "'names' of 'acme' stopped at a 'thing-made'",
            "osteon views start names --tenant acme",
        ),
        ({"late": {"stopped": 30}}, "30 views stopped", "osteon views list"),
        ({"dead_letters": 4}, "4 dead letters", "osteon letters"),
        ({"stuck": (STUCK,), "stuck_count": 1}, "nothing came for 99 s", "osteon journal show --tenant acme --entity"),
        ({"stuck": (replace(STUCK, dead_letter=True),), "stuck_count": 1}, "a dead letter is in its way", "osteon "),
    ],
)
def test_what_needs_a_hand_stands_with_its_mend(changes: dict[str, Any], what: str, mend: str) -> None:
    (finding,) = findings(replace(WELL, **changes), Path("my data"))
    assert what in finding.what
    assert finding.mend.startswith(mend)
    assert "'my data'" in finding.mend


def test_nothing_needs_a_hand_that_mends_itself() -> None:
    assert list(findings(WELL, Path("data"))) == []


def test_a_server_that_is_well_says_so(osteon: Osteon, serving: Server, serving_data: Path) -> None:
    accepted(serving.client("acme", ALICE), "create-project", project=new_key(), name="Bone")
    ran = osteon("status", "--json", "--data", serving_data)
    assert (ran.status, ran.complained) == (0, "")
    told = ran.value
    assert (told["running"], told["well"], told["findings"]) == (True, True, [])
    assert (told["server"]["product"], told["server"]["ready"]) == ("demo", True)
    assert told["entries"] > told["tenants"] >= 6
    assert told["lag"] <= told["lagLimit"]
    assert {"entities", "verdicts"} <= {each["name"] for each in told["memory"]}
    assert 0 < told["diskFree"] <= told["diskSize"]
    screen = osteon("status", "--data", serving_data).said.splitlines()
    assert screen[0].startswith("server        demo on Osteon ")
    assert screen[-1] == "All is well."
    assert max(map(len, screen)) <= 120


def test_a_stopped_view_is_found(osteon: Osteon, data: Path) -> None:
    with running(data, program=program("breaking")) as server:
        alice = server.client("acme", ALICE)
        _, position = accepted(alice, "create-project", project=new_key(), name=BREAKING)
        assert patiently(lambda: alice.query("list-projects", after=position)).status == 200
        ran = osteon("status", "--json", "--data", data)
        assert (ran.status, ran.value["late"]) == (1, {"stopped": 1})
        (finding,) = ran.value["findings"]
        assert finding["what"].startswith("The view 'names' of 'acme' stopped at a 'project-created': LookupError")
        screen = osteon("status", "--data", data)
        assert screen.status == 1
        assert finding["mend"] in screen.said
        assert server.stop() in {0, 143}
    ended = osteon("status", "--json", "--data", data)
    assert (ended.status, ended.value["running"]) == (1, False)
    assert [each["view"] for each in ended.value["stopped"]] == ["names"]


def test_a_killed_server_is_told_from_a_running_one(osteon: Osteon, left: Left) -> None:
    ran = osteon("status", "--data", left.data)
    assert ran.status == 1
    assert ran.said.startswith("server        not running")
    assert "No server runs on" in ran.complained
    told = osteon("status", "--json", "--data", left.data).value
    assert (told["running"], told["tenants"], told["stopped"]) == (False, 6, [])
