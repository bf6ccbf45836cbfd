"""HTTP as the benchmark speaks it: requests with blanks, sent from here one by one or handed to the load generator."""

import http.client
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from ulid import ULID

from benchmarks.errors import Faulty

KEY = "\x01"
"""The blank for a fresh identifier of the invocation."""

NOTE = "\x02"
"""The blank for the identifier of a note."""

ULID_LENGTH = 26
"""The characters that fill a blank."""

SENDERS = 8
"""How many connections the benchmark itself uses where it prepares many things at once."""


@dataclass(frozen=True)
class Ask:
    """A request with blanks for what differs from one sending to the next."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def raw(self) -> str:
        """Give the bytes of the request as text, its blanks left open."""
        blanks = self.body.count(KEY.encode()) + self.body.count(NOTE.encode())
        length = len(self.body) + blanks * (ULID_LENGTH - 1)
        content = {"Content-Type": "application/json", "Content-Length": str(length)} if self.body else {}
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **content}.items()]
        return "\r\n".join(lines) + "\r\n\r\n" + self.body.decode()

    def filled(self, *, key: str, note: str) -> "Ask":
        """Give the request with its blanks filled."""

        def fill(text: str) -> str:
            return text.replace(KEY, key).replace(NOTE, note)

        headers = {name: fill(value) for name, value in self.headers.items()}
        return Ask(self.method, fill(self.path), headers, fill(self.body.decode()).encode())


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Give the body decoded."""
        return msgspec.json.decode(self.body)


class Sender:
    """One connection to a server on the loopback address, opened anew where the server closed it."""

    def __init__(self, port: int) -> None:
        """Prepare to connect to a port."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def send(self, ask: Ask) -> Answer:
        """Send a request whose blanks are filled.

        Raises:
            OSError: The server cannot be reached.
            http.client.HTTPException: What came back is not HTTP.
        """
        content = {"Content-Type": "application/json"} if ask.body else {}
        try:
            self._connection.request(ask.method, ask.path, ask.body or None, {**ask.headers, **content})
            response = self._connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def expect(self, ask: Ask) -> Answer:
        """Send a request and insist on a 2xx.

        Raises:
            Faulty: Another status came back.
        """
        answer = self.send(ask)
        if not 200 <= answer.status < 300:
            text = answer.body[:500].decode(errors="replace")
            reason = f"{ask.method} {ask.path} was answered with {answer.status}: {text}"
            raise Faulty(reason)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def send_all(port: int, asks: Iterable[Ask]) -> list[Answer]:
    """Send many requests over a few connections and give the answers in order, each of them a 2xx.

    Raises:
        Faulty: A request was refused.
    """
    queue = list(enumerate(asks))
    answers: list[Answer | None] = [None] * len(queue)

    def work(share: list[tuple[int, Ask]]) -> None:
        sender = Sender(port)
        try:
            for place, ask in share:
                answers[place] = sender.expect(ask)
        finally:
            sender.close()

    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(work, [queue[start::SENDERS] for start in range(SENDERS)]))
    return [answer for answer in answers if answer is not None]


def reached(port: int, ask: Ask) -> bool | None:
    """Say whether a starting server has answered a request with a 2xx; `None` while nobody listens.

    Raises:
        Faulty: It answered with another status.
    """
    sender = Sender(port)
    try:
        sender.expect(ask)
    except ConnectionError:
        return None
    finally:
        sender.close()
    return True


def body(fields: Mapping[str, str | int]) -> bytes:
    """Encode a body compactly; the blanks are control characters, which JSON would escape."""
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return text.replace("\\u0001", KEY).replace("\\u0002", NOTE).encode()


def fresh() -> str:
    """Give a new identifier, ordered by time."""
    return str(ULID())
