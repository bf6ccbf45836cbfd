"""The client speaks HTTP as the wire wants it, and bears what networks do."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from osteon_sdk import Client, HttpTransport, NotPermitted, Request, Unreachable, connect
from sdk.tests.small_server import LOSE, answer, response, serving
from sdk.tests.stand_in import Watch, problem

pytestmark = pytest.mark.anyio


class Recorder:
    """A handler that gives prepared bytes, the last for ever, and keeps what it was asked."""

    def __init__(self, *responses: bytes) -> None:
        """Takes the responses."""
        self.responses = list(responses)
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> bytes:
        """Gives the next."""
        self.asked.append(request)
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


async def test_carries_a_command_and_its_answer() -> None:
    recorder = Recorder(answer({"dueOn": "today"}, "Idempotency-Replayed: true"))
    async with serving(recorder) as port, connect(f"http://127.0.0.1:{port}") as client:
        reply = await client.using(scope="EU").command("create-task", task_list="A")
    asked = recorder.asked[0]
    assert (asked.method, asked.path) == ("POST", "/commands/create-task")
    assert msgspec.json.decode(asked.body) == {"taskList": "A"}
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["idempotency-key"] == reply.idempotency_key
    assert asked.headers["osteon-scope"] == "EU"
    assert (reply.answer, reply.replayed, reply.position) == ({"due_on": "today"}, True, "p")


async def test_carries_a_problem() -> None:
    handler = Recorder(response(403, problem(403, "not-permitted"), form="application/problem+json"))
    async with serving(handler) as port, connect(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(NotPermitted):
            await client.command("create-task")


async def test_sends_a_lost_command_under_the_same_key() -> None:
    recorder = Recorder(LOSE, LOSE, answer("done"))
    async with serving(recorder) as port, _patient(f"http://127.0.0.1:{port}") as client:
        assert (await client.command("create")).answer == "done"
    assert len(recorder.asked) == 3
    assert len({request.headers["idempotency-key"] for request in recorder.asked}) == 1
    assert len({request.body for request in recorder.asked}) == 1


async def test_counts_a_reply_cut_short_as_lost() -> None:
    recorder = Recorder(answer("done")[:-5], answer("done"))
    async with serving(recorder) as port:
        transport = HttpTransport(f"http://127.0.0.1:{port}", timeout=0.05)
        async with Client(transport, patience=Watch().patience()) as client:
            assert (await client.command("create")).answer == "done"
    assert len(recorder.asked) == 2


async def test_waits_as_the_server_asks() -> None:
    watch = Watch()
    limited = response(429, problem(429, "rate"), "Retry-After: 3", form="application/problem+json")
    recorder = Recorder(limited, answer("done"))
    async with serving(recorder) as port, _patient(f"http://127.0.0.1:{port}", watch) as client:
        await client.command("create")
    assert watch.waits == [3.05]


async def test_gives_up_on_a_silent_server() -> None:
    async def keep_silent(_: Request) -> bytes:
        return await asyncio.Future[bytes]()

    async with serving(keep_silent) as port:
        transport = HttpTransport(f"http://127.0.0.1:{port}", timeout=0.05)
        with pytest.raises(Unreachable, match="ReadTimeout"):
            await transport.exchange(Request(method="POST", path="/commands/create", headers={}))
        await transport.close()


async def test_says_where_nobody_answers() -> None:
    async with serving(Recorder(LOSE)) as port:
        pass
    async with _patient(f"http://acme.localhost:{port}") as client:
        with pytest.raises(Unreachable, match=f"'http://acme.localhost:{port}' gave no answer") as caught:
            await client.command("create")
    assert caught.value.idempotency_key is not None


async def test_finds_names_under_localhost_on_loopback() -> None:
    recorder = Recorder(answer(None))
    async with serving(recorder) as port, connect(f"http://acme.localhost:{port}") as client:
        await client.query("list-tasks")
    assert recorder.asked[0].headers["host"] == f"acme.localhost:{port}"


async def test_asks_no_proxy_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(Recorder(answer("done"))) as port, connect(f"http://acme.localhost:{port}") as client:
        assert (await client.query("list-tasks")).answer == "done"


async def test_expects_the_name_in_the_certificate(tmp_path: Path) -> None:
    theirs, ours = _certified("acme.localhost", tmp_path)
    async with serving(Recorder(answer("done")), tls=theirs) as port:
        async with connect(f"https://acme.localhost:{port}", tls=ours) as client:
            assert (await client.query("list-tasks")).answer == "done"
        transport = HttpTransport(f"https://globex.localhost:{port}", tls=ours)
        with pytest.raises(Unreachable, match="certificate"):
            await transport.exchange(Request(method="POST", path="/queries/list-tasks", headers={}))
        await transport.close()


async def test_keeps_the_path_of_its_address() -> None:
    recorder = Recorder(answer(None))
    async with serving(recorder) as port, connect(f"http://localhost:{port}/platform/") as client:
        await client.query("list-tasks")
    assert recorder.asked[0].path == "/platform/queries/list-tasks"


async def test_keeps_no_cookies() -> None:
    recorder = Recorder(answer(None, "Set-Cookie: guest=1; Path=/"))
    async with serving(recorder) as port, connect(f"http://127.0.0.1:{port}") as client:
        await client.query("list-tasks")
        await client.query("list-tasks")
    assert "cookie" not in recorder.asked[1].headers


async def test_uses_one_connection_again() -> None:
    tasks: set[object] = set()

    def note(_: Request) -> bytes:
        tasks.add(asyncio.current_task())
        return answer(None)

    async with serving(note) as port, connect(f"http://127.0.0.1:{port}") as client:
        for _ in range(3):
            await client.query("list-tasks")
    assert len(tasks) == 1


async def test_sends_more_at_once_than_it_has_connections() -> None:
    recorder = Recorder(answer("done"))
    async with serving(recorder) as port, Client(HttpTransport(f"http://127.0.0.1:{port}", connections=2)) as client:
        replies = await asyncio.gather(*(client.command("create") for _ in range(30)))
    assert len({reply.idempotency_key for reply in replies}) == len(recorder.asked) == 30


@pytest.mark.parametrize("address", ["acme.localhost:8000", "ftp://acme.localhost", "", "http://"])
def test_refuses_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        connect(address)


def _patient(address: str, watch: Watch | None = None) -> Client:
    return connect(address, patience=(watch or Watch()).patience())


def _certified(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server with a certificate for a name, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(certificate + secret)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(folder / "both.pem")
    return theirs, ssl.create_default_context(cadata=certificate.decode("ascii"))
