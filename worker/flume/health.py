"""HTTP for probes, hooks and Prometheus: /startupz, /healthz, /readyz, /drain, /metrics.

A thread of its own answers, so that a blocked event loop is seen and not taken for a dead process
at once.  Worker and operator share it; what the pages mean is theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flume.errors import ConfigurationError
from flume.origin import place_of

Answer = tuple[bool, str]

TOKEN_HEADER = "Flume-Token"
"""Of a request for a page that changes something."""
CLIENT_TIMEOUT_S = 10.0
"""After which a client that says nothing is left: it holds a thread."""

logger = logging.getLogger("flume.health")


class Pulse:
    """Notes that the event loop turns.

    Args:
        bound_s: A loop that has not turned for this long is taken for dead.
        loop: What to call it.
        blocker: What may hold it up.
    """

    def __init__(
        self, bound_s: float, *, loop: str = "the event loop", blocker: str = "a handler"
    ) -> None:
        self._bound_s = bound_s
        self._loop = loop
        self._blocker = blocker
        self._last = time.monotonic()

    def beat(self) -> None:
        """Note it once."""
        self._last = time.monotonic()

    async def run(self) -> None:
        """Note it, until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(min(1.0, self._bound_s / 4))

    def check(self) -> Answer:
        """Return whether the loop turns, and a word on it."""
        still = time.monotonic() - self._last
        if still > self._bound_s:
            return (
                False,
                f"{self._loop} has not turned for {still:.1f} s: {self._blocker} blocks it",
            )
        return True, "ok"


class HealthServer:
    """Answers on ``port``.

    Args:
        port: 0 takes a free one; see ``port`` afterwards.
        checks: Path to a function that returns whether all is well, and a word on it.
        metrics: Returns Prometheus' text format.
        guarded: The same as ``checks``, for pages that do something: any pod can reach the port, so
            they want ``token`` in the header ``TOKEN_HEADER``.
        token: None but the caller's own hooks know it.  Empty: there are no guarded pages.

    Raises:
        ConfigurationError: If the port cannot be opened.
    """

    def __init__(
        self,
        port: int,
        *,
        checks: Mapping[str, Callable[[], Answer]],
        metrics: Callable[[], bytes],
        guarded: Mapping[str, Callable[[], Answer]] | None = None,
        token: str = "",
    ) -> None:
        behind = guarded if guarded and token else {}
        pages = {path: _page(check) for path, check in {**checks, **behind}.items()}
        pages["/metrics"] = lambda: (200, metrics(), "text/plain; version=0.0.4; charset=utf-8")
        self._server = _open(port, pages)
        self._server.tokens = dict.fromkeys(behind, token.encode())
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="flume-health", daemon=True
        )

    def start(self) -> None:
        """Start answering, and say where."""
        self._thread.start()
        logger.info("health_served", extra={"port": self.port})

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


Page = Callable[[], tuple[int, bytes, str]]


def _page(check: Callable[[], Answer]) -> Page:
    def page() -> tuple[int, bytes, str]:
        is_well, word = check()
        return 200 if is_well else 503, f"{word}\n".encode(), "text/plain; charset=utf-8"

    return page


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, port: int, pages: Mapping[str, Page]) -> None:
        self.address_family = family
        self.pages = pages
        self.tokens: Mapping[str, bytes] = {}
        # All addresses: the kubelet calls the pod's.
        super().__init__(("", port), _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:  # and IPv4 as well
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Past HTTPServer's own, which looks the host's name up: seconds where DNS is slow.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "flume", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what the library would print; a client that went away is not worth a line."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            extra = {"error_type": type(error).__name__, "where": place_of(error)}
            logger.warning("health_failed", extra=extra)


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_TIMEOUT_S
    server: _Server

    def do_GET(self) -> None:
        pages = self.server.pages
        path = self.path.partition("?")[0]
        page = pages.get(path)
        if page is None:
            paths = f"no such page; there are {', '.join(pages)}\n"
            self._send(404, paths.encode(), "text/plain; charset=utf-8")
            return
        token = self.server.tokens.get(path)
        if token is not None and not hmac.compare_digest(self._shown(), token):
            refusal = f"show the token of this worker in the header {TOKEN_HEADER}\n"
            self._send(403, refusal.encode(), "text/plain; charset=utf-8")
            return
        try:
            answer = page()
        except Exception:
            self._send(500, b"see the log\n", "text/plain; charset=utf-8")
            raise
        self._send(*answer)

    def _shown(self) -> bytes:
        return self.headers.get(TOKEN_HEADER, "").encode(errors="replace")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: a probe comes every few seconds."""


def _open(port: int, pages: Mapping[str, Page]) -> _Server:
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):  # a machine may know IPv6 and have it switched off
            return _Server(socket.AF_INET6, port, pages)
    try:
        return _Server(socket.AF_INET, port, pages)
    except OSError as error:
        raise ConfigurationError(
            f"port {port} for health and metrics cannot be opened: {error.strerror}. Choose "
            "another with --health-port; 0 takes a free one."
        ) from error
