"""The root of the command line: the options of every command, and where each command lives."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from flume import __version__
from flume.cli.lazy import Lazy, LazyGroup
from flume.cli.server import Server

SECTIONS = {
    "Run": {
        "dev": Lazy(
            "flume.cli.dev:dev",
            "Run pipelines on this machine, with a Valkey of their own.",
            "local",
        ),
        "worker": Lazy("flume.cli.worker:worker", "Run the jobs of one queue."),
    },
    "Hand in and take back": {
        "enqueue": Lazy("flume.cli.enqueue:enqueue", "Hand in a job, or a file of jobs."),
        "cancel": Lazy("flume.cli.cancel:cancel", "Cancel jobs by id."),
        "purge": Lazy("flume.cli.cancel:purge", "Delete all waiting or dead jobs of a queue."),
        "dead": Lazy("flume.cli.dead:dead", "List, redrive or purge jobs that were given up."),
    },
    "Stop and go on": {
        "pause": Lazy("flume.cli.pausing:pause", "Let no worker claim from a queue, or one not."),
        "resume": Lazy("flume.cli.pausing:resume", "Let workers claim again."),
    },
    "Look": {
        "pipelines": Lazy("flume.cli.pipelines:pipelines", "List who pauses and works on what."),
        "queues": Lazy("flume.cli.queues:queues", "List the queues with their counts."),
        "jobs": Lazy("flume.cli.jobs:jobs", "List the jobs of a queue, or show one."),
        "workers": Lazy("flume.cli.workers:workers", "List the workers."),
        "settings": Lazy(
            "flume.cli.settings:settings", "Show what is in force for a queue, and who runs it."
        ),
        "top": Lazy("flume.cli.top:top", "Watch the queues, with jobs a second."),
        "doctor": Lazy("flume.cli.doctor:doctor", "Check Redis, and say what to change."),
    },
}
"""By section: name → where the command is.  Help is printed from here without importing it."""


@click.group(
    cls=LazyGroup,
    sections=SECTIONS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "--redis, --redis-file and --prefix may also stand after the command.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 Redis not reached, 4 refused by Redis, "
        "5 no such job or worker, 6 not every worker answered, 130 interrupted."
    ),
)
@click.option(
    "--redis",
    "url",
    metavar="URL",
    envvar="FLUME_REDIS_URL",
    show_envvar=True,
    show_default="redis://127.0.0.1:6379",
    help="Where Redis is: redis://, rediss:// (TLS) or unix://.",
)
@click.option(
    "--redis-file",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="FLUME_REDIS_FILE",
    show_envvar=True,
    help="File that holds that URL, such as a mounted Secret; read at each connection.",
)
@click.option(
    "--prefix",
    metavar="PREFIX",
    envvar="FLUME_KEY_PREFIX",
    show_envvar=True,
    show_default="flume",
    help="Start of all keys.",
)
@click.version_option(__version__, "-V", "--version", message="flume %(version)s")
@click.pass_context
def cli(ctx: click.Context, url: str | None, file: Path | None, prefix: str | None) -> None:
    """Durable jobs on Redis or Valkey."""
    server = ctx.ensure_object(Server)
    sources = {name: ctx.get_parameter_source(name) for name in ("url", "file")}
    is_typed = {name: found is ParameterSource.COMMANDLINE for name, found in sources.items()}
    server.name(url, "--redis" if is_typed["url"] else "FLUME_REDIS_URL")
    if not is_typed["url"]:
        server.name(file, "--redis-file" if is_typed["file"] else "FLUME_REDIS_FILE")
    server.prefix = prefix
    ctx.call_on_close(server.close)
