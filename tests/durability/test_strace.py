"""Watches the running server's system calls: each accepted reply leaves after the fdatasync that covers its entry.

The entry's record begins with its tenant, partition and sequence in plain bytes, and the reply names partition and sequence in its
position: so the write that holds the entry is found in the trace, the sync behind it, and the reply behind that.
"""

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from ulid import ULID

from tests.durability.traces import CALLS, Call, read_trace
from tests.serving import UP, Answer, Client, Server, new_key, running

pytestmark = [pytest.mark.needs("strace"), pytest.mark.timeout(120)]

LONGEST = 65_536  # of a write: a batch fits, and blocks of zeros for a new segment do not fill the trace
ACME = "alice@acme.example"
HASTY = ("-m", "tests.durability.hasty", "up")


class Traced(NamedTuple):
    """What a server did, and the replies that its clients got."""

    calls: Sequence[Call]
    tenant: str
    replies: Sequence[bytes]


def test_a_reply_follows_the_sync_that_covers_it(data: Path, tmp_path: Path) -> None:
    traced = trace(UP, data, tmp_path)
    assert len(traced.replies) > 100
    assert list(premature(traced)) == []


def test_a_server_that_answers_first_is_found_out(data: Path, tmp_path: Path) -> None:
    traced = trace(HASTY, data, tmp_path)
    # How many it is depends on how quick the disk is; one is enough for the test above to fail.
    assert list(premature(traced)) != []


def trace(program: Sequence[str], data: Path, folder: Path) -> Traced:
    """Runs a server under strace: commands one by one, then 16 at a time, then in bulk."""
    file = folder / "trace"
    strace = ["strace", "-f", "-y", "-xx", "-s", str(LONGEST), "-o", str(file), "-e", "signal=none"]
    strace += ["--seccomp-bpf", "-e", f"trace={','.join(CALLS)}"]
    with running(data, program=program, under=strace) as server:
        alice = server.client("acme", ACME)
        tenant = tenant_of(server)
        clients = [copy_of(alice, server) for _ in range(16)]
        replies = [create(alice).raw for _ in range(30)]
        with ThreadPoolExecutor(len(clients)) as pool:
            for _ in range(5):
                replies += [answer.raw for answer in pool.map(create, clients)]
        replies.append(create_in_bulk(alice).raw)
        assert server.stop() in {0, 143}
    return Traced(read_trace(file), tenant, replies)


def premature(traced: Traced) -> Iterator[str]:
    """Names each reply that began to leave before a sync which covers its entry had ended."""
    log = [call for call in traced.calls if "/log/segment-" in call.file]
    writes = [call for call in log if call.name == "pwrite64"]
    syncs = [call for call in log if call.name in {"fdatasync", "fsync"} and call.result == 0]
    sent = [call for call in traced.calls if call.file.startswith(("socket:", "TCP"))]
    for reply in traced.replies:
        left = next((call for call in sent if reply in call.data), None)
        assert left is not None, f"The trace does not show the reply {reply!r}."
        for place in places(reply):
            written = holding(record(traced.tenant, place), writes)
            assert written is not None, f"The trace does not show the entry at {place}."
            if not any(written.ended < sync.begun and sync.ended < left.begun for sync in syncs_of(written, syncs)):
                yield f"the reply with {place} left at line {left.begun}, its entry was written at {written.ended}"


def places(reply: bytes) -> list[str]:
    """The positions that a reply names, in bulk or alone."""
    body = Answer(200, {}, reply).body
    return [each["position"] for each in body.get("items", [body])]


def record(tenant: str, position: str) -> bytes:
    """How the record of an entry begins: version 1, kind 1, tenant, partition, sequence."""
    number = int(position, 16)
    return struct.pack(">BB16sHQ", 1, 1, ULID.from_str(tenant).bytes, number >> 48, number & (1 << 48) - 1)


def holding(record: bytes, writes: Sequence[Call]) -> Call | None:
    """The write that holds a record, whole."""
    return next((call for call in writes if record in call.data and call.result == len(call.data)), None)


def syncs_of(written: Call, syncs: Sequence[Call]) -> Iterator[Call]:
    """The syncs of the file that was written."""
    return (sync for sync in syncs if sync.file == written.file)


def tenant_of(server: Server) -> str:
    """The identifier of `acme`, as the house lists it."""
    house = server.client("house", "ada@house.example")
    tenant: str = next(row["tenant"] for row in house.every("list-tenants") if row["name"] == "acme")
    return tenant


def copy_of(client: Client, server: Server) -> Client:
    """The same person over another connection."""
    other = server.client("acme")
    other.headers.update(client.headers)
    return other


def create(client: Client) -> Answer:
    """Creates a project; the whole answer, which must be an acceptance."""
    answer = client.command("create-project", name="Durable")
    assert answer.body["verdict"] == "accepted"
    return answer


def create_in_bulk(client: Client) -> Answer:
    """Creates 16 projects with one request."""
    items = [{"type": "create-project", "key": new_key(), "body": {"name": "Durable"}} for _ in range(16)]
    answer = client.post("/commands", {"items": items})
    assert {item["verdict"] for item in answer.body["items"]} == {"accepted"}
    return answer
