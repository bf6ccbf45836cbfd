"""What the peers on FastAPI have in common: how Uvicorn is started, and the token that their people send."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks import processes
from benchmarks.peers import Place
from benchmarks.wire import Ask, reached

APPS = Path(__file__).with_name("apps")


@contextmanager
def running(
    program: str, place: Place, *, python: Path, port: int, settings: Mapping[str, str], first: Ask
) -> Generator[int]:
    """Run a program until it has answered the first request, and then for the length of a block; give its process.

    Args:
        program: The file in `apps`, without its suffix.
        place: On which cores, and where its output goes.
        python: The interpreter with the peers' requirements.
        port: Where it listens.
        settings: What it reads from its environment.
        first: What it is asked until it answers.

    Raises:
        Faulty: It does not start, or refuses the first request.
    """
    command = [str(python), "-m", "uvicorn", f"{program}:app", "--app-dir", str(APPS), "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    output = place.folder / program
    with processes.running(command, core=place.cores.server, output=output, environment=settings) as process:
        processes.until(lambda: reached(port, first), process, output=output, seconds=30)
        yield process.pid


def token(key: str, person: str) -> str:
    """Sign a token with HS256 (RFC 7519), good for a day."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    claims = {"sub": person, "exp": int(time.time()) + 86_400}
    text = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + "." + part(json.dumps(claims).encode())
    return text + "." + part(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())
