"""The manifest that a worker was started with, followed: in a pod it is mounted, and changes.

What it says counts where the queue has no settings record; that is left to ``flume.runtime.live``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flume.errors import ManifestError
from flume.local.watching import Watcher
from flume.manifest import load
from flume.runtime.worker import Worker

logger = logging.getLogger("flume.worker")


class Mounted:
    """Offers the settings of a manifest to workers whenever it was written anew.

    Args:
        path: Of the manifest.  What it holds by now is known to the workers, or soon will be:
            make this before they are given it.
    """

    def __init__(self, path: Path) -> None:
        self.watcher = Watcher([path], self._edited)
        self._workers: Sequence[Worker] = ()

    def follow_for(self, workers: Sequence[Worker]) -> None:
        """Offer edits to these workers from now on."""
        self._workers = workers

    def _edited(self, path: Path) -> None:
        try:
            found = load(path)
        except ManifestError as error:
            extra = {"path": str(path), "reason": str(error)}
            logger.error("manifest_refused", extra=extra)
            return
        for worker in self._workers:
            worker.live.offer(replace(found[0].settings(), queue=worker.keys.queue))
