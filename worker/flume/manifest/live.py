"""Parts of the spec that running workers obey: delivery, rate limit, retry, dead letters."""

from __future__ import annotations

from typing import Annotated

from flume.manifest import patterns
from flume.manifest.fields import Acts, Between, Default, Text
from flume.manifest.model import Model, Rule


class Http(Model):
    """Where the app listens, in the pod of its worker."""

    port: Annotated[int, Between(1, 65_535)]
    """Port on localhost that the app's container listens on."""
    path: Annotated[str, Text(1024, patterns.URL_PATH)] = "/"
    """Path that each job is sent to by POST."""


class Delivery(Model):
    """How jobs reach an app that is not Python, or not in the worker's image."""

    http: Annotated[Http, Acts.RESTARTS]
    """POST each job as a CloudEvent to a container beside the worker."""


class RateLimit(Model):
    """At most so many job starts in any window of the period, over all replicas."""

    count: Annotated[int, Between(1, 1_000_000_000, "jobs")]
    """Most jobs that may start in any window of the period."""
    period_seconds: Annotated[int, Between(1, 2_592_000, "seconds")]
    """Length of the window."""
    key: Annotated[
        str | None, Text(63, patterns.NAME), Default("none, which keeps it to this queue")
    ] = None
    """Name of a limit that all pipelines with the same key share."""


class Retry(Model):
    """What happens after a job failed: it waits ever longer, and is given up in the end."""

    max_retries: Annotated[int, Between(0, 1000, "runs")] = 5
    """Most runs after the first one before the job is dead."""
    backoff_initial_seconds: Annotated[int, Between(1, 86_400, "seconds")] = 1
    """Wait after the first failed run, which doubles with each further one."""
    backoff_max_seconds: Annotated[int, Between(1, 604_800, "seconds")] = 600
    """Longest wait between two runs."""

    rules = (
        Rule(
            reads=("backoffInitialSeconds", "backoffMaxSeconds"),
            broken=lambda initial, longest: initial > longest,
            cel="self.backoffInitialSeconds <= self.backoffMaxSeconds",
            at="backoffInitialSeconds",
            sentence="backoffInitialSeconds must not exceed backoffMaxSeconds (600 unless set): "
            "lower the first or raise the second",
        ),
    )


class DeadLetter(Model):
    """How many dead jobs are kept, and how long: what exceeds either is dropped, oldest first."""

    max_jobs: Annotated[int, Between(1, 10_000_000, "jobs")] = 10_000
    """Most dead jobs that are kept."""
    max_age_seconds: Annotated[int, Between(1, 315_360_000, "seconds")] = 2_592_000
    """How long a dead job is kept."""
