"""Histories: what concurrent clients did to one project, and when they knew of it.

All of them are one person, so that one may repeat what another has asked, under its key, while that is on its way. Some leave before the
reply comes, and ask again.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.serving import Client, new_key

__all__ = ["Operation", "Project", "record", "written"]

CLIENTS = 6
COMMANDS = {
    "create": "create-project",
    "rename": "rename-project",
    "archive": "archive-project",
    "restore": "restore-project",
}
BUSY = {429, 503}


@dataclass
class Operation:
    """One thing that a client did; times are nanoseconds of one clock.

    Attributes:
        after: Of a read, the keys of the commands whose positions it named: it is as new as they are.
        current: Of a read, whether it named all positions that anybody knew of: then it is as new as everything that was known.
        called: When it was sent.
        returned: When the reply came; 0 if none did.
        outcome: The verdict, the key of a problem, or what was read.
    """

    client: int
    type: str
    key: str = ""
    name: str = ""
    after: tuple[str, ...] = ()
    current: bool = False
    called: int = 0
    returned: int = 0
    outcome: str = ""


@dataclass
class Project:
    """The project that all clients work on, and what they know together.

    Attributes:
        history: What was done, in the order in which it was begun.
        positions: Of the commands that were accepted, by their keys.
        unanswered: The last command of each client, if it has no reply.
    """

    account: Client
    random: Random
    identifier: str = field(default_factory=new_key)
    history: list[Operation] = field(default_factory=list[Operation])
    positions: dict[str, str] = field(default_factory=dict[str, str])
    unanswered: dict[int, Operation] = field(default_factory=dict[int, Operation])

    def next(self, client: int) -> Operation:
        """What a client does next: what it heard nothing of, once more, or something else."""
        if (waiting := self.unanswered.pop(client, None)) is not None:
            return replace(waiting, returned=0)
        commands = [each for each in self.history[-60:] if each.type != "get"]
        if commands and self.random.random() < 0.12:
            return replace(self.random.choice(commands), client=client, returned=0, outcome="")
        kinds = ("create", "rename", "archive", "restore", "get")
        type = self.random.choices(kinds, (4, 36, 7, 12, 40))[0]
        name = f"{len(self.history)} of {client}" if type in {"create", "rename"} else ""
        return Operation(client, type, "" if type == "get" else new_key(), name)


async def record(port: int, project: Project, until: int, then: Callable[[], object] = lambda: None) -> None:
    """Lets clients work until so much was done, then does something else; ends when all of them ended or lost their connection."""
    enough = asyncio.Event()
    working = asyncio.gather(*(_work(port, project, client, until, enough) for client in range(CLIENTS)))
    stopped = asyncio.create_task(enough.wait())
    either: tuple[asyncio.Future[Any], ...] = (working, stopped)
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    assert enough.is_set(), "The clients ended too soon."
    await asyncio.to_thread(then)
    await working


def written(project: Project) -> str:
    """A project's history as the checker reads it: keys are numbered, for it keeps something for each.

    A read that named its client's last command begins with that. One that named nothing may be of any age: it is not in there.
    An attempt without a reply whose key has one later is left out, and that one begins when the first attempt did: the same, and
    found much sooner. What never had a reply stays.
    """
    history, positions = project.history, project.positions
    numbers = {key: number for number, key in enumerate(dict.fromkeys(each.key for each in history if each.key))}
    begun = {each.key: each.called for each in reversed(history)}
    ranks = {key: rank for rank, key in enumerate(sorted(positions, key=positions.__getitem__), 1)}
    replies = sorted((each for each in history if each.key and each.returned), key=lambda each: each.returned)
    first = {each.key: each for each in reversed(replies)}
    lines: list[dict[str, Any]] = []
    for each in history:
        if each.type == "get" or (each.key in first and first[each.key] is not each):
            called = min((begun[key] for key in each.after), default=each.called)
        else:
            called = begun[each.key]
        if each.type == "get" and not (each.returned and (each.after or each.current)):
            continue
        if each.returned or each.key not in first:
            told = {"key": numbers.get(each.key, 0), "rank": ranks.get(each.key, 0), "called": called}
            lines.append({**vars(each), **told, "after": [numbers[key] for key in each.after]})
    return json.dumps(lines)


async def _work(port: int, project: Project, client: int, until: int, enough: asyncio.Event) -> None:
    streams = await asyncio.open_connection("127.0.0.1", port)
    try:
        while len(project.history) < until or client in project.unanswered:
            operation = project.next(client)
            project.history.append(operation)
            if len(project.history) >= until:
                enough.set()
            leaves = operation.type != "get" and project.random.random() < 0.04
            if operation.type == "get":
                await _read(streams, project, operation)
            else:
                await _command(streams, project, operation, leaves=leaves)
            if leaves:
                streams[1].close()
                streams = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        streams[1].close()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _command(streams: Streams, project: Project, operation: Operation, *, leaves: bool) -> None:
    fields = {"project": project.identifier, **({"name": operation.name} if operation.name else {})}
    request = _request(project, f"/commands/{COMMANDS[operation.type]}", fields, {"Idempotency-Key": operation.key})
    operation.called = time.monotonic_ns()
    project.unanswered[operation.client] = operation
    if leaves:
        streams[1].write(request)
        await streams[1].drain()
        if operation.type == "rename" and project.random.random() < 0.2:
            # Nobody will ever know.
            del project.unanswered[operation.client]
        return
    status, body = await _asked(streams, request)
    del project.unanswered[operation.client]
    operation.returned = time.monotonic_ns()
    operation.outcome = "accepted" if status == 200 else body["key"]
    if status == 200:
        project.positions.setdefault(operation.key, body["position"])


async def _read(streams: Streams, project: Project, operation: Operation) -> None:
    operation.called = time.monotonic_ns()
    headers: dict[str, str] = {}
    chance = project.random.random()
    own = [each.key for each in project.history if each.client == operation.client and each.key in project.positions]
    if chance < 0.4 and own:
        operation.after = (own[-1],)
        headers["Osteon-After"] = project.positions[own[-1]]
    elif chance < 0.9 and project.positions:
        operation.current = True
        headers["Osteon-After"] = ",".join(list(project.positions.values())[-CLIENTS:])
    request = _request(project, "/queries/get-project", {"project": project.identifier}, headers)
    status, body = await _asked(streams, request)
    operation.returned = time.monotonic_ns()
    row = body["answer"] if status == 200 else None
    operation.outcome = f"{'archived' if row['archived'] else 'active'} {row['name']}" if row else body["key"]


def _request(project: Project, path: str, fields: dict[str, str], headers: dict[str, str]) -> bytes:
    body = json.dumps(fields).encode()
    told = {"Host": project.account.host, "Content-Length": str(len(body)), **project.account.headers, **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode() + body


async def _asked(streams: Streams, request: bytes) -> tuple[int, Any]:
    """What comes back; busy means nothing but later, and the same key again."""
    while True:
        streams[1].write(request)
        status, *lines = (await streams[0].readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        body = json.loads(await streams[0].readexactly(length))
        if int(status.split()[1]) not in BUSY:
            return int(status.split()[1]), body
