"""`osteon export`: plain files with all that a tenant has, and nothing that is sealed."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from osteon.cli import main
from osteon.domain import Product
from osteon.modules import PLATFORM
from tests.cli.installation import ALICE, Left, Osteon, accepted
from tests.serving import PASSWORD, Server, new_key

lesser = Product("lesser", PLATFORM)
"""The demo, had it lost its projects."""


@pytest.fixture(scope="module")
def exported(left: Left, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of `acme`, of whose entries the last five stand in the log alone."""
    folder = tmp_path_factory.mktemp("exported") / "acme"
    assert main(["export", "--data", str(left.data), "--tenant", "acme", "--to", str(folder)]) == 0
    return folder


def test_an_export_has_every_entry_in_order(exported: Path, left: Left, osteon: Osteon) -> None:
    shown = osteon("journal", "show", "--tenant", "acme", "--json", "--data", left.data).lines
    found = [entry for path in exported.glob("entries/*.jsonl") for entry in lines(path)]
    assert {entry["invocation"] for entry in found} == {entry["invocation"] for entry in shown}
    assert len(found) == len(shown)
    for path in exported.glob("entries/*.jsonl"):
        assert [entry["sequence"] for entry in lines(path)] == list(range(1, len(lines(path)) + 1))


def test_rows_are_those_of_the_last_entry(exported: Path, left: Left) -> None:
    rows = {row["project"]: row for row in lines(exported / "rows" / "project.jsonl")}
    assert rows[left.project]["name"] == "Bone 4"
    assert {row["name"] for row in lines(exported / "rows" / "scope.jsonl")} >= {"EU", "France", "US"}


def test_people_are_in_it_and_their_passwords_are_not(exported: Path) -> None:
    people = lines(exported / "rows" / "person.jsonl")
    assert ALICE in {person["email"] for person in people}
    enrolled = [each for each in events(exported) if each["type"] == "person-enrolled"]
    assert enrolled
    assert all("email" in each["body"] and "password" not in each["body"] for each in enrolled)
    plain = b"".join(path.read_bytes() for path in exported.rglob("*.jsonl"))
    assert b"argon2" not in plain
    assert PASSWORD.encode() not in plain
    assert not (exported / "rows" / "credentials.jsonl").exists()


def test_messages_fit_their_schemas(exported: Path) -> None:
    for event in events(exported):
        schema = json.loads((exported / "schemas" / "events" / f"{event['type']}.json").read_text())
        sealed = {name for name, field in schema["properties"].items() if field.get("x-sensitivity") == "sealed"}
        assert set(schema["required"]) - sealed <= event["body"].keys()


def test_nothing_of_other_tenants_is_in_it(exported: Path, osteon: Osteon, left: Left) -> None:
    others = {each["name"]: each["id"] for each in osteon("tenants", "--json", "--data", left.data).value}
    tenants = {entry["context"]["tenant"] for path in exported.glob("entries/*.jsonl") for entry in lines(path)}
    assert tenants == {others["acme"]}
    assert "gina@globex.example" not in "".join(path.read_text() for path in exported.rglob("*.jsonl"))


def test_who_asked_what_is_in_it(exported: Path) -> None:
    asked = lines(exported / "accesses.jsonl")
    assert {each["type"] for each in asked} >= {"list-projects"}
    assert all(each["parameters"] is None or isinstance(each["parameters"], dict) for each in asked)


def test_the_manifest_counts_what_is_there(exported: Path) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    assert manifest["entries"] == sum(len(lines(path)) for path in exported.glob("entries/*.jsonl"))
    assert manifest["rows"] == {path.stem: len(lines(path)) for path in exported.glob("rows/*.jsonl")}
    assert manifest["leftOut"] == []
    assert sorted(path.name for path in exported.iterdir()) == [
        "README.md",
        "accesses.jsonl",
        "entries",
        "manifest.json",
        "rows",
        "schemas",
    ]


def test_an_export_is_made_beside_a_server(serving: Server, serving_data: Path, osteon: Osteon, tmp_path: Path) -> None:
    invocation, _ = accepted(serving.client("acme", ALICE), "create-project", project=new_key(), name="Rib")
    ran = osteon("export", "--data", serving_data, "--tenant", "acme", "--to", tmp_path / "acme", "--json")
    assert ran.status == 0
    found = {entry["invocation"] for path in (tmp_path / "acme").glob("entries/*.jsonl") for entry in lines(path)}
    assert invocation in found


def test_an_unknown_message_is_left_out_and_said(left: Left, osteon: Osteon, tmp_path: Path) -> None:
    to = tmp_path / "acme"
    ran = osteon("export", "--data", left.data, "--tenant", "acme", "--to", to, "--product", f"{__name__}:lesser")
    assert ran.status == 0
    assert "Left out, as the product does not know them:" in ran.complained
    assert "create-project" in ran.complained
    unknown = [each for each in events(to) if each["type"] == "project-created"]
    assert unknown
    assert all(each["body"] is None for each in unknown)


@pytest.mark.parametrize(
    ("tenant", "to", "says"), [("acne", "new", "Did you mean 'acme'?"), ("acme", ".", "is there already")]
)
def test_what_cannot_be_exported_is_refused(
    left: Left, osteon: Osteon, tmp_path: Path, tenant: str, to: str, says: str
) -> None:
    ran = osteon("export", "--data", left.data, "--tenant", tenant, "--to", tmp_path / to)
    assert ran.status == 1
    assert says in ran.complained


def events(exported: Path) -> list[dict[str, Any]]:
    """Every event of an export."""
    return [event for path in exported.glob("entries/*.jsonl") for entry in lines(path) for event in entry["events"]]


def lines(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
