"""Ask a cluster: through kubectl as people do, and by plain calls where its start would count."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from benchmarks.cluster.programs import call

ASK_SECONDS = 60.0
IDLE_SECONDS = 30.0  # the API server closes a connection that says nothing for longer than 90 s
PIPELINES = "/apis/flume.dev/v1alpha1"
MERGE = "application/merge-patch+json"

Object = dict[str, Any]


class RefusedError(RuntimeError):
    """The API server did not do what a plain call asked for."""


class Kube:
    """A cluster and a namespace of it.

    Args:
        kubeconfig: Of the cluster.
        namespace: For kubectl.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def kubectl(self, *arguments: str, stdin: str = "", timeout: float = ASK_SECONDS) -> str:
        """Run kubectl in the namespace and return what it prints."""
        where = ("--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace)
        return call("kubectl", *where, *arguments, stdin=stdin, timeout=timeout)

    def apply(self, body: Mapping[str, Any]) -> None:
        """Run ``kubectl apply`` on an object."""
        self.kubectl("apply", "--filename", "-", stdin=json.dumps(body))

    def get(self, *what: str) -> Object:
        """Return an object, such as ``get("deployment", "email")``, or a list of them."""
        return dict(json.loads(self.kubectl("get", *what, "--output", "json")))

    def has(self, *what: str) -> bool:
        """Say whether an object is there."""
        return bool(self.kubectl("get", *what, "--ignore-not-found", "--output", "name").strip())


class Calls:
    """Plain calls to the API server over one connection; for one thread."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        pair = kubeconfig.with_name("client.pem")
        names = ("client-certificate-data", "client-key-data")
        pair.touch(0o600)
        pair.write_bytes(b"".join(base64.b64decode(user[name]) for name in names))
        self._tls.load_cert_chain(pair)
        self._host, self._port = server.hostname or "", server.port or 443
        self._connection = self._connect(ASK_SECONDS)
        self._used = time.monotonic()

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, kind: str = ""
    ) -> Object:
        """Send a call and return the answer."""
        headers = {"Content-Type": kind or "application/json"}
        text = json.dumps(body) if body is not None else None
        if time.monotonic() - self._used > IDLE_SECONDS:
            self._connection.close()  # the request opens it again
        self._used = time.monotonic()
        self._connection.request(method, path, text, headers)
        response = self._connection.getresponse()
        answer = dict(json.loads(response.read()))
        if response.status >= 300:
            raise RefusedError(f"{method} {path}: {answer.get('message', response.status)}")
        return answer

    def merge(self, path: str, patch: Mapping[str, Any]) -> Object:
        """Change some fields of an object."""
        return self.call("PATCH", path, patch, MERGE)

    def watch(self, path: str, version: str, seconds: float) -> Iterator[Object]:
        """Yield what becomes of the objects below `path` from a version on, for some time."""
        connection = self._connect(seconds + ASK_SECONDS)
        query = f"watch=1&resourceVersion={version}&timeoutSeconds={seconds:.0f}"
        connection.request("GET", f"{path}?{query}")
        try:
            response = connection.getresponse()
            while line := response.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise RefusedError(f"watch of {path}: {event['object'].get('message')}")
                yield event["object"]
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        host, port = self._host, self._port
        return http.client.HTTPSConnection(host, port, context=self._tls, timeout=timeout)
