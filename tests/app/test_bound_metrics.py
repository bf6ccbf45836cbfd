"""Metrics of what is kept in memory: each beside its limit."""

import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from osteon.adapters.keyfile.keyring import KeyfileKeyring, installation_key
from osteon.adapters.sqlite import Connections, Settings
from osteon.adapters.system.disk import SystemDisk
from osteon.adapters.system.entropy import SystemEntropy
from osteon.app.bounds import bound_metrics, register_processes
from osteon.app.inprocess import in_process
from osteon.engine import Limits
from tests.engine.counting import OpenCounter, an_id, product
from tests.engine.sending import Sender
from tests.engine.test_eviction import drained

pytestmark = pytest.mark.anyio

LIMITS = Limits(entities=7, verdicts=5, share=11, waiting=13, lag=17)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_tells_what_is_kept_beside_its_limit(tmp_path: Path) -> None:
    disk, entropy = SystemDisk(tmp_path), SystemEntropy()
    keyring = KeyfileKeyring(disk, entropy, installation_key(disk, entropy), remembered=3)
    connections = Connections(disk, str(tmp_path), keyring, Settings(connections=2, cache=100))
    async with in_process(product, limits=LIMITS) as installation:
        engine, sender = installation.engine, Sender(installation.engine)
        engine.ports = engine.ports._replace(keyring=keyring)
        for number in range(40):
            await sender.ask(OpenCounter(counter=an_id(number)))
            await drained(installation)
        found = {
            (sample.name, sample.labels.get("cache", "")): sample.value
            for family in bound_metrics(engine, connections)
            for sample in family.samples
        }
    assert {cache for name, cache in found if name == "osteon_cache_entries"} == {
        cache for name, cache in found if name == "osteon_cache_limit_entries"
    }
    for cache, limit in {"entities": 7, "verdicts": 5, "keys": 3, "connections": 2}.items():
        assert found["osteon_cache_limit_entries", cache] == limit
        assert found["osteon_cache_entries", cache] <= limit + 2
    assert found["osteon_cache_entries", "entities"] >= 7
    assert found["osteon_cache_misses_total", "entities"] > 0
    assert found["osteon_sqlite_cache_limit_bytes", ""] == 2 * 100 * 1024
    assert found["osteon_waiting_limit_commands", ""] == 13
    assert found["osteon_waiting_tenant_limit_commands", ""] == 11
    assert found["osteon_undrained_limit_entries", ""] == 17
    assert found["osteon_cold_waiting", ""] == found["osteon_snapshots_unused_total", ""] == 0


def test_tells_what_processes_have_open() -> None:
    registry = CollectorRegistry()
    register_processes(registry, os.getpid())

    told = generate_latest(registry).decode()

    assert "\nprocess_open_fds " in told
    assert "\nosteon_drain_process_open_fds " in told


def test_a_drain_that_is_gone_tells_nothing() -> None:
    registry = CollectorRegistry()
    register_processes(registry, None)

    assert "osteon_drain" not in generate_latest(registry).decode()
