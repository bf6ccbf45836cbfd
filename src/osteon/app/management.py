"""Management on a port and a thread of its own: live, ready, metrics, info. It answers while the loop is busy or starting."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

import osteon
from osteon.app.bounds import bound_metrics, register_processes
from osteon.app.embedded import Embedded
from osteon.domain import Dues
from osteon.engine import Engine
from osteon.ports.views import Standing

__all__ = ["Management", "commit"]


class Management:
    """Serves management requests from its making until it is closed; it is ready between `ready` and `ending`."""

    def __init__(self, port: int) -> None:
        """Starts to serve on loopback; port 0 is any free one."""
        self.embedded: Embedded | None = None
        self.is_ready = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(0.05,), name="management", daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def ready(self, embedded: Embedded) -> None:
        """Requests are answered from now on."""
        self.embedded = embedded
        self.is_ready = True

    def ending(self) -> None:
        """No more requests are taken."""
        self.is_ready = False

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def metrics(self) -> bytes:
        """The metrics of now, in Prometheus' text format."""
        registry = CollectorRegistry()
        if self.embedded is not None:
            registry.register(_Metrics(self.embedded))
            register_processes(registry, self.embedded.drain.process)
        return generate_latest(registry)

    def gauges(self) -> dict[str, float]:
        """The metrics of now that have one value each and may go down, by name."""
        families = [] if self.embedded is None else list(_Metrics(self.embedded).collect())
        samples = [each.samples[0] for each in families if each.type == "gauge" and len(each.samples) == 1]
        return {each.name: each.value for each in samples if not each.labels}

    def info(self) -> dict[str, str | None]:
        """What is running."""
        product = self.embedded.engine.product.name if self.embedded else None
        return {"product": product, "version": osteon.__version__, "commit": commit()}


class _Metrics(Collector):
    """Reads an installation's numbers when asked: nothing is counted twice, and nothing on the hot path."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded

    def collect(self) -> Any:
        """The metrics of now."""
        engine, drain = self._embedded.engine, self._embedded.drain
        batches, recorder = engine.batches, engine.recorder
        entities, verdicts = engine.memory.sizes
        refused = CounterMetricFamily("osteon_refused", "Requests refused or rejected, by problem", labels=["key"])
        for key, count in list(self._embedded.gateway.refused.items()):
            refused.add_metric([key], count)
        yield refused
        yield CounterMetricFamily("osteon_committed_batches", "Batches made durable", batches.last)
        yield CounterMetricFamily("osteon_drained_batches", "Batches in history and views", drain.drained)
        yield CounterMetricFamily("osteon_drain_restarts", "Times the drain was started again", drain.restarts)
        yield CounterMetricFamily("osteon_access_dropped", "Refusals counted, not recorded", recorder.dropped)
        yield GaugeMetricFamily("osteon_undrained_entries", "Entries not in history and views", batches.undrained)
        yield GaugeMetricFamily("osteon_inbox_waiting", "Commands waiting for their turn", engine.inbox.waiting)
        yield GaugeMetricFamily("osteon_entities", "Entities in memory", entities)
        yield GaugeMetricFamily("osteon_verdicts", "Recorded verdicts in memory", verdicts)
        yield from bound_metrics(engine, self._embedded.connections)
        yield from _view_metrics(engine, drain.standings)
        running = engine.reactions.running
        yield GaugeMetricFamily("osteon_reactions_running", "Reactions' commands without verdict", running)
        yield GaugeMetricFamily("osteon_timers_waiting", "Sagas that want to be woken one day", engine.timers.waiting)
        yield _unsettled(engine)
        indexes = engine.indexes
        letters = sum(indexes.dead_letters(tenant).waiting for tenant in indexes.opened())
        yield GaugeMetricFamily("osteon_dead_letters", "What could not be done, and waits", letters)
        yield from _sink_metrics(engine)


def _unsettled(engine: Engine) -> GaugeMetricFamily:
    """How many sagas have something pending, in all tenants that are open."""
    unsettled = GaugeMetricFamily("osteon_sagas_unsettled", "Sagas with something pending", labels=["saga"])
    for _, saga in engine.product.all_sagas:
        dues = (engine.indexes.kept(tenant, saga.view.name) for tenant in engine.indexes.opened())
        unsettled.add_metric([saga.name], sum(len(each.unsettled) for each in dues if isinstance(each, Dues)))
    return unsettled


def _sink_metrics(engine: Engine) -> Iterator[GaugeMetricFamily]:
    """In how many tenants a sink hands on, or waits for the other side; and how far it is behind where it does."""
    standings = engine.sinks.standings
    counted = Counter((each.sink, each.state) for each in standings)
    sinks = GaugeMetricFamily("osteon_sinks", "Tenants in which a sink does something", labels=["sink", "state"])
    for _, sink in engine.product.all_sinks:
        for state in ("delivering", "away"):
            sinks.add_metric([sink.name, state], counted[sink.name, state])
    lag = GaugeMetricFamily("osteon_sink_lag_entries", "Entries a sink has not seen", labels=["tenant", "sink"])
    for each in standings:
        if each.state != "idle":
            behind = engine.processor.drained_entries(each.tenant) - sum(each.place)
            lag.add_metric([each.tenant, each.sink], max(behind, 0))
    yield from (sinks, lag)


def _view_metrics(engine: Engine, standings: Collection[Standing]) -> Iterator[GaugeMetricFamily]:
    """How many views are behind, in how many tenants; and of each of them how far, how fast and for how long."""
    counted = Counter((each.view, each.state) for each in standings)
    views = GaugeMetricFamily("osteon_views", "Tenants in which a view does not follow", labels=["view", "state"])
    for view in engine.product.all_views:
        for state in ("rebuilding", "catching-up", "stopped"):
            views.add_metric([view.name, state], counted[view.name, state])
    labels = ["tenant", "view"]
    lag = GaugeMetricFamily("osteon_view_lag_entries", "Entries that the rows of a view do not have", labels=labels)
    done = GaugeMetricFamily("osteon_view_done_ratio", "How much of the work on a view is done", labels=labels)
    rate = GaugeMetricFamily("osteon_view_entries_per_second", "Entries folded into a view", labels=labels)
    left = GaugeMetricFamily("osteon_view_left_seconds", "How long the work on a view still takes", labels=labels)
    for each in standings:
        where = [each.tenant, each.view]
        lag.add_metric(where, 0 if each.place is None else each.entries - each.place)
        done.add_metric(where, each.reached / each.entries if each.entries else 1.0)
        rate.add_metric(where, each.rate)
        if each.seconds_left is not None:
            left.add_metric(where, each.seconds_left)
    yield from (views, lag, done, rate, left)


def commit() -> str | None:
    """The commit that a checkout runs from; None for an installed package."""
    git = Path(__file__).parents[3] / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        return (git / head.removeprefix("ref: ")).read_text().strip() if head.startswith("ref: ") else head
    except OSError:
        return None


def _handler(management: Management) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/live":
                    self._answer(200, "text/plain", b"yes\n")
                case "/ready" if management.is_ready:
                    self._answer(200, "text/plain", b"yes\n")
                case "/ready":
                    self._answer(503, "text/plain", b"no\n")
                case "/metrics":
                    self._answer(200, "text/plain; version=0.0.4", management.metrics())
                case "/info":
                    self._answer(200, "application/json", json.dumps(management.info()).encode())
                case _:
                    self._answer(404, "text/plain", b"There are /live, /ready, /metrics and /info.\n")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Logs nothing: whoever asks, asks every few seconds."""

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
