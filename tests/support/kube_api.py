"""The operator's own calls to a test cluster, also by way of a proxy or as somebody else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from kubernetes.aio import client, config

from flume_operator.api import Api


async def configuration_of(kubeconfig: Path) -> client.Configuration:
    """Return what a client of the cluster is made with."""
    configuration = client.Configuration()
    configuration.retries = 0
    load = config.load_kube_config
    await load(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration


async def port_of(kubeconfig: Path) -> int:
    """Return the port of the API server on this machine."""
    port = urlsplit((await configuration_of(kubeconfig)).host).port
    assert port is not None
    return port


@contextlib.asynccontextmanager
async def opened_api(
    kubeconfig: Path, *, port: int | None = None, token: str | None = None
) -> AsyncIterator[Api]:
    """Open calls to the cluster of a kubeconfig.

    Args:
        kubeconfig: Of the cluster.
        port: Of a proxy in front of the API server.
        token: Of a service account, in place of the kubeconfig's user.
    """
    configuration = await configuration_of(kubeconfig)
    if port is not None:
        configuration.host = f"https://127.0.0.1:{port}"
    if token is not None:
        configuration.cert_file = configuration.key_file = None
        configuration.api_key["BearerToken"] = f"Bearer {token}"
    async with Api(configuration) as api:
        yield api
