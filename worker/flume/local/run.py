"""``flume dev``: pipelines from their manifests, run in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flume.delivery.python import lead_clients
from flume.delivery.python import load as load_modules
from flume.keys import DEFAULT_PREFIX
from flume.local.applying import Applier
from flume.local.manifests import Manifests, Say
from flume.local.server import embedded_server
from flume.local.watching import Watcher
from flume.manifest import Manifest
from flume.runtime.live import MANIFEST
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
    say: Say,
) -> int:
    """Run the pipelines until a signal (or until all is done); return the exit code.

    Args:
        config: What was asked for.
        on_ready: Told the URL of Redis and the manifests, before the workers start.
        on_start: Told the workers, in the event loop.
        say: Told what becomes of edits, in a thread of its own.

    Raises:
        ManifestError: If a manifest has mistakes.
        ConfigurationError: If a module cannot be loaded, or two manifests name one queue.
    """
    files = [path for path in config.manifests if str(path) != "-"]
    watcher = Watcher(files, lambda path: manifests.edited(path, applier, say))  # before the read
    manifests = Manifests(config.manifests)
    with _server(config) as url, contextlib.closing(Applier(url, config.prefix)) as applier:
        lead_clients(url, config.prefix)
        loaded = [load_modules(manifest.spec.modules or ()) for manifest in manifests.all]
        refused = [why for manifest in manifests.all if (why := applier.apply(manifest))]
        on_ready(url, manifests.all)
        for why in refused:
            say(why, True)
        workers = [
            WorkerConfig(
                settings=manifest.settings(),
                settings_from=MANIFEST,
                loaded=handlers,
                url=url,
                prefix=config.prefix,
                pipeline=manifest.metadata.name,
                grace_s=config.grace_s,
            )
            for manifest, handlers in zip(manifests.all, loaded, strict=True)
        ]
        with watcher:
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
    return Manifests(paths).all


@contextlib.contextmanager
def _server(config: DevConfig) -> Iterator[str]:
    if config.url is not None:
        yield config.url
        return
    with embedded_server(config.data) as url:
        yield url
