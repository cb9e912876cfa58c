"""The ``--env-file`` of ``flume dev``."""

from __future__ import annotations

import os
from pathlib import Path

from flume.errors import ConfigurationError


def read_environment(path: Path) -> None:
    """Add the ``NAME=value`` lines of a file to the environment; what is set already stays.

    Raises:
        ConfigurationError: If the file cannot be read or a line is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, 1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ConfigurationError(f"{path}, line {number}: write NAME=value.")
        os.environ.setdefault(name.strip(), value.strip().strip("\"'"))
