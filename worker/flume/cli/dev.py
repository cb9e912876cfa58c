"""``flume dev``: a Pipeline manifest on this machine, without Kubernetes."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flume.cli.process import logging_options, print_at_once
from flume.cli.server import Server, pass_server, server_options

if TYPE_CHECKING:
    from flume.manifest import Manifest
    from flume.runtime.worker import Worker


def _read_environment(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    from flume.local.environment import read_environment

    server = ctx.ensure_object(Server)
    before = dict(os.environ)
    read_environment(value)
    server.prefix = server.prefix or os.environ.get("FLUME_KEY_PREFIX")
    if server.named_by.startswith("--"):
        return
    # As in a shell, the file counts before the URL.
    for name, kind in (("FLUME_REDIS_URL", str), ("FLUME_REDIS_FILE", Path)):
        if found := os.environ.get(name):
            server.name(kind(found), name if name in before else f"{name} in the --env-file")


@click.command()
@click.argument(
    "manifests",
    metavar="PIPELINE.yaml…",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@click.option(
    "-f",
    "more",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A manifest, as with kubectl; - for standard input.",
)
@click.option(
    "--until-empty",
    is_flag=True,
    help="Stop once nothing is left to run; where no data is kept, not before the first job.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder where the embedded Valkey keeps its data between runs.  [default: nothing kept]",
)
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_eager=True,  # before the options that the environment may set
    expose_value=False,
    callback=_read_environment,
    help="NAME=value lines to add to the environment.",
)
@click.option("--quiet", is_flag=True, help="Neither live counts nor the errors of jobs.")
@logging_options("text")
@server_options
@pass_server
def dev(
    server: Server,
    /,
    *,
    manifests: tuple[Path, ...],
    more: tuple[Path, ...],
    until_empty: bool,
    data: Path | None,
    quiet: bool,
    health_port: int | None,
    log_config: Path | None,
    log_level: str,
    log_format: str,
) -> int:
    """Run pipelines on this machine, with a Valkey of their own.

    The manifests are those for Kubernetes; modules are looked for beside them and in this folder.
    Edits of the files are applied while it runs; one with a mistake in it is refused.
    Give --redis to use a Redis that runs already.
    """
    paths = manifests + more
    if not paths:
        raise click.UsageError("Name a manifest: flume dev pipeline.yaml")
    from flume.local.run import DevConfig, run_dev

    config = DevConfig(
        manifests=paths,
        url=server.url,
        prefix=server.key_prefix,
        data=data,
        until_empty=until_empty,
        health_port=health_port,
    )
    print_at_once()
    view = _View(config.prefix, quiet=quiet, has_own_server=server.url is None)
    view.configure_logs(log_format, log_level, log_config)
    if server.url is not None:
        is_left_over = server.named_by.startswith("FLUME_") and " " not in server.named_by
        hint = "; unset it for a Valkey of its own" if is_left_over else ""
        view.name_redis(server.url, f"as {server.named_by} says{hint}")
    try:
        return run_dev(config, on_ready=view.ready, on_start=view.start, say=view.say)
    finally:
        view.close()


class _View:
    """What is shown: a live table on a terminal, plain log lines elsewhere."""

    def __init__(self, prefix: str, *, quiet: bool, has_own_server: bool) -> None:
        from rich.console import Console

        from flume.local.progress import Progress

        self._console = Console(stderr=True)
        self._prefix = prefix
        self._quiet = quiet
        self._has_own_server = has_own_server
        self._progress: Progress | None = None

    def configure_logs(self, style: str, level: str, config: Path | None) -> None:
        from flume import logs
        from flume.local.progress import ConsoleHandler, show_errors

        logs.configure(style=style, level=level, config=config)
        if config is None and style == "text" and self._console.is_terminal:
            logging.getLogger().handlers[:] = [ConsoleHandler(self._console)]
        if config is None and style == "text" and not self._quiet:
            show_errors(self._console)

    def name_redis(self, url: str, why: str) -> None:
        """Say which Redis is used: a variable that is still set from another day names it too."""
        from flume.connection.urls import address, redis_url

        where = address(redis_url(url))
        self._console.print(f"flume dev: uses {where}, {why}", highlight=False, soft_wrap=True)

    def ready(self, url: str, manifests: list[Manifest]) -> None:
        names = ", ".join(manifest.metadata.name for manifest in manifests)
        self._console.print(f"[bold]flume dev[/]: {names}")
        if self._has_own_server:  # one that was named may have a password in its URL
            self._console.print(f"  export FLUME_REDIS_URL={url}", highlight=False)
        if self._console.is_terminal and not self._quiet:
            from flume.local.progress import Progress

            self._progress = Progress(url, self._prefix, self._console)

    def say(self, sentence: str, is_undone: bool) -> None:
        """Print what became of an edit."""
        from rich.text import Text

        style = "yellow" if is_undone else "green"
        self._console.print(Text(sentence, style=style), soft_wrap=True)

    def start(self, workers: list[Worker]) -> None:
        if self._progress is not None:
            self._progress.follow(workers)
            self._progress.live.start()

    def close(self) -> None:
        if self._progress is not None:
            self._progress.close()
