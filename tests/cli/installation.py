"""An installation for the CLI to look at: made by the real server, then left, killed or tampered with."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.sqlite import Connections, Settings
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.cli import main
from osteon.model import Identifier, TenantId
from tests.serving import Answer, Client, Server, environment, running

__all__ = [
    "Left",
    "Osteon",
    "Ran",
    "children",
    "keyring_of",
    "left",
    "osteon",
    "process",
    "tampered",
]

ALICE = "alice@acme.example"


class Ran(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    said: str
    complained: str

    @property
    def lines(self) -> list[Any]:
        """What it said, as a value for each line of JSON."""
        return [json.loads(line) for line in self.said.splitlines()]

    @property
    def value(self) -> Any:  # noqa: ANN401
        """What it said, as one JSON value."""
        return json.loads(self.said)


Osteon = Callable[..., Ran]


class Left(NamedTuple):
    """A data folder after its server was killed while the drain stood still, and what had been acknowledged."""

    data: Path
    tenant: str
    filed: list[dict[str, Any]]
    """The bodies of accepted commands that were filed."""
    unfiled: list[dict[str, Any]]
    """Those that only the log has."""
    project: str


@pytest.fixture
def osteon(capsys: pytest.CaptureFixture[str]) -> Osteon:
    """Runs the command in this process."""

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """An installation that was killed; nobody may change it."""
    data = tmp_path_factory.mktemp("left") / "data"
    with running(data) as server:
        alice = server.client("acme", ALICE)
        project, filed = make_projects(alice, 12)
        alice.query("list-projects", after=filed[-1]["position"])
        alice.query("list-projects", after=alice.query("list-projects").body["position"])
        await_blocks(data)
        for child in children(server):
            subprocess.run(["kill", "-STOP", str(child)], check=True)
        _, unfiled = make_projects(alice, 5)
        server.process.kill()
        for child in children_of(server.pid):
            subprocess.run(["kill", "-KILL", str(child)], check=True)
        server.ended()
    tenant = next(each for each in data.joinpath("tenants").iterdir() if each.name in unfiled[0]["tenant"])
    yield Left(data, tenant.name, filed, unfiled, project)
