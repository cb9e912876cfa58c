"""HTTP for probes and Prometheus: /startupz, /healthz, /readyz, /metrics.

A thread of its own answers, so that a handler that blocks the event loop is seen and not taken
for a dead process at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from flume.errors import ConfigurationError

Answer = tuple[bool, str]


class HealthServer:
    """Answers on ``port``.

    Args:
        port: 0 takes a free one; see ``port`` afterwards.
        checks: Path to a function that returns whether all is well, and a word on it.
        metrics: Returns Prometheus' text format.
    """

    def __init__(
        self, port: int, *, checks: dict[str, Callable[[], Answer]], metrics: Callable[[], bytes]
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if path == "/metrics":
                    self._send(200, metrics(), "text/plain; version=0.0.4; charset=utf-8")
                elif path in checks:
                    is_well, word = checks[path]()
                    self._send(200 if is_well else 503, f"{word}\n".encode(), "text/plain")
                else:
                    paths = ", ".join((*checks, "/metrics"))
                    self._send(404, f"no such page; there are {paths}\n".encode(), "text/plain")

            def _send(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing: a probe comes every few seconds."""

        try:
            # All addresses: the kubelet calls the pod's.
            self._server = ThreadingHTTPServer(("", port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} for health and metrics cannot be opened: {error.strerror}. "
                "Choose another with --health-port, or 0 for none."
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="flume-health", daemon=True
        )

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
