"""The recipes, run as they stand on their pages."""

import json
from pathlib import Path

from tests.docs.pages import DOCS, blocks, run_shell
from tests.serving import NotServing, Server, running

HOW_TO = DOCS / "how-to"


def test_grants_a_role_as_the_recipe_says(serving: Server, tmp_path: Path) -> None:
    (recipe,) = blocks(HOW_TO / "grant-a-role.md", "sh")
    here, elsewhere, revoked, after = [json.loads(line) for line in run_shell(recipe, tmp_path, serving.port)]
    assert (here["verdict"], revoked["verdict"]) == ("accepted", "accepted")
    assert (elsewhere["key"], elsewhere["params"]["reason"]) == ("not-permitted", "not-granted")
    assert (after["key"], after["params"]["reason"]) == ("not-permitted", "not-granted")


def test_keeps_two_installations_apart(serving: Server, tmp_path: Path) -> None:
    with running(tmp_path / "two") as other:
        stranger = other.client("acme")
        tokens = serving.client("acme").log_in("alice@acme.example")
        stranger.headers["authorization"] = f"Bearer {tokens['accessToken']}"
        assert stranger.query("list-projects").refusal == (401, "invalid-token")
        assert "is locked by process" in _refusal(tmp_path / "two")


def test_reads_the_journal_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "read-the-journal.md", "sh")
    said = run_shell(recipe, data.parent)
    entry = next(json.loads(line) for line in said if line.startswith("{"))
    newest = [line for line in said if line.startswith("20") and "  acme  " in line]
    assert said[0].split()[:2] == ["name", "id"]
    assert len(newest) == 5
    assert (entry["tenant"], entry["verdict"]) == ("acme", "accepted")
    assert said[-1].endswith("nothing is wrong.")


def _refusal(data: Path) -> str:
    """What a second server on the same folder says when it ends."""
    server = Server(data)
    try:
        server.await_ready()
    except NotServing as refusal:
        return refusal.messages
    finally:
        server.close()
    return ""
