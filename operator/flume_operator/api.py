"""The Kubernetes API as the operator uses it: a few calls, with errors told apart.

Objects are plain dictionaries, as in YAML: what is sent must hold exactly the fields that are
meant, which typed models with their defaults get wrong.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.request import getproxies

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME

from flume_operator.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    MissingError,
    NotLeaderError,
    RefusedError,
    UnavailableError,
)
from flume_operator.objects import GROUP, PLURAL, VERSION, Key

PATHS = {
    "ConfigMap": ("/api/v1", "configmaps"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Event": ("/apis/events.k8s.io/v1", "events"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "Pipeline": (f"/apis/{GROUP}/{VERSION}", PLURAL),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "Secret": ("/api/v1", "secrets"),
}
"""Kind → start of its path and its plural."""

MANAGER = "flume-operator"
"""Owns the fields of children, by server-side apply."""
SCALE_MANAGER = "flume-operator-scale"
"""Owns replicas, so that an autoscaler that took them can keep them."""

TIMEOUT_S = 15.0
"""Longest call.  An API server that is slower than this is as good as down."""

# Server-side apply answers these mistakes of a spec with 500, as if they were its own.
_MISTAKES = ("failed to create typed patch object", "failed to convert new object")

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


class Api:
    """Calls to the API server of one cluster.  Use it in ``async with``.

    Args:
        configuration: Where it is, and who we are.
    """

    def __init__(self, configuration: client.Configuration) -> None:
        self._client = client.ApiClient(configuration)
        self.may_write: Callable[[], bool] = lambda: True
        """Asked right before each call that changes something."""
        self.wrote: Callable[[str, str], None] = lambda _kind, _outcome: None
        """Called after each, with the kind of object and the outcome: ``done``, ``refused`` or
        ``unavailable``."""
        self.home = _home(configuration)
        """Name of the cluster: the same for all that reach it, and for no other."""

    @classmethod
    async def connect(cls) -> Self:
        """Return calls to the cluster this process runs in, or else that of the kubeconfig.

        Raises:
            ConfigException: If there is neither.
        """
        configuration = client.Configuration()
        # Retried by the queue, which knows what else is waiting.
        configuration.retries = 0
        # Each call would look for a proxy, and for a password in ~/.netrc, in a thread.
        configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
        if os.environ.get(SERVICE_HOST_ENV_NAME):
            config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        else:
            load = config.load_kube_config
            await load(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return cls(configuration)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: str, key: Key) -> dict[str, Any]:
        """Return an object.

        Raises:
            MissingError: If there is none.
        """
        return await self._call("GET", _path(kind, key.namespace, key.name))

    async def list_all(self, kind: str, namespace: str | None) -> list[dict[str, Any]]:
        """Return all objects of a kind, in a namespace or in all."""
        found: list[dict[str, Any]] = []
        more = ""
        while True:
            query = [("limit", "500"), *([("continue", more)] if more else [])]
            page = await self._call("GET", _path(kind, namespace), query=query)
            found += page.get("items", [])
            more = page.get("metadata", {}).get("continue", "")
            if not more:
                return found

    async def versions(self, kind: str, namespace: str | None) -> dict[str, str]:
        """Return uid → resourceVersion of all objects of a kind, in one small answer."""
        short = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        # Not from the memory of any API server: one that lags would be behind what is known here.
        page = await self._call("GET", _path(kind, namespace), accept=short)
        found = [item["metadata"] for item in page.get("items", [])]
        return {item["uid"]: item["resourceVersion"] for item in found}

    async def apply(
        self,
        body: Mapping[str, Any],
        *,
        manager: str = MANAGER,
        force: bool = True,
        dry: bool = False,
    ) -> dict[str, Any]:
        """Make the fields of ``body`` what they say, and return the whole object.

        Args:
            body: The object; fields that it leaves out and that ``manager`` owned go.
            manager: Owner of the fields.
            force: Takes fields from other owners; else theirs are a ``ConflictError``.
            dry: Only tries it.
        """
        metadata = body["metadata"]
        query = [
            ("fieldManager", manager),
            ("force", "true" if force else "false"),
            ("fieldValidation", "Strict"),
            *([("dryRun", "All")] if dry else []),
        ]
        path = _path(body["kind"], metadata["namespace"], metadata["name"])
        return await self._write(
            body["kind"], "PATCH", path, body=body, content_type=_APPLY, query=query
        )

    async def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object; one of that name is a ``ConflictError``."""
        path = _path(body["kind"], body["metadata"]["namespace"])
        return await self._write(body["kind"], "POST", path, body=body)

    async def replace(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write an object as a whole; one that changed meanwhile is a ``ConflictError``."""
        metadata = body["metadata"]
        path = _path(body["kind"], metadata["namespace"], metadata["name"])
        return await self._write(body["kind"], "PUT", path, body=body)

    async def merge(self, kind: str, key: Key, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change some fields of an object, and return it; null takes a field away."""
        path = _path(kind, key.namespace, key.name)
        return await self._write(kind, "PATCH", path, body=patch, content_type=_MERGE)

    async def merge_status(self, key: Key, patch: Mapping[str, Any]) -> dict[str, Any]:
        """Change some fields of a Pipeline's status, and return the Pipeline.

        Args:
            key: Of the Pipeline.
            patch: With ``metadata.uid``, a Pipeline that was made anew meanwhile is a conflict.
        """
        path = _path("Pipeline", key.namespace, key.name) + "/status"
        return await self._write("Pipeline", "PATCH", path, body=patch, content_type=_MERGE)

    async def _write(self, kind: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Change something, if this process may, and count it."""
        if not self.may_write():
            raise NotLeaderError(f"another process leads: {method} {path} was not sent")
        outcome = "unavailable"
        try:
            answer = await self._call(method, path, **options)
            outcome = "done"
        except RefusedError:
            outcome = "refused"
            raise
        finally:
            self.wrote(kind, outcome)
        return answer

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        query: Sequence[tuple[str, str]] = (),
        accept: str = "application/json",
    ) -> dict[str, Any]:
        verb, url, headers, _, _ = await self._client.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params={"Accept": accept, "Content-Type": content_type},
            auth_settings=["BearerToken"],
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                # Ours is JSON as it is: to look for models in it takes longer than all the rest.
                response = await self._client.call_api(verb, url, headers, body)
                raw = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or f"no answer within {TIMEOUT_S:g} s"
            raise UnavailableError(f"the API server cannot be reached: {said}") from error
        answer = _decoded(raw)
        if 200 <= response.status < 300:
            return answer
        raise refusal(response.status, answer, response.headers.get("Retry-After", ""))


def refusal(status: int, answer: Mapping[str, Any], retry_after: str = "") -> ApiError:
    """Return the error that an answer of the API server stands for."""
    message = str(answer.get("message") or f"HTTP status {status}")
    if status == 404:
        return MissingError(message, status=status)
    if status == 403:
        return ForbiddenError(message, status=status)
    if status == 409:
        return ConflictError(message, status=status)
    is_mistake = status == 500 and any(mark in message for mark in _MISTAKES)
    if is_mistake or (400 <= status < 500 and status not in (401, 408, 429)):
        return RefusedError(message, status=status)
    wait_s = float(retry_after) if retry_after.isdigit() else 0.0
    return UnavailableError(message, status=status, retry_after_s=wait_s)


def _home(configuration: client.Configuration) -> str:
    """Return a name for the cluster: its certificate authority is its own, and can be read by all.

    Several clusters may share a Redis, and only the one a Pipeline is in knows whether it is gone.
    """
    path = configuration.ssl_ca_cert
    authority = Path(path).read_bytes().strip() if path else str(configuration.host).encode()
    return hashlib.blake2b(authority, digest_size=8).hexdigest()


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:  # a proxy in between answers in HTML
        return {"message": raw[:500].decode(errors="replace")}
    return found if isinstance(found, dict) else {}


def _path(kind: str, namespace: str | None, name: str | None = None) -> str:
    start, plural = PATHS[kind]
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{start}{place}/{plural}" + (f"/{name}" if name else "")
