"""The ``flume-operator`` command: flags and ``FLUME_OPERATOR_*`` variables become ``Options``."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Sequence
from uuid import uuid4

import click

from flume import FlumeError, logs
from flume_operator.errors import OperatorError
from flume_operator.options import Options

_DEFAULTS = Options()


def _split(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(sorted({name for name in value.replace(",", " ").split() if name}))


@click.command(
    context_settings={
        "auto_envvar_prefix": "FLUME_OPERATOR",
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": 100,
    }
)
@click.option(
    "--namespaces",
    default="",
    callback=_split,
    show_default="the whole cluster",
    help="Namespaces whose Pipelines are looked after, with commas.",
)
@click.option(
    "--worker-image",
    default=_DEFAULTS.worker_image,
    help="Image of workers whose Pipeline names none.",
)
@click.option(
    "--key-prefix",
    default=_DEFAULTS.key_prefix,
    help="Start of the keys in Redis; {namespace} stands for the Pipeline's.",
)
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    default=_DEFAULTS.health_port,
    help="Of /healthz, /readyz and /metrics; 0 takes a free one.",
)
@click.option(
    "--lease-name", default=_DEFAULTS.lease_name, help="Lease by which one of several leads."
)
@click.option(
    "--lease-namespace",
    default=_DEFAULTS.lease_namespace,
    show_default="lead without a Lease",
    help="Where the Lease is.",
)
@click.option("--identity", default="", show_default="host and a number", help="Name in the Lease.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 100),
    default=_DEFAULTS.concurrency,
    help="Pipelines worked on at once.",
)
@click.option(
    "--resync",
    "resync_s",
    type=click.FloatRange(10, 86_400),
    default=_DEFAULTS.resync_s,
    help="Seconds after which children are applied again, whatever was heard.",
)
@click.option(
    "--look",
    "look_s",
    type=click.FloatRange(1, 3600),
    default=_DEFAULTS.look_s,
    help="Seconds between two looks at a queue in Redis.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info"
)
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json")
def command(*, log_level: str, log_format: str, identity: str, **given: object) -> None:
    """Turn Pipelines into worker Deployments and settings in Redis, until SIGTERM."""
    from flume_operator.process import run

    logs.configure(style=log_format, level=log_level)
    # It logs a line for each event and each call.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    # It warns at each start that it hears no signals in its thread; this process hears them.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    # A pod that starts again keeps its name, and must not take its last life's Lease for its own.
    name = f"{identity or socket.gethostname()}-{uuid4().hex[:8]}"
    asyncio.run(run(Options(identity=name, **given)))  # type: ignore[arg-type]


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line ``args`` (None: that of the process)."""
    try:
        command.main(args, prog_name="flume-operator", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except (FlumeError, OperatorError) as error:
        sys.stderr.write(f"flume-operator: {error}\n")
        sys.exit(1)
