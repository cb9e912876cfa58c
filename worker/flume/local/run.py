"""``flume dev``: pipelines from their manifests, run in this process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flume.commands.client import configure
from flume.connection import SyncConnections
from flume.delivery.python import lead_clients
from flume.delivery.python import load as load_modules
from flume.errors import ConfigurationError
from flume.keys import DEFAULT_PREFIX, Keys
from flume.local.server import embedded_server
from flume.manifest import Manifest, load
from flume.pausing import as_in_spec
from flume.runtime.process import ProcessConfig, run
from flume.runtime.worker import Worker, WorkerConfig


@dataclass(frozen=True, slots=True)
class DevConfig:
    """What ``flume dev`` was asked for."""

    manifests: Sequence[Path]
    """``-`` stands for standard input."""
    url: str | None = None
    """None starts an embedded Valkey."""
    prefix: str = DEFAULT_PREFIX
    data: Path | None = None
    """Keeps the embedded Valkey's data between runs."""
    until_empty: bool = False
    health_port: int | None = None
    grace_s: float = 10.0


def run_dev(
    config: DevConfig,
    *,
    on_ready: Callable[[str, list[Manifest]], None],
    on_start: Callable[[list[Worker]], None],
) -> int:
    """Run the pipelines until a signal (or until all is done); return the exit code.

    Args:
        config: What was asked for.
        on_ready: Told the URL of Redis and the manifests, before the workers start.
        on_start: Told the workers, in the event loop.

    Raises:
        ManifestError: If a manifest has mistakes.
        ConfigurationError: If a module cannot be loaded, or two manifests name one queue.
    """
    manifests = read_manifests(config.manifests)
    with _server(config) as url:
        lead_clients(url, config.prefix)
        loaded = [load_modules(manifest.spec.modules or ()) for manifest in manifests]
        connections = SyncConnections(url)
        for manifest in manifests:
            settings = manifest.settings()
            keys = Keys(settings.queue, config.prefix)
            owner = f"dev/{manifest.metadata.name}"
            connections.run(configure(keys, owner, msgspec.json.encode(settings)))
            connections.run(as_in_spec(keys, is_paused=settings.paused, by=owner))
        connections.close()
        on_ready(url, manifests)
        workers = [
            WorkerConfig(
                settings=manifest.settings(),
                loaded=handlers,
                url=url,
                prefix=config.prefix,
                pipeline=manifest.metadata.name,
                grace_s=config.grace_s,
            )
            for manifest, handlers in zip(manifests, loaded, strict=True)
        ]
        return run(
            ProcessConfig(
                workers,
                health_port=config.health_port,
                shows_queues=True,
                until_empty=config.until_empty,
                awaits_jobs=config.url is None and config.data is None,
                on_start=on_start,
            )
        )


def read_manifests(paths: Sequence[Path]) -> list[Manifest]:
    """Return the pipelines of all files; modules are found beside them and in this folder.

    Raises:
        ManifestError: If one has mistakes.
        ConfigurationError: If two name one queue, or one needs Kubernetes.
    """
    manifests: list[Manifest] = []
    for path in paths:
        if str(path) == "-":
            manifests += load(sys.stdin.read(), source="standard input")
        else:
            manifests += load(path)
            folder = str(path.resolve().parent)
            if folder not in sys.path:
                sys.path.insert(0, folder)
    queues: dict[str, str] = {}
    for manifest in manifests:
        name, queue = manifest.metadata.name, manifest.spec.queue
        if queue in queues:
            raise ConfigurationError(
                f"the pipelines {queues[queue]} and {name} both name the queue {queue}: a queue "
                "has one pipeline. Give one of them another queue."
            )
        queues[queue] = name
        if manifest.spec.modules is None:
            raise ConfigurationError(
                f"the pipeline {name} delivers over HTTP, which only Kubernetes runs. Name modules "
                "to run it here."
            )
    return manifests


@contextlib.contextmanager
def _server(config: DevConfig) -> Iterator[str]:
    if config.url is not None:
        yield config.url
        return
    with embedded_server(config.data) as url:
        yield url
