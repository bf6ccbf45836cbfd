"""The front page's examples, run as pasted against a real server."""

import contextlib
import io
import json
from pathlib import Path

from tests.docs.pages import DEMO_ADDRESS, ROOT, blocks, run_shell
from tests.serving import Server

README = ROOT / "README.md"


def test_runs_the_curl_session_of_the_front_page(serving: Server, tmp_path: Path) -> None:
    (session,) = blocks(README, "sh")
    created, again, listed, changes = run_shell(session, tmp_path, serving.port)
    project = json.loads(created)["answer"]
    assert again == created
    assert [row["project"] for row in json.loads(listed)["answer"]["items"]].count(project) == 1
    assert [change["event"] for change in json.loads(changes)["answer"]["items"]] == ["project-created"]


def test_runs_the_python_example_of_the_front_page(serving: Server) -> None:
    (example,) = blocks(README, "python")
    source = example.text.replace(DEMO_ADDRESS, f"localhost:{serving.port}")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(source, README.name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own page
    replayed, names, events = said.getvalue().splitlines()
    assert (replayed, events) == ("True True", "['project-created']")
    assert "Tunnel" in names


def test_keeps_the_front_page_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 110
