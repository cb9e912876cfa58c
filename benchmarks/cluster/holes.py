"""A webhook that takes connections and never answers: what waits for it hangs."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

KIND = "validatingwebhookconfiguration"
Kubectl = Callable[..., str]


class Hole:
    """A listener; for one thread besides its own."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._taken: list[socket.socket] = []

    @property
    def was_met(self) -> bool:
        """Whether anybody has called yet."""
        return bool(self._taken)

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
def dug(
    namespace: str, host: str, *, apply: Callable[[dict[str, Any]], object], kubectl: Kubectl
) -> Iterator[Hole]:
    """Let every write of a ConfigMap in a namespace hang, for thirty seconds each.

    Args:
        namespace: Its name.
        host: Address of this machine, as the API server reaches it.
        apply: Makes an object.
        kubectl: Runs kubectl.
    """
    with socket.create_server(("0.0.0.0", 0), backlog=100) as listener:
        hole = Hole(listener)
        thread = threading.Thread(target=hole.take)
        thread.start()
        apply(_webhook(namespace, f"https://{host}:{listener.getsockname()[1]}/"))
        try:
            yield hole
        finally:
            kubectl("delete", KIND, _name(namespace))
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


def _name(namespace: str) -> str:
    return f"hole-{namespace}"


def _webhook(namespace: str, url: str) -> dict[str, Any]:
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
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 30,
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": _name(namespace)},
        "webhooks": [webhook],
    }
