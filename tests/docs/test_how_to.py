"""The recipes, run as they stand on their pages."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.projects import CreateProject, projects
from demo.projects.project import ProjectId
from osteon.app.inprocess import in_process
from osteon.cli import main
from osteon.domain import Product
from osteon.model import Identifier
from osteon.modules import PLATFORM
from tests.cli.stumbling import PRODUCTS, STUMBLE
from tests.docs.pages import DEMO, DOCS, Block, blocks, run_shell
from tests.engine.sending import Sender, until
from tests.serving import NotServing, Server, patiently, running

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


def test_looks_after_a_server_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    recipe, well = blocks(HOW_TO / "operate.md", "sh")
    with running(data, product=DEMO):
        *_, views, entry = run_shell(recipe, data.parent)
        assert run_shell(_with_command(recipe, well), data.parent) == ["True"]
    assert {each["state"] for each in json.loads(views)} == {"following"}
    assert "  rebuild-view  " in entry
    assert "  by operator " in entry


def test_mends_what_failed_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "mend-what-failed.md", "sh")
    with running(data, product=PRODUCTS["stumbling"]) as server:
        alice = server.client("acme", "alice@acme.example")
        assert patiently(lambda: alice.command("create-project", name=STUMBLE)).status == 200
        assert until_parked(data)
        said = run_shell(recipe, data.parent)
    assert said[0].split() == ["tenant", "letter", "since", "handler", "about", "tries", "state"]
    assert any("1 still wait: LookupError" in line for line in said)
    assert any("goes on, nothing waits any more" in line for line in said)
    assert said[-1].endswith("passed over: renamed by hand")


def test_hands_events_on_as_the_recipe_says(capsys: pytest.CaptureFixture[str]) -> None:
    (recipe,) = blocks(HOW_TO / "hand-events-on.md", "python")
    names: dict[str, Any] = {}
    exec(compile(recipe.text, "hand-events-on.md", "exec"), names)  # noqa: S102 - it is our own page

    async def hand_on() -> None:
        async with in_process(Product("demo", [*PLATFORM, projects, names["ledger"]])) as installation:
            await Sender(installation.engine).ask(CreateProject(project=ProjectId(Identifier("0" * 26)), name="Bridge"))
            await until(lambda: any(each.delivered for each in installation.engine.sinks.standings))

    asyncio.run(hand_on())
    assert "project-created Bridge" in capsys.readouterr().out


def test_investigates_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "investigate-an-error.md", "sh")
    *tree, written = run_shell(recipe, data.parent)
    assert any(line.endswith("<- asked for") for line in tree)
    assert written == "'tests/test_it.py' is written: run it with 'pytest tests/test_it.py'."
    assert "given(" in (data.parent / "tests" / "test_it.py").read_text()


def test_rehearses_as_the_recipe_says(data: Path) -> None:
    (data.parent / ".osteon").symlink_to(data)
    (recipe,) = blocks(HOW_TO / "rehearse-a-change.md", "sh")
    said = run_shell(recipe, data.parent)
    assert said[0].split()[:2] == ["command", "rehearsed"]
    assert said[-1].endswith("nothing differs.")


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


def until_parked(data: Path) -> bool:
    """Waits until a dead letter is there to be mended."""
    for _ in range(200):
        status = subprocess.run(
            [sys.executable, "-m", "osteon.cli", "status", "--json", "--data", str(data)],
            stdout=subprocess.PIPE,
            check=False,
        )
        if json.loads(status.stdout)["deadLetters"]:
            return True
    return False


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
