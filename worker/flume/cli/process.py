"""What ``flume worker`` and ``flume dev`` share: options of logs and health, and how they print."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])


def logging_options(style: str) -> Callable[[F], F]:
    """Return a decorator that adds the options of a process' logs and health."""

    def decorate(function: F) -> F:
        for option in (
            click.option(
                "--health-port",
                type=click.IntRange(0, 65535),
                envvar="FLUME_HEALTH_PORT",
                show_envvar=True,
                help="Serve /startupz, /healthz, /readyz and /metrics there; 0 takes a free port.",
            ),
            click.option(
                "--log-config",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                envvar="FLUME_LOG_CONFIG",
                show_envvar=True,
                help="A logging.config dictionary (YAML or JSON); then it alone counts.",
            ),
            click.option(
                "--log-level",
                type=click.Choice(["debug", "info", "warning", "error"]),
                default="info",
                envvar="FLUME_LOG_LEVEL",
                show_envvar=True,
                show_default=True,
                help="debug adds a line for each completed job.",
            ),
            click.option(
                "--log-format",
                type=click.Choice(["json", "text"]),
                default=style,
                envvar="FLUME_LOG_FORMAT",
                show_envvar=True,
                show_default=True,
                help="Of the log lines.",
            ),
        ):
            function = option(function)
        return function

    return decorate


def print_at_once() -> None:
    """Let what handlers print be seen line by line, where a file or a pipe takes it as well."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
