"""A real server for tests: started as `./dev up --json` starts it, in a process group of its own, and spoken to over HTTP.

`Server` is one start of an installation on a data folder; start it again on the same folder to see what was kept.
`Client` is one person at one tenant, over one connection; its answers hold the bytes as they came.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest
from ulid import ULID

from demo.world import PASSWORD

__all__ = [
    "PASSWORD",
    "PRODUCT",
    "ROOT",
    "Answer",
    "Client",
    "NotServing",
    "Server",
    "data",
    "environment",
    "new_key",
    "patiently",
    "running",
    "serving",
    "world",
]

ROOT = Path(__file__).resolve().parent.parent
UP = ("-m", "osteon.cli", "up")
PRODUCT = "tests.plain:product"


class NotServing(Exception):
    """Raised when a server ended, or was not ready in time; holds its exit status (None: still running) and messages."""

    def __init__(self, status: int | None, messages: str) -> None:
        self.status, self.messages = status, messages
        super().__init__(f"The server does not serve (exit status {status}):\n{messages}")


class Server:
    """A server process and its drain, on loopback."""

    def __init__(
        self,
        data: Path,
        *options: str,
        program: Sequence[str] = UP,
        under: Sequence[str] = (),
        product: str = PRODUCT,
    ) -> None:
        """Starts it and returns at once; `await_ready` waits until it serves.

        Args:
            data: The data folder.
            options: More options of `up`.
            program: What Python runs in place of the CLI, such as one with a planted fault.
            under: A command that runs it, such as `strace`.
            product: What it serves.
        """
        command = [*under, sys.executable, *program, product, "--port", "0", "--json", "--data", str(data), *options]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._said: list[bytes] = []
        # The drain inherits standard error: it ends when the last process that belongs to the server has ended.
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._clients: list[Client] = []

    def await_ready(self, within: float = 60.0) -> "Server":
        """Waits until it serves.

        Raises:
            NotServing: It ended, or does not serve within so many seconds.
        """
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], within)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5.0 if readable else 0.0)
            raise NotServing(self.status, self.messages)
        self.described: dict[str, Any] = json.loads(line)
        return self

    @property
    def pid(self) -> int:
        """Of the server, or of the command that it runs under; also its process group."""
        return self.process.pid

    @property
    def address(self) -> str:
        """Where it is served, such as `http://localhost:8000`; tenants are subdomains."""
        address: str = self.described["address"]
        return address

    @cached_property
    def port(self) -> int:
        """The port of the address."""
        return int(self.address.rpartition(":")[2])

    @property
    def management(self) -> str:
        """Where its management is."""
        management: str = self.described["management"]
        return management

    @property
    def tenants(self) -> list[dict[str, str]]:
        """Name, type and address of each tenant."""
        tenants: list[dict[str, str]] = self.described["tenants"]
        return tenants

    @property
    def people(self) -> list[dict[str, Any]]:
        """The demo people: tenant, email, password, roles."""
        people: list[dict[str, Any]] = self.described["people"]
        return people

    @property
    def messages(self) -> str:
        """What it said on standard error until now."""
        return b"".join(self._said).decode(errors="replace")

    @property
    def status(self) -> int | None:
        """How it ended as a shell tells it (130 after SIGINT, 143 after SIGTERM); None while it runs."""
        code = self.process.poll()
        return 128 - code if code is not None and code < 0 else code

    def client(self, tenant: str, email: str | None = None) -> "Client":
        """A client at a tenant, logged in if an address is given."""
        client = Client(self.port, tenant)
        self._clients.append(client)
        if email is not None:
            client.log_in(email)
        return client

    def signal(self, number: int, *, group: bool = False) -> None:
        """Sends a signal to the server alone, or to its group as a terminal does."""
        (os.killpg if group else os.kill)(self.pid, number)

    def ended(self, within: float = 10.0) -> int:
        """Waits until it and everything that it started have ended; its exit status.

        Raises:
            TimeoutError: Something still runs.
        """
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"The server still runs after {within} s.\n{self.messages}") from None
        self._listener.join(within)
        if self._listener.is_alive():
            raise TimeoutError(f"The server has ended, but a process that it started still runs after {within} s.")
        for client in self._clients:
            client.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        status = self.status
        assert status is not None
        return status

    def stop(self) -> int:
        """Ends it in order; its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM, group=True)
        return self.ended()

    def kill(self) -> None:
        """Ends the server as a crash would, and waits until its drain has ended by itself."""
        self.process.kill()
        self.ended()

    def close(self) -> None:
        """Ends whatever still runs, for good."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.ended()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stderr:
            for line in stderr:
                self._said.append(line)


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    raw: bytes

    @property
    def body(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.raw)

    @property
    def answer(self) -> Any:
        """The answer of what must have been accepted or answered."""
        assert self.status == 200, self.raw
        return self.body["answer"]

    @property
    def position(self) -> str:
        """The position of what must have been accepted or answered."""
        assert self.status == 200, self.raw
        position: str = self.body["position"]
        return position

    @property
    def replayed(self) -> bool:
        """Whether the verdict was recorded before."""
        return self.headers.get("idempotency-replayed") == "true"

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and key of the problem that this must be."""
        assert self.headers.get("content-type") == "application/problem+json", (self.status, self.raw)
        return self.status, self.body["key"]


class Client:
    """A person, or nobody, at a tenant."""

    def __init__(self, port: int, tenant: str) -> None:
        """Connects when it first asks."""
        self.host = f"{tenant}.localhost:{port}"
        self.headers: dict[str, str] = {"content-type": "application/json"}
        self._connection = HTTPConnection("127.0.0.1", port, timeout=20)

    def log_in(self, email: str, password: str = PASSWORD) -> dict[str, str]:
        """Logs in; the tokens."""
        key = new_key()
        tokens: dict[str, str] = patiently(lambda: self.command("log-in", key, email=email, password=password)).answer
        self.headers["authorization"] = f"Bearer {tokens['accessToken']}"
        return tokens

    def command(self, type: str, /, key: str | None = None, within: str | None = None, **fields: object) -> Answer:
        """Asks a command in the scope `within`, under a new key unless one is given."""
        headers = {"idempotency-key": key or new_key()}
        if within is not None:
            headers["osteon-scope"] = within
        return self.post(f"/commands/{type}", fields, headers)

    def query(self, type: str, /, after: str | None = None, within: str | None = None, **fields: object) -> Answer:
        """Asks a query in the scope `within`, waiting for the view to have come to `after`."""
        headers = {} if within is None else {"osteon-scope": within}
        if after is not None:
            headers["osteon-after"] = after
        return self.post(f"/queries/{type}", fields, headers)

    def every(self, type: str, /, after: str | None = None, within: str | None = None, **fields: object) -> list[Any]:
        """All items of a list, page by page."""

        def page(cursor: str | None) -> Answer:
            return patiently(lambda: self.query(type, after, within, **fields, limit=100, cursor=cursor))

        found = page(None).answer
        items: list[Any] = found["items"]
        while found["next"] is not None:
            found = page(found["next"]).answer
            items += found["items"]
        return items

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Posts JSON, with headers beside the client's own."""
        return self.ask("POST", path, json.dumps(body).encode(), headers)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Sends a request as it is; a `Host` header among the headers replaces the tenant's.

        Raises:
            OSError: The connection broke.
            HTTPException: It broke in the middle of a response.
        """
        sent = {"Host": self.host, **self.headers, **(headers or {})}
        try:
            self._connection.request(method, path, body, sent)
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, HTTPException):
            self.close()
            raise
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, raw)

    def close(self) -> None:
        """Ends the connection; the next request opens another one."""
        self._connection.close()


@contextlib.contextmanager
def running(
    data: Path,
    *options: str,
    program: Sequence[str] = UP,
    under: Sequence[str] = (),
    product: str = PRODUCT,
    within: float = 60.0,
) -> Generator[Server]:
    """A server that serves; nothing of it is left afterwards."""
    server = Server(data, *options, program=program, under=under, product=product)
    try:
        yield server.await_ready(within)
    finally:
        server.close()


@pytest.fixture(scope="session")
def world() -> Iterator[Path]:
    """The data folder of the demo's world, filled by one start; `data` and `serving` have copies, for that takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with running(data) as server:
            assert server.stop() in {0, 143}
        yield data


@pytest.fixture
def data(world: Path) -> Iterator[Path]:
    """A data folder with the demo's world, to start servers on."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(world, Path(folder) / "data"))


@pytest.fixture(scope="session")
def serving(world: Path) -> Iterator[Server]:
    """A server of the demo's world, for all tests that only ask it something."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(shutil.copytree(world, Path(folder) / "data"))) as server,
    ):
        yield server
        assert server.stop() in {0, 143}


def patiently(ask: Callable[[], Answer], within: float = 30.0) -> Answer:
    """Asks until there is another answer than `503`, as a client does: a busy machine may need longer than a query waits."""
    deadline = time.monotonic() + within
    while (answer := ask()).status == 503 and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def new_key() -> str:
    """An external invocation ID, as a client makes it."""
    return str(ULID())


def environment() -> dict[str, str]:
    """Where the sources are found, whether or not they are installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("src", "sdk/src", "."))}
