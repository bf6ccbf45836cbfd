"""Metrics of what is kept in memory and what waits: how much of it there is, and how much there may be."""

from collections.abc import Iterator
from typing import Any

import apsw
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from osteon.adapters.keyfile.keyring import KeyfileKeyring
from osteon.adapters.sqlite import Connections
from osteon.engine import Engine

__all__ = ["bound_metrics", "register_processes"]


def bound_metrics(engine: Engine, connections: Connections) -> Iterator[Any]:
    """What caches and queues hold, beside what they may hold; how often a cache had what was looked for, where that is known."""
    yield from _caches(engine, connections)
    yield from _queues(engine)
    used, usage = apsw.memory_used(), connections.usage
    yield GaugeMetricFamily("osteon_sqlite_memory_bytes", "Memory that SQLite uses in the server", used)
    yield GaugeMetricFamily("osteon_sqlite_cache_limit_bytes", "Pages that kept connections may hold", usage.cache)
    unused = "Snapshots of entities that could not be read, or were made by other code"
    yield CounterMetricFamily("osteon_snapshots_unused", unused, engine.loader.unused)


def register_processes(registry: CollectorRegistry, drain: int | None) -> None:
    """Adds what the operating system knows of the server, and of its drain by its process: memory, open files, how many may be."""
    ProcessCollector(registry=registry)
    if drain is not None:
        ProcessCollector(namespace="osteon_drain", pid=lambda: drain, registry=registry)


def _caches(engine: Engine, connections: Connections) -> Iterator[Any]:
    entries = GaugeMetricFamily("osteon_cache_entries", "What a cache holds", labels=["cache"])
    limit = GaugeMetricFamily("osteon_cache_limit_entries", "What a cache may hold", labels=["cache"])
    hits = CounterMetricFamily("osteon_cache_hits", "Times a cache had what was looked for", labels=["cache"])
    misses = CounterMetricFamily("osteon_cache_misses", "Times a cache did not have it", labels=["cache"])
    memory, usage = engine.memory, connections.usage
    held = {"entities": memory.sizes[0], "verdicts": memory.sizes[1], "connections": usage.open}
    may = {"entities": memory.bounds[0], "verdicts": memory.bounds[1], "connections": usage.most}
    missed = {"entities": memory.loads, "verdicts": memory.recalls, "connections": usage.opened}
    keyring = engine.ports.keyring
    if isinstance(keyring, KeyfileKeyring):
        held["keys"], may["keys"], found, missed["keys"] = keyring.usage
        hits.add_metric(["keys"], found)
    for family, values in ((entries, held), (limit, may), (misses, missed)):
        for cache, value in values.items():
            family.add_metric([cache], value)
    yield from (entries, limit, hits, misses)


def _queues(engine: Engine) -> Iterator[Any]:
    limits = engine.limits
    cold = "Commands waiting for their entity to be loaded"
    yield GaugeMetricFamily("osteon_cold_waiting", cold, engine.processor.cold.total)
    waiting = "Commands that may wait, in the inbox and for their entity, before others are refused with 503"
    yield GaugeMetricFamily("osteon_waiting_limit_commands", waiting, limits.waiting)
    share = "Commands of one tenant that may wait before others of it are refused with 429"
    yield GaugeMetricFamily("osteon_waiting_tenant_limit_commands", share, limits.share)
    lag = "Entries that may not be in history and views before commands wait"
    yield GaugeMetricFamily("osteon_undrained_limit_entries", lag, limits.lag)
