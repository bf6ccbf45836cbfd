"""`osteon journal show`: each durable entry once, filed or not; nothing sensitive unless asked for."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from osteon.cli import main
from tests.cli.installation import ALICE, Left, Osteon, accepted, copied
from tests.serving import Server, new_key


def places(entries: list[Any]) -> list[tuple[str, int, int]]:
    return [(each["tenant"], each["partition"], each["sequence"]) for each in entries]


def test_shows_each_acknowledged_command_once(osteon: Osteon, left: Left) -> None:
    ran = osteon("journal", "show", "--json", "--data", left.data)
    assert (ran.status, ran.complained) == (0, "")
    found = [(each["invocation"], each["position"]) for each in ran.lines if each["tenant"] == "acme"]
    assert all(found.count(each) == 1 for each in left.acknowledged)


def test_shows_every_partition_without_a_gap(osteon: Osteon, left: Left) -> None:
    found = places(osteon("journal", "show", "--json", "--data", left.data).lines)
    assert {tenant for tenant, _, _ in found} == {"house", "acme", "globex", "atelier", "lab", "bench"}
    for tenant, partition in {each[:2] for each in found}:
        sequences = [each[2] for each in found if each[:2] == (tenant, partition)]
        assert sequences == list(range(1, len(sequences) + 1))


def test_shows_what_is_new_beside_the_server(serving: Server, osteon: Osteon, serving_data: Path) -> None:
    invocation, _ = accepted(serving.client("acme", ALICE), "create-project", project=new_key(), name="Rib")
    ran = osteon("journal", "show", "--json", "--tenant", "acme", "--limit", 5, "--data", serving_data)
    assert ran.status == 0
    assert [each["invocation"] for each in ran.lines].count(invocation) == 1


def test_tells_all_that_an_entry_holds(osteon: Osteon, left: Left) -> None:
    entry = osteon("journal", "show", "--json", "--entity", left.project, "--data", left.data).lines[0]
    assert (entry["verdict"], entry["entityType"], entry["entity"]) == ("accepted", "project", left.project)
    assert entry["command"]["type"] == "create-project"
    assert [each["type"] for each in entry["events"]] == ["project-created"]
    assert entry["events"][0]["body"]["name"] == "Bone"
    assert entry["context"]["access"]["actor"]["account"]["kind"] == "user"
    assert entry["key"].endswith(entry["context"]["trace"]["external"])
    assert entry["tenantId"] == left.tenant


def test_shows_one_entity_across_history_and_log(osteon: Osteon, left: Left) -> None:
    entries = osteon("journal", "show", "--json", "--entity", left.project, "--data", left.data).lines
    assert [each["command"]["type"] for each in entries] == ["create-project"] + ["rename-project"] * 5
    assert [each["events"][0]["body"]["name"] for each in entries[1:]] == [f"Bone {each}" for each in range(5)]


def test_masks_what_is_sealed_or_personal(osteon: Osteon, left: Left) -> None:
    said = osteon("journal", "show", "--json", "--data", left.data).said
    assert "Sealed(…)" in said
    assert "Personal(…)" in said
    assert "$argon2" not in said
    assert ALICE not in said
    assert "127.0.0.1" not in said


def test_reveals_everything_when_it_is_asked_to(osteon: Osteon, left: Left) -> None:
    said = osteon("journal", "show", "--json", "--reveal", "--data", left.data).said
    assert "$argon2" in said
    assert ALICE in said
    assert "(…)" not in said


@pytest.mark.parametrize("product", [None, "nowhere.at:all"])
def test_masks_as_a_whole_what_no_product_explains(
    product: str | None, osteon: Osteon, left: Left, tmp_path: Path
) -> None:
    data = copied(left, tmp_path)
    if product is None:
        (data / "product").unlink()
    else:
        (data / "product").write_text(product)
    ran = osteon("journal", "show", "--json", "--entity", left.project, "--data", data)
    assert ran.status == 0
    assert ran.lines[0]["command"]["body"] == ran.lines[0]["events"][0]["body"] == "masked"
    assert "--product" in ran.complained
    named = osteon(
        "journal", "show", "--json", "--entity", left.project, "--product", "tests.plain:product", "--data", data
    )
    assert named.lines[0]["command"]["body"]["name"] == "Bone"


def test_limits_to_the_newest_of_all_in_order(osteon: Osteon, left: Left) -> None:
    entries = osteon("journal", "show", "--json", "--limit", 7, "--data", left.data).lines
    every = osteon("journal", "show", "--json", "--data", left.data).lines
    newest = sorted(every, key=lambda each: each["command"]["id"])[-7:]
    assert places(entries) == places(newest)
    assert osteon("journal", "show", "--json", "--limit", 0, "--data", left.data).lines == []


def test_chooses_tenant_and_partition(osteon: Osteon, left: Left) -> None:
    partition = left.first.partition
    chosen = ["journal", "show", "--json", "--partition", partition, "--data", left.data]
    by_name = osteon(*chosen, "--tenant", "acme").lines
    assert osteon(*chosen, "--tenant", left.tenant).lines == by_name
    assert {each[:2] for each in places(by_name)} == {("acme", partition)}


def test_shows_lines_of_text_by_time_to_people(osteon: Osteon, left: Left) -> None:
    said = osteon("journal", "show", "--tenant", "acme", "--data", left.data).said
    lines = said.splitlines()
    assert all(earlier[:23] <= later[:23] for earlier, later in pairwise(lines))
    assert "\033" not in said
    words = lines[-1].split()
    assert {"acme", "accepted", "rename-project", "project", left.project, "project-renamed"} <= set(words)


def test_needs_no_server_and_writes_nothing(left: Left) -> None:
    before = {each: each.read_bytes() for each in left.data.rglob("*") if each.is_file() and "-shm" not in each.name}
    for command in (["journal", "show"], ["journal", "verify"], ["views", "status"], ["tenants"]):
        assert main([*command, "--data", str(left.data)]) == 0
    after = {each: each.read_bytes() for each in left.data.rglob("*") if each.is_file() and "-shm" not in each.name}
    assert after.keys() == before.keys()
    assert all(after[each] == before[each] for each in before)
