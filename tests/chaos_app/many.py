"""One process with a worker for each queue: ``python -m tests.chaos_app.many a b``."""

from __future__ import annotations

import sys

from flume import logs
from flume.delivery.python import load
from flume.pipeline import PipelineSettings
from flume.runtime.process import ProcessConfig, run
from flume.runtime.worker import WorkerConfig


def main() -> int:
    """Run the workers until SIGTERM."""
    logs.configure()
    loaded = load(["tests.chaos_app.jobs"])
    settings = [
        PipelineSettings(queue, max_demand=10, lease_s=2.0, backoff_initial_s=0.1)
        for queue in sys.argv[1:]
    ]
    return run(ProcessConfig([WorkerConfig(each, loaded) for each in settings]))


if __name__ == "__main__":
    sys.exit(main())
