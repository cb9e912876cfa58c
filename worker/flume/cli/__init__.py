"""The ``flume`` command.  Its parts load only when they are asked for, so that help is quick."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line ``args`` (None: that of the process) and return its exit code."""
    try:
        from flume.cli.running import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.stderr.write(
            "flume: the flume command needs click and rich, which an app that only enqueues does "
            "without. Install them with: pip install 'kubeflume[worker]'\n"
        )
        return 1
    return run(args)
