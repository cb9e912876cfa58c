"""``flume worker``: what the worker image runs."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from flume.cli.process import logging_options, print_at_once
from flume.cli.server import Server, pass_server, server_options

if TYPE_CHECKING:
    from flume.local.mounted import Mounted
    from flume.pipeline import PipelineSettings

F = TypeVar("F", bound=Callable[..., object])

SETTINGS: tuple[tuple[str, click.ParamType[Any], str], ...] = (
    (
        "--max-demand",
        click.IntRange(1, 10_000),
        "Jobs held at once, claimed or running.  [default: 100]",
    ),
    (
        "--concurrency",
        click.IntRange(1, 10_000),
        "Handlers at once.  [default: max demand; 10 threads if sync]",
    ),
    ("--max-retries", click.IntRange(0, 1000), "Runs after the first.  [default: 5]"),
    (
        "--backoff-initial",
        click.FloatRange(0, 86_400),
        "Seconds of wait after the first failed run.  [default: 1]",
    ),
    (
        "--backoff-max",
        click.FloatRange(0, 604_800),
        "Longest wait between two runs, seconds.  [default: 600]",
    ),
    ("--timeout", click.FloatRange(0.1, 604_800), "Longest run of a job, seconds.  [default: 600]"),
    (
        "--lease",
        click.FloatRange(1, 3600),
        "Seconds a silent worker keeps its jobs.  [default: 30]",
    ),
    ("--max-crashes", click.IntRange(1, 100), "Crashes while alone that bury a job.  [default: 2]"),
)
"""Flag, bounds and help.  The bounds are those of the manifest, but that times may be shorter than
its whole seconds; a test compares them."""
_FIELDS = {
    "backoff_initial": "backoff_initial_s",
    "backoff_max": "backoff_max_s",
    "timeout": "timeout_s",
    "lease": "lease_s",
}


def _setting_options(function: F) -> F:
    for flag, bounds, text in reversed(SETTINGS):
        name = flag.removeprefix("--").upper().replace("-", "_")
        option = click.option(
            flag, type=bounds, envvar=f"FLUME_{name}", show_envvar=True, help=text
        )
        function = option(function)
    return function


@contextlib.contextmanager
def _ending_at_once() -> Iterator[None]:
    """End on SIGTERM while modules are imported: nothing is held yet.

    Without a handler the first process of a container would not even hear of it.
    """

    def end(_number: int, _frame: object) -> None:
        sys.exit(0)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.command()
@click.option(
    "-f",
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="FLUME_MANIFEST",
    show_envvar=True,
    help="A Pipeline manifest; its settings count where the queue has no record.",
)
@click.option(
    "-q", "--queue", envvar="FLUME_QUEUE", show_envvar=True, help="Queue whose jobs are run."
)
@click.option(
    "-m",
    "--module",
    "modules",
    multiple=True,
    envvar="FLUME_MODULES",
    show_envvar=True,
    help="Module whose handlers may run; give it again for more.",
)
@click.option(
    "--pipeline",
    envvar="FLUME_PIPELINE",
    show_envvar=True,
    help="Name in metrics and logs.  [default: that of the manifest, or the queue]",
)
@_setting_options
@click.option(
    "--grace",
    type=click.FloatRange(0, 86_400),
    default=50.0,
    envvar="FLUME_GRACE",
    show_envvar=True,
    show_default=True,
    help="Seconds to finish what runs after SIGTERM.",
)
@click.option("--until-empty", is_flag=True, help="Stop once nothing is left to run.")
@click.option(
    "--wait-settings",
    is_flag=True,
    envvar="FLUME_WAIT_SETTINGS",
    show_envvar=True,
    help="Run nothing until the queue has a settings record.",
)
@logging_options("json")
@server_options
@pass_server
@_ending_at_once()
def worker(
    server: Server,
    /,
    *,
    manifest: Path | None,
    queue: str | None,
    modules: tuple[str, ...],
    pipeline: str | None,
    grace: float,
    until_empty: bool,
    wait_settings: bool,
    health_port: int | None,
    log_config: Path | None,
    log_level: str,
    log_format: str,
    **given: Any,
) -> int:
    """Run the jobs of one queue until SIGTERM.

    It obeys the queue's settings record, and follows it while it runs; what is set here counts
    before it, for this worker alone.  Without a record the manifest counts, which is followed in
    the same way, or the defaults.

    Exit codes: 0 stopped in order, 1 a lifespan failed, 2 options, manifest or modules cannot work,
    4 refused by Redis, 70 all places taken by handlers past their timeout.  No restart mends 2.
    """
    from flume import logs
    from flume.connection.urls import redis_url
    from flume.delivery.python import lead_clients, load
    from flume.runtime.process import ProcessConfig, run
    from flume.runtime.worker import WorkerConfig

    print_at_once()
    logs.configure(style=log_format, level=log_level, config=log_config)
    mounted = _mounted(manifest)  # before it is read
    settings, named, name = _settings(manifest, queue, modules)
    url, prefix = redis_url(server.url), server.key_prefix
    lead_clients(url, prefix)
    config = WorkerConfig(
        settings=settings,
        loaded=load(named),
        url=url,
        prefix=prefix,
        pipeline=pipeline or name,
        grace_s=grace,
        flags=_flags(given),
        awaits_settings=wait_settings,
        settings_from=_origin(manifest),
        labels=_labels(),
    )
    process = ProcessConfig(
        [config],
        health_port=health_port,
        until_empty=until_empty,
        # Not an option: every user of a machine can read a command line.
        drain_token=os.environ.get("FLUME_DRAIN_TOKEN", ""),
        on_start=None if mounted is None else mounted.follow_for,
    )
    with contextlib.nullcontext() if mounted is None else mounted.watcher:
        return run(process)


def _mounted(manifest: Path | None) -> Mounted | None:
    if manifest is None:
        return None
    from flume.local.mounted import Mounted

    return Mounted(manifest)


def _origin(manifest: Path | None) -> str:
    from flume.runtime.live import DEFAULTS, MANIFEST

    return DEFAULTS if manifest is None else MANIFEST


def _labels() -> dict[str, str]:
    """Return what tells people where this worker runs."""
    pod = os.environ.get("FLUME_POD_NAME")
    return {"pod": pod} if pod else {}


def _settings(
    manifest: Path | None, queue: str | None, modules: tuple[str, ...]
) -> tuple[PipelineSettings, tuple[str, ...], str]:
    """Return the settings for a queue without a record, the modules, and the pipeline's name."""
    from dataclasses import replace

    from flume.keys import check_queue
    from flume.pipeline import PipelineSettings

    name = queue or ""
    if manifest is not None:
        from flume.local.run import read_manifests

        found = read_manifests([manifest])
        if len(found) != 1:
            raise click.UsageError(
                f"{manifest} holds {len(found)} pipelines, and a worker runs one: give each a file "
                "and a worker, or run all of them with flume dev."
            )
        settings, name = found[0].settings(), found[0].metadata.name
        modules = modules or tuple(found[0].spec.modules or ())
        if queue is not None:
            settings = replace(settings, queue=check_queue(queue))
    elif queue is None:
        raise click.UsageError("Name a queue with --queue, or a manifest with --manifest.")
    else:
        settings = PipelineSettings(check_queue(queue))
    if not modules:
        raise click.UsageError("Name the module that has the handlers: --module app.jobs.")
    return settings, modules, name


def _flags(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given for this worker alone."""
    return {_FIELDS.get(key, key): value for key, value in given.items() if value is not None}
