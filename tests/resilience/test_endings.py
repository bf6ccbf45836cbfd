"""How a server ends: told by a signal, interrupted while it starts, refused beside another one."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from itertools import product
from pathlib import Path
from typing import TypeVar

import pytest

from tests.resilience.books import read_journal
from tests.resilience.crowd import Deed, Reply, crowd, repeat, seeded, work
from tests.serving import ROOT, Client, NotServing, Server, environment, running

T = TypeVar("T")

ORDERLY = {0, 130, 143}
AT_ONCE = 2.0
"""Seconds; a connection that was only kept waiting for its turn stays for as long as requests may run."""

pytestmark = pytest.mark.timeout(120)


def test_a_signal_ends_the_server_in_order(data: Path) -> None:
    told: list[Deed] = []
    for number, group in product((signal.SIGTERM, signal.SIGINT), (False, True)):
        with running(data) as server:
            assert_kept(server, told)
            told = asyncio.run(end(server, number, group=group))
            assert server.status in ORDERLY, (number, group)
            assert "Traceback" not in server.messages
    with running(data) as server:
        assert_kept(server, told)


async def end(server: Server, number: int, *, group: bool) -> list[Deed]:
    """Lets clients work beside idle ones and sends the signal; what was acknowledged until the end."""
    deeds: list[Deed] = []
    enough = asyncio.Event()

    def asked(deed: Deed) -> None:
        deeds.append(deed)
        if len(deeds) > 100:
            enough.set()

    idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(3)]
    idle[0][1].write(b"GET /nowhere HTTP/1.1\r\nHost: acme.localhost\r\n\r\n")
    await idle[0][0].readuntil(b"\r\n\r\n")
    working = asyncio.create_task(work(server.port, crowd(server, 8, seeded(1)), asked))
    await enough.wait()
    server.signal(number, group=group)
    began = time.monotonic()
    async with asyncio.timeout(AT_ONCE):
        for reader, _ in idle:
            await reader.read()
    await asyncio.to_thread(server.ended, 10.0)
    assert time.monotonic() - began < 10.0
    await working
    for _, writer in idle:
        writer.close()
    return [deed for deed in deeds if deed.reply is not None]


def assert_kept(server: Server, deeds: Sequence[Deed]) -> None:
    """Each deed is answered again as it was."""
    for deed, reply in asyncio.run(repeat(server.port, deeds, 16)):
        assert deed.reply is not None
        assert reply == Reply(deed.reply.status, deed.reply.raw, replayed=True), deed


@pytest.mark.parametrize(
    ("sign", "number"),
    [
        ("keys", signal.SIGINT),
        ("log/segment-0000000001", signal.SIGTERM),
        ("tenants/*/*", signal.SIGINT),
        ("tenants/*/*", signal.SIGTERM),
    ],
)
def test_an_interrupted_start_leaves_nothing_running(tmp_path: Path, sign: str, number: int) -> None:
    data = tmp_path / "data"
    with begun(data, sign) as server:
        server.signal(number, group=True)
        assert server.ended(10.0) in ORDERLY
        assert "Traceback" not in server.messages


def test_an_interrupt_in_the_first_moment_ends_it_too(tmp_path: Path) -> None:
    with begun(tmp_path / "data", "..") as server:
        server.signal(signal.SIGINT, group=True)
        assert server.ended(10.0) in ORDERLY


def test_the_next_start_completes_a_world_half_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with begun(data, "tenants/*/*") as server:
        server.kill()
    with running(data) as server:
        last = {person["tenant"]: person for person in server.people}
        for person in last.values():
            client = server.client(person["tenant"], person["email"])
            for role in person["roles"]:
                assert client.query("list-projects", within=role["scope"]).status == 200
        assert last.keys() == {tenant["name"] for tenant in server.tenants}


def test_a_second_server_on_the_same_data_is_refused(data: Path) -> None:
    with running(data) as server:
        alice = server.client("acme", "alice@acme.example")
        with pytest.raises(NotServing) as refused, running(data):
            pass
        assert refused.value.status == 1
        assert str(server.pid) in refused.value.messages
        assert "Traceback" not in refused.value.messages
        assert alice.command("create-project", name="Still here").status == 200


def test_the_tools_read_on_beside_a_server(data: Path) -> None:
    with running(data) as server:
        created = server.client("acme", "alice@acme.example").command("create-project", name="Seen from beside")
        assert any(entry["position"] == created.position for entry in read_journal(data))
        for arguments in (["tenants"], ["views", "status"], ["journal", "verify"]):
            command = [sys.executable, "-m", "osteon.cli", *arguments, "--json", "--data", str(data)]
            read = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
            assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="the drain is found in /proc, which is Linux's")
def test_a_killed_drain_is_started_again(data: Path) -> None:
    with running(data) as server:
        alice = server.client("acme", "alice@acme.example")
        for number in range(3):
            os.kill(drain_of(server), signal.SIGKILL)
            created = alice.command("create-project", name=f"Drained {number}")
            assert created.answer in projects_after(alice, created.position)
        assert server.messages.count("the drain ended and is started again") == 3
        assert server.stop() in ORDERLY


@contextlib.contextmanager
def begun(data: Path, sign: str) -> Generator[Server]:
    """A server that is only starting: a file of that pattern is there."""
    server = Server(data)
    try:
        until(lambda: next(data.glob(sign), None))
        yield server
    finally:
        server.close()


def projects_after(client: Client, position: str) -> set[str]:
    """The projects, once the views have come so far."""
    return {row["project"] for row in client.every("list-projects", after=position)}


def drain_of(server: Server) -> int:
    """The process that the server started."""
    for process in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = process.read_text().rpartition(")")
            if int(rest.split()[1]) == server.pid:
                return int(name.split()[0])
    raise AssertionError("The server has no drain.")


def until(condition: Callable[[], T | None], within: float = 30.0) -> T:
    """Looks again and again until there is something."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = condition()
        if found is not None:
            return found
        time.sleep(0.01)
    raise TimeoutError(f"Nothing within {within} s.")
