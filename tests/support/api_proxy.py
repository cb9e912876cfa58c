"""A proxy in front of the API server that answers in its place, cuts watches, and tells of calls.

It speaks HTTP to the operator and TLS, with the kubeconfig's user, to the API server.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web
from yarl import URL

from tests.support.clusters import Cluster
from tests.support.kube_api import configuration_of

_OWN_HEADERS = {"host", "authorization", "content-length", "transfer-encoding", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the operator."""

    method: str
    path: str
    """With the query."""

    @property
    def is_watch(self) -> bool:
        """Whether its answer goes on for as long as it stands."""
        return "watch=true" in self.path

    @property
    def is_write(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET" and "dryRun=" not in self.path


def every(_call: Call) -> bool:
    """Choose every call."""
    return True


class ApiProxy:
    """Forwards calls to the API server of a cluster until it is told otherwise.

    Args:
        cluster: Whose API server.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._fault: tuple[Callable[[Call], bool], int, dict[str, str]] | None = None
        self._watches: set[asyncio.Task[Any]] = set()
        self._expires = 0
        self.port = 0
        self.calls: list[Call] = []
        """All that came, refused ones too."""
        self.refused = 0
        """How many were answered here."""
        self.served: Callable[[Call], None] = lambda _call: None
        """Called once the API server has done what a call asks, before the operator hears it."""

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here, and return it."""
        config = yaml.safe_load(self._cluster.kubeconfig.read_text(encoding="utf-8"))
        for each in config["clusters"]:
            each["cluster"] = {"server": f"http://127.0.0.1:{self.port}"}
        file = folder / "proxied.kubeconfig"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        return file

    def answer(
        self, status: int, which: Callable[[Call], bool] = every, *, retry_after_s: int = 0
    ) -> None:
        """Answer calls here from now on, and let those that stand end."""
        headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
        self._fault = which, status, headers
        self.cut_watches()

    def heal(self) -> None:
        """Forward all calls again."""
        self._fault = None

    def cut_watches(self) -> None:
        """End all watches that stand."""
        self._loop.call_soon_threadsafe(self._cut)

    def expire(self, watches: int) -> None:
        """Answer the next watches that what they go on from is gone, and end those that stand."""
        self._expires = watches
        self.cut_watches()

    def _cut(self) -> None:
        for task in list(self._watches):
            task.cancel()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.raw_path)
        self.calls.append(call)
        if call.is_watch and self._expires > 0:
            self._expires -= 1
            return _expired()
        fault = self._fault
        if fault is not None and fault[0](call):
            self.refused += 1
            return _refusal(*fault[1:])
        sent = {key: value for key, value in request.headers.items() if _passes(key)}
        where = URL(f"{self._host}{call.path}", encoded=True)
        body = await request.read() or None  # even an empty one would get a content type
        async with self._session.request(call.method, where, data=body, headers=sent) as answer:
            if call.is_watch:
                return await self._stream(request, answer)
            text = await answer.read()
            await asyncio.to_thread(self.served, call)
            kind = answer.headers.get("Content-Type", "application/json")
            return web.Response(status=answer.status, body=text, headers={"Content-Type": kind})

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        streamed = web.StreamResponse(status=answer.status)
        streamed.content_type = "application/json"
        await streamed.prepare(request)
        self._watches.add(task)
        try:
            async for piece in answer.content.iter_any():
                await streamed.write(piece)
        except ConnectionError:  # the operator has left
            pass
        finally:
            self._watches.discard(task)
        return streamed

    async def _open(self) -> None:
        found = await configuration_of(self._cluster.kubeconfig)
        self._host = found.host
        trust = ssl.create_default_context(cafile=found.ssl_ca_cert)
        assert found.cert_file, "the kubeconfig has no user with a certificate"
        trust.load_cert_chain(found.cert_file, found.key_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=True,
        )
        server = web.Server(self._handle, handler_cancellation=True)  # type: ignore[arg-type]
        self._runner = web.ServerRunner(server, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        self._cut()
        await self._runner.cleanup()
        await self._session.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    @contextlib.contextmanager
    def opened(self) -> Iterator[ApiProxy]:
        """Take calls while the block runs."""
        self._thread.start()
        try:
            self._run(self._open())
            try:
                yield self
            finally:
                self._run(self._close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()


def _passes(header: str) -> bool:
    return header.lower() not in _OWN_HEADERS


def _refusal(status: int, headers: dict[str, str]) -> web.Response:
    said = _status(status, f"made up by the proxy: {status}")
    return web.json_response(said, status=status, headers=headers)


def _expired() -> web.Response:
    """Return what the API server was seen to say of a resource version that it has forgotten."""
    gone = _status(410, "too old resource version: 1 (1038)") | {"reason": "Expired"}
    event = json.dumps({"type": "ERROR", "object": gone})
    return web.Response(text=f"{event}\n", content_type="application/json")


def _status(code: int, message: str) -> dict[str, Any]:
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return {**said, "code": code, "message": message}
