"""Look at objects of a cluster over one connection.

A kubectl for each look takes a tenth of a second of a processor, and a wait looks all the time:
what is waited for would become slow by the waiting.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import client, config

SECONDS = 10.0  # for an answer
PATHS = {
    "configmap": ("/api/v1", "configmaps"),
    "deployment": ("/apis/apps/v1", "deployments"),
    "pdb": ("/apis/policy/v1", "poddisruptionbudgets"),
    "lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "pipeline": ("/apis/flume.dev/v1alpha1", "pipelines"),
    "rolebinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}
"""Kind as kubectl takes it → start of its path and its plural."""


class UnseenError(Exception):
    """The API server did not answer as it should."""


class Eyes:
    """Sees single objects of one cluster.

    Args:
        kubeconfig: Of the cluster.
    """

    def __init__(self, kubeconfig: Path) -> None:
        configuration = client.Configuration()
        configuration.retries = 0
        load = config.load_kube_config
        load(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
        self._client = client.ApiClient(configuration)

    def close(self) -> None:
        """Close the connection."""
        self._client.rest_client.pool_manager.clear()
        self._client.close()  # type: ignore[no-untyped-call]

    def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None where there is none.

        Args:
            kind: One of ``PATHS``.
            namespace: Of the object.
            name: Of the object.

        Raises:
            UnseenError: If it cannot be known.
        """
        start, plural = PATHS[kind]
        path = f"{start}/namespaces/{namespace}/{plural}/{name}"
        request = self._client.param_serialize("GET", path, auth_settings=["BearerToken"])
        try:
            answer = self._client.call_api(*request, _request_timeout=SECONDS)
        except urllib3.exceptions.HTTPError as error:
            raise UnseenError(f"{path}: {error}") from error
        text = answer.read().decode()  # type: ignore[no-untyped-call]
        if answer.status == 404 and json.loads(text).get("details", {}).get("name") == name:
            return None
        if answer.status != 200:
            raise UnseenError(f"{path}: status {answer.status}: {text}")
        found = json.loads(text)
        assert isinstance(found, dict)
        return found
