"""Management on a port and a thread of its own: live, ready, metrics, info. It answers while the loop is busy, and says so."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

import osteon
from osteon.engine import Engine

__all__ = ["Management"]


class Management:
    """Serves management requests for an engine until it is closed."""

    def __init__(self, engine: Engine, port: int) -> None:
        """Starts to serve on loopback; port 0 is any free one."""
        registry = CollectorRegistry()
        registry.register(_EngineMetrics(engine))
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(engine, registry))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, name="management", daemon=True).start()

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


class _EngineMetrics(Collector):
    """Reads the engine's numbers when asked: nothing is counted twice, and nothing on the hot path."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Any:
        """The metrics of now."""
        engine = self._engine
        entities, verdicts = engine.processor.memory.sizes
        yield CounterMetricFamily("osteon_committed_batches", "Batches made durable", engine.processor.committed_batch)
        yield CounterMetricFamily("osteon_drained_batches", "Batches in history and views", engine.ports.drain.drained)
        yield GaugeMetricFamily("osteon_inbox_waiting", "Commands waiting for their turn", engine.inbox.waiting)
        yield GaugeMetricFamily("osteon_entities", "Entities in memory", entities)
        yield GaugeMetricFamily("osteon_verdicts", "Recorded verdicts in memory", verdicts)
        yield GaugeMetricFamily(
            "osteon_reactions_running", "Reactions' commands without verdict", engine.reactions.running
        )


def _handler(engine: Engine, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path:
                case "/live" | "/ready":
                    self._answer(200, "text/plain", b"yes\n")
                case "/metrics":
                    self._answer(200, "text/plain; version=0.0.4", generate_latest(registry))
                case "/info":
                    info = {"product": engine.product.name, "version": osteon.__version__}
                    self._answer(200, "application/json", json.dumps(info).encode())
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
