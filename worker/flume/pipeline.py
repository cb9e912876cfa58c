"""The live settings of a pipeline, as plain values.

Where they come from (a manifest, the settings record in Redis, flags) is left to
``flume.manifest``, ``flume.settings_record`` and ``flume.runtime``.  The bounds are checked where
a record is read: they are those of the manifest, or wider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

LONGEST_S = 604_800.0
"""Most seconds of a setting that is a time: a week."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``count`` job starts in any window of ``period_s``, over all that share ``key``."""

    count: Annotated[int, Meta(ge=1, le=1_000_000_000)]
    period_s: Annotated[int, Meta(ge=1, le=2_592_000)]
    key: Annotated[str, Meta(max_length=63)] | None = None
    """Name of a limit shared by several pipelines; None keeps it private to the queue."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What a running worker obeys.  Units are in the names; defaults are those of the manifest."""

    queue: str
    max_demand: Annotated[int, Meta(ge=1, le=100_000)] = 100
    """Jobs (or batches) a worker holds at once, claimed or running.  Raise it for short jobs."""
    concurrency: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Handlers at once.  None: max_demand for async handlers, 10 threads for sync ones."""
    batch_size: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """Jobs given to one call of a batch handler; None: 100."""
    batch_timeout_ms: Annotated[int, Meta(ge=1, le=3_600_000)] = 1000
    """Longest wait of a batch's first job for the rest."""
    bisect: bool = True
    """Run a batch that raised again in halves, to charge only the job that fails by itself."""
    rate_limit: RateLimit | None = None
    max_retries: Annotated[int, Meta(ge=0, le=100_000)] = 5
    """Runs after the first, before a job is buried."""
    backoff_initial_s: Annotated[float, Meta(ge=0, le=LONGEST_S)] = 1.0
    """Wait after the first failed run; it doubles with each further one."""
    backoff_max_s: Annotated[float, Meta(ge=0, le=LONGEST_S)] = 600.0
    """Longest wait between two runs."""
    max_crashes: Annotated[int, Meta(ge=0, le=100_000)] = 2
    """Crashes of its worker, while running alone, after which a job is buried."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=LONGEST_S)] = 600.0
    """Longest run of one job."""
    lease_s: Annotated[float, Meta(ge=1, le=LONGEST_S)] = 30.0
    """How long a worker that went silent keeps its jobs.  It is renewed: not the longest job."""
    dead_max_jobs: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    """Dead jobs kept, the newest ones."""
    dead_max_age_s: Annotated[float, Meta(ge=1, le=315_360_000)] = 30 * 24 * 3600.0
    """How long a dead job is kept."""
    paused: bool = False

    SYNC_CONCURRENCY = 10
    """Threads for sync handlers where ``concurrency`` is not set: few enough to be cheap in
    memory (8 MiB of address space each), enough to hide the waits of ordinary blocking calls."""

    BATCH_SIZE = 100
    """Jobs of a batch where ``batch_size`` is not set: enough for a call's own cost to vanish,
    few enough that they fit one INSERT or one request."""

    @property
    def jobs_per_batch(self) -> int:
        """Return how many jobs fill a batch."""
        return self.batch_size or self.BATCH_SIZE

    def places(self, *, is_sync: bool) -> int:
        """Return how many handlers run at once."""
        if self.concurrency is not None:
            return self.concurrency
        return min(self.max_demand, self.SYNC_CONCURRENCY) if is_sync else self.max_demand
