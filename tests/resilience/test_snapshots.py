"""Snapshots on disk: made behind a real server, used by the next one, and passed over where they are broken."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.sqlite import Connections, Settings, SqliteSnapshots
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.model import TenantId
from osteon.ports.snapshots import Snapshot, Snapshots
from tests.serving import Client, Server, new_key, running

PRODUCT = "tests.plain:product"
RENAMES = 450


def test_a_killed_servers_snapshot_is_used_by_the_next_one(data: Path) -> None:
    with running(data, product=PRODUCT) as server:
        client = server.client("acme", "alice@acme.example")
        project = renamed(client, RENAMES)
        tenant = tenant_of(server, "acme")
        with snapshots(data, writable=False) as kept:
            made = awaited(kept, tenant, project)
        server.kill()

    with running(data, product=PRODUCT) as server:
        client = server.client("acme", "alice@acme.example")
        position = client.command("rename-project", project=project, name="Bridge 1").position
        assert client.query("get-project", project=project, after=position).answer["name"] == "Bridge 1"
        assert metric(server, "osteon_snapshots_unused_total") == 0
        assert metric(server, 'osteon_cache_misses_total{cache="entities"}') >= 1
        assert metric(server, 'osteon_cache_entries{cache="connections"}') >= 1
        assert metric(server, "osteon_drain_process_open_fds") > 0
        assert server.stop() in {0, 143}
    with snapshots(data, writable=True) as kept:
        kept.keep(tenant, "project", project, broken(made))

    with running(data, product=PRODUCT) as server:
        client = server.client("acme", "alice@acme.example")
        position = client.command("rename-project", project=project, name="Bridge 2").position
        assert client.query("get-project", project=project, after=position).answer["name"] == "Bridge 2"
        assert metric(server, "osteon_snapshots_unused_total") == 1
        with snapshots(data, writable=False) as kept:
            assert awaited(kept, tenant, project, broken(made)).declaration == made.declaration


def renamed(client: Client, times: int) -> str:
    """A project that was renamed so many times."""
    project = str(client.command("create-project", project=new_key(), name="Bridge").answer)
    for start in range(0, times, 50):
        items = [
            {"type": "rename-project", "key": new_key(), "body": {"project": project, "name": f"Bridge {number}"}}
            for number in range(start, start + 50)
        ]
        answer = client.post("/commands", {"items": items})
        assert {item["status"] for item in answer.body["items"]} == {200}
    return project


def tenant_of(server: Server, name: str) -> TenantId:
    """The identifier of a tenant."""
    house = server.client("house", "ada@house.example")
    return next(TenantId(row["tenant"]) for row in house.every("list-tenants") if row["name"] == name)


@contextmanager
def snapshots(data: Path, *, writable: bool) -> Generator[SqliteSnapshots]:
    """The snapshots in a data folder."""
    disk, entropy = SystemDisk(data), SystemEntropy()
    keyring = KeyfileKeyring(disk, entropy, installation_key(disk, entropy))
    connections = Connections(disk, str(data), keyring, Settings(writable=writable))
    yield SqliteSnapshots(connections)
    connections.close()


def awaited(kept: Snapshots, tenant: TenantId, project: str, other: Snapshot | None = None) -> Snapshot:
    """The snapshot of a project, once there is one, and another than `other`."""
    deadline = time.monotonic() + 20
    while (found := kept.find(tenant, "project", project)) is None or found == other:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def broken(snapshot: Snapshot) -> Snapshot:
    """A snapshot in which a bit is flipped."""
    middle = len(snapshot.sealed) // 2
    sealed = bytearray(snapshot.sealed)
    sealed[middle] ^= 4
    return snapshot._replace(sealed=bytes(sealed))


def metric(server: Server, name: str) -> float:
    """What the server tells of itself now."""
    with urlopen(f"{server.management}/metrics") as response:  # noqa: S310  # our own server, on loopback
        lines: list[str] = response.read().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))
