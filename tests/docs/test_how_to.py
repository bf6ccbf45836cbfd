"""The recipes, run as they stand on their pages."""

import json
from pathlib import Path

import pytest

from osteon.cli import main
from tests.docs.pages import DEMO, DOCS, Block, blocks, run_shell
from tests.serving import NotServing, Server, running

HOW_TO = DOCS / "how-to"


def test_grants_a_role_as_the_recipe_says(serving: Server, tmp_path: Path) -> None:
    (recipe,) = blocks(HOW_TO / "grant-a-role.md", "sh")
    here, elsewhere, revoked, after = [json.loads(line) for line in run_shell(recipe, tmp_path, serving.port)]
    assert (here["verdict"], revoked["verdict"]) == ("accepted", "accepted")
    assert (elsewhere["key"], elsewhere["params"]["reason"]) == ("not-permitted", "not-granted")
    assert (after["key"], after["params"]["reason"]) == ("not-permitted", "not-granted")


def test_keeps_two_installations_apart(serving: Server, tmp_path: Path) -> None:
    with running(tmp_path / "two", product=DEMO) as other:
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


def test_checks_the_journal_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    recipe, _, grown = blocks(HOW_TO / "check-the-journal.md", "sh")
    (verified,) = run_shell(recipe, data.parent)
    assert verified.endswith("nothing is wrong.")
    (growth,) = run_shell(_with_command(recipe, grown), data.parent)
    assert growth.startswith("holds  In the journal of")


def test_proves_an_entry_as_the_recipe_says(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data.parent / ".osteon").symlink_to(data)
    recipe, one, _ = blocks(HOW_TO / "check-the-journal.md", "sh")
    assert main(["journal", "key", "--tenant", "acme", "--data", str(data)]) == 0
    (data.parent / "acme.key.json").write_text(capsys.readouterr().out)
    (entry,) = run_shell(_with_command(recipe, one), data.parent)
    assert entry.startswith("holds  The record is entry")


def test_backs_up_and_restores_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "back-up-and-restore.md", "sh")
    made, hint, drilled, restored, verified = run_shell(recipe, data.parent)
    assert made.endswith("in 'backups/monday': whole.")
    assert "The installation's key is not in it" in hint
    assert drilled.endswith("everything is there, once, and nothing was changed.")
    assert "are in 'second'" in restored
    assert verified.endswith("nothing is wrong.")


def test_exports_a_tenant_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "export-a-tenant.md", "sh")
    exported, person = run_shell(recipe, data.parent)
    assert exported.endswith("of 'acme' in 'acme'.")
    assert json.loads(person)["email"].endswith("@acme.example")


def test_upgrades_a_folder_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "upgrade.md", "sh")
    planned, done = run_shell(recipe, data.parent)
    assert planned == done
    assert done.endswith("nothing to do.")


def _with_command(first: Block, block: Block) -> Block:
    """A later block of a page, which uses the command that the first one names."""
    return block._replace(text=first.text.partition("\n")[0] + "\n" + block.text)


def _refusal(data: Path) -> str:
    """What a second server on the same folder says when it ends."""
    server = Server(data, product=DEMO)
    try:
        server.await_ready()
    except NotServing as refusal:
        return refusal.messages
    finally:
        server.close()
    return ""
