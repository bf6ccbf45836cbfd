"""The feed: a receiver is posted each thing that happens to a project, again while it is away, and never what it refuses."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from demo.feed import feed
from demo.projects import CreateProject, projects
from demo.projects.project import ProjectId
from demo.webhook import Webhook
from osteon.adapters.memory.clock import MemoryClock
from osteon.app.inprocess import in_process
from osteon.domain import Product
from osteon.model import HOUSE, Identifier, named
from osteon.modules import PLATFORM
from tests.engine.sending import Sender, until

pytestmark = pytest.mark.anyio

BRIDGE, TOWER = (ProjectId(Identifier(named("", name))) for name in ("bridge", "tower"))


class Receiver:
    """A server that notes what it is posted, and answers with the first of `answers`, or 204."""

    def __init__(self) -> None:
        """Takes everything."""
        self.answers: list[int] = []
        self.refused = ""
        self.items: list[dict[str, Any]] = []

    def take(self, items: list[dict[str, Any]]) -> int:
        """The status for a batch."""
        if self.answers:
            return self.answers.pop(0)
        if any(item["body"].get("name") == self.refused for item in items):
            return 422
        self.items += items
        return 204


@contextmanager
def receiving() -> Generator[tuple[Receiver, str]]:
    """A receiver, and its address."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.take(json.loads(body)))
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


async def test_posts_what_happened_with_its_key() -> None:
    with receiving() as (receiver, address):
        clock = MemoryClock()
        async with in_process(
            Product("demo", [*PLATFORM, projects, feed(Webhook(address))]), clock=clock
        ) as installation:
            reply = await Sender(installation.engine).ask(CreateProject(project=BRIDGE, name="Bridge"))
            await until(lambda: _pass(clock) or len(receiver.items) == 1)
            (item,) = receiver.items
            assert (item["key"], item["type"]) == (reply.events[0].id, "project-created")
            assert (item["tenant"], item["entity"], item["position"]) == (HOUSE, BRIDGE, reply.position)
            assert item["body"]["name"] == "Bridge"


async def test_waits_for_a_receiver_and_goes_on_past_what_it_refuses() -> None:
    with receiving() as (receiver, address):
        receiver.answers, receiver.refused = [503, 429, 500], "Bridge"
        clock = MemoryClock()
        async with in_process(
            Product("demo", [*PLATFORM, projects, feed(Webhook(address))]), clock=clock
        ) as installation:
            sender = Sender(installation.engine)
            await sender.ask(CreateProject(project=BRIDGE, name="Bridge"))
            await sender.ask(CreateProject(project=TOWER, name="Tower"))
            await until(lambda: _pass(clock) or len(receiver.items) == 1)
            letters = installation.engine.indexes.dead_letters(HOUSE)
            await until(lambda: _pass(clock) or letters.waiting == 1)
            assert [item["entity"] for item in receiver.items] == [TOWER]


def test_takes_no_other_kind_of_address() -> None:
    with pytest.raises(ValueError, match="http://"):
        Webhook("file:///etc/passwd")


def _pass(clock: MemoryClock) -> bool:
    """Lets a little time pass."""
    clock.advance(0.05)
    return False
