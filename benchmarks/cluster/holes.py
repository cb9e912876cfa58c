"""A webhook that takes connections and never answers: what waits for it hangs."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

from benchmarks.cluster.stage import NAMESPACE, Stage

NAME = "flume-bench-hole"
KIND = "validatingwebhookconfiguration"


class Hole:
    """A listener; for one thread besides its own."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._taken: list[socket.socket] = []

    @property
    def holds_one(self) -> bool:
        """Whether a caller waits for an answer now."""
        return any(_is_open(connection) for connection in list(self._taken))

    def take(self) -> None:
        """Take connections until the listener is shut down."""
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(self._listener.accept()[0])

    def close(self) -> None:
        """Let everybody go."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._taken:
            connection.close()


@contextlib.contextmanager
def dug(stage: Stage) -> Iterator[Hole]:
    """Let every write of a ConfigMap in the namespace hang, for thirty seconds each."""
    with socket.create_server(("0.0.0.0", 0), backlog=100) as listener:
        hole = Hole(listener)
        thread = threading.Thread(target=hole.take)
        thread.start()
        port = listener.getsockname()[1]
        stage.kube.apply(_webhook(f"https://{stage.gateway}:{port}/"))
        try:
            yield hole
        finally:
            stage.kube.kubectl("delete", KIND, NAME)
            hole.close()
            thread.join()


def _is_open(connection: socket.socket) -> bool:
    """Whether the other side waits: it has sent its greeting, and has not closed."""
    connection.setblocking(False)
    while select.select([connection], [], [], 0)[0]:
        try:
            if not connection.recv(4096):
                return False
        except OSError:
            return False
    return True


def _webhook(url: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["configmaps"],
    }
    webhook = {
        "name": "hole.flume.dev",
        "clientConfig": {"url": url},
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 30,
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [webhook],
    }
