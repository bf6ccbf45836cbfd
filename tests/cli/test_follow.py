"""`osteon journal follow`: entries as they become durable, over a restart of the server, until Ctrl-C."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.installation import ALICE, accepted, stop_drain
from tests.serving import PASSWORD, ROOT, Server, environment, new_key, running


@contextmanager
def following(data: Path, *options: str) -> "Generator[subprocess.Popen[str]]":
    """Follows in a process of its own."""
    command = [sys.executable, "-m", "osteon.cli", "journal", "follow", "--json", "--data", str(data), *options]
    heeding = heed_interrupts  # safe here: nothing that another thread could hold is touched
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=heeding,  # noqa: PLW1509
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heed_interrupts() -> None:
    """A shell that starts the tests in its background has them ignore interrupts, and what they start too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def next_entry(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_follows_what_becomes_durable_over_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as server:
        alice = server.client("acme", ALICE)
        first = accepted(alice, "create-project", project=new_key(), name="Bone")
        with following(data, "--tenant", "acme", "--limit", "1") as process:
            assert next_entry(process)["invocation"] == first[0]
            accepted(server.client("globex", "gina@globex.example"), "create-project", project=new_key(), name="Rib")
            stop_drain(server)
            made = [accepted(alice, "create-project", project=new_key(), name=f"Bone {each}") for each in range(20)]
            assert [next_entry(process)["invocation"] for _ in made] == [each[0] for each in made]
            server.close()
            with running(data) as again:
                # Logging in is an entry as well.
                accepted(again.client("acme", ALICE), "create-project", project=new_key(), name="Marrow")
                assert [next_entry(process)["command"]["type"] for _ in range(2)] == ["open-session", "create-project"]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0


def test_follows_a_tenant_that_is_only_being_opened(serving: Server, serving_data: Path) -> None:
    with following(serving_data, "--limit", "1") as process:
        next_entry(process)
        ada = serving.client("house", "ada@house.example")
        fields = {"name": "initech", "type": "customer", "email": "bill@initech.example", "person": "Bill"}
        accepted(ada, "open-tenant", password=PASSWORD, **fields)
        while (entry := next_entry(process))["command"]["type"] != "open-scope-tree":
            assert entry["tenant"] == "house"
        assert entry["tenant"] == "initech"
