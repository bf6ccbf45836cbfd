"""An installation for the CLI to look at: made by the real server, then left, killed or tampered with."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.sqlite import Connections, Settings
from osteon.adapters.sqlite.connection import Connection
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.inspection import Inspection
from osteon.cli import main
from osteon.messages import Position
from osteon.model import TenantId
from tests.serving import Client, Server, new_key, running

__all__ = [
    "ALICE",
    "Left",
    "Osteon",
    "Ran",
    "accepted",
    "connected",
    "copied",
    "flipped",
    "keyring_of",
    "left",
    "osteon",
    "put",
    "retire_log",
    "serving_data",
    "stop_drain",
    "stored",
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
    def value(self) -> Any:
        """What it said, as one JSON value."""
        return json.loads(self.said)


Osteon = Callable[..., Ran]


class Left(NamedTuple):
    """A data folder whose server was killed while its drain stood still.

    Attributes:
        acknowledged: The invocations and positions of the accepted commands of `acme`, the last five in the log alone.
        project: A project with several entries, the first and the last of them on either side.
    """

    data: Path
    tenant: TenantId
    acknowledged: list[tuple[str, str]]
    project: str

    @property
    def first(self) -> Position:
        """Where the project's first entry stands; it is filed."""
        return Position.of(self.acknowledged[0][1])


@pytest.fixture
def osteon(capsys: pytest.CaptureFixture[str]) -> Osteon:
    """Runs a command in this process."""

    def run(*arguments: str | Path | int) -> Ran:
        capsys.readouterr()
        status = main([str(each) for each in arguments])
        said, complained = capsys.readouterr()
        return Ran(status, said, complained)

    return run


@pytest.fixture(scope="session")
def left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """An installation that was killed; whoever changes it changes a copy."""
    data = tmp_path_factory.mktemp("left") / "data"
    with running(data) as server:
        alice = server.client("acme", ALICE)
        project = new_key()
        acknowledged = [accepted(alice, "create-project", project=project, name="Bone")]
        while not has_blocks(data):
            acknowledged.append(accepted(alice, "create-project", project=new_key(), name="Marrow"))
            assert alice.query("list-projects", after=acknowledged[-1][1]).status == 200
        stop_drain(server)
        acknowledged += [accepted(alice, "rename-project", project=project, name=f"Bone {each}") for each in range(5)]
        drain = children_of(server.pid)
        server.process.kill()
        for child in drain:
            os.kill(child, signal.SIGKILL)
        server.ended()
    return Left(data, asyncio.run(tenant_of(data)), acknowledged, project)


@pytest.fixture
def serving_data(serving: Server) -> Path:
    """The data folder of the shared server."""
    arguments = serving.process.args
    assert isinstance(arguments, list)
    return Path(str(arguments[arguments.index("--data") + 1]))


def copied(left: Left, folder: Path) -> Path:
    """A copy of the installation to tamper with."""
    target = folder / "data"
    ignored = shutil.ignore_patterns("spare-*", "*.sock")
    shutil.copytree(left.data, target, ignore=ignored, copy_function=copy_sparsely)
    return target


def connected(data: Path, tenant: TenantId) -> Connection:
    """A connection that may write to a tenant's file; to be closed."""
    disk = SystemDisk(data)
    connection = Connections(disk, str(data), keyring_of(data), Settings(writable=True)).take(tenant)
    assert connection is not None
    return connection


def keyring_of(data: Path) -> KeyfileKeyring:
    """The keys of an installation."""
    disk = SystemDisk(data)
    return KeyfileKeyring(disk, SystemEntropy(), installation_key(disk, SystemEntropy()))


def stored(file: Connection, partition: int, sequence: int) -> bytes:
    """A record of the history."""
    found: bytes = file.execute("SELECT stored FROM journal WHERE position = ?", (partition << 48 | sequence,)).get
    return found


def put(file: Connection, partition: int, sequence: int, record: bytes) -> None:
    """Puts another record in the place of one."""
    file.execute("UPDATE journal SET stored = ? WHERE position = ?", (record, partition << 48 | sequence)).fetchall()


def flipped(record: bytes, at: int) -> bytes:
    """The record with one bit changed."""
    return record[:at] + bytes([record[at] ^ 1]) + record[at + 1 :]


def retire_log(data: Path) -> None:
    """Leaves the head of the log alone, as if everything behind it had been retired."""
    segment = data / "log" / "segment-0000000001"
    whole = segment.read_bytes()
    segment.write_bytes(whole[:64] + bytes(len(whole) - 64))


def stop_drain(server: Server) -> None:
    """Nothing is filed from now on, although the log goes on."""
    for child in children_of(server.pid):
        os.kill(child, signal.SIGSTOP)


def accepted(client: Client, type: str, /, **fields: str) -> tuple[str, str]:
    """The invocation and the position of a command that must be accepted."""
    answer = client.command(type, **fields)
    assert answer.status == 200, answer.raw
    return answer.body["invocation"], answer.body["position"]


def has_blocks(data: Path) -> bool:
    """Whether some blocks of the access log of `acme` are filed."""

    async def count() -> int:
        inspection = await Inspection.open(data)
        try:
            return inspection.filed_to(inspection.named("acme")).accesses
        finally:
            inspection.close()

    return asyncio.run(count()) >= 3


async def tenant_of(data: Path) -> TenantId:
    """The identifier of `acme`."""
    inspection = await Inspection.open(data)
    try:
        return inspection.named("acme")
    finally:
        inspection.close()


def children_of(process: int) -> list[int]:
    """The processes that a process has started."""
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True, check=False)
    return [int(each) for each in found.stdout.split()]


def copy_sparsely(source: str, target: str) -> None:
    """Copies a file without the zeros at its end, which it has all the same."""
    data = Path(source).read_bytes()
    with Path(target).open("wb") as file:
        file.write(data.rstrip(b"\0"))
        file.truncate(len(data))
