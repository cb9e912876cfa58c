"""Decides what becomes of each job that ended, hands that on, and tells who listens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from random import Random

from flume.current import HeldJob
from flume.errors import NameRefusedError
from flume.events import (
    Event,
    JobBuried,
    JobCompleted,
    JobDiscarded,
    JobReleased,
    JobRetried,
    LeaseLost,
    bus,
)
from flume.keys import check_handler
from flume.origin import place_of
from flume.outcome import Discard, Retry
from flume.pipeline import PipelineSettings
from flume.runtime.completer import Completer
from flume.runtime.demand import Demand
from flume.runtime.metrics import Metrics
from flume.runtime.verdict import Again, judge

logger = logging.getLogger("flume.job")


class Settler:
    """Settles each job once.

    Args:
        queue: For logs and events.
        settings: Of the pipeline.
        demand: Where settled jobs are let go.
        completer: Takes the outcomes.
        metrics: Counts them.
        rng: Spreads retries.
    """

    def __init__(
        self,
        queue: str,
        settings: PipelineSettings,
        demand: Demand,
        completer: Completer,
        metrics: Metrics,
        *,
        rng: Random,
    ) -> None:
        self.settings = settings
        self.released = 0
        self._queue = queue
        self._demand = demand
        self._completer = completer
        self._metrics = metrics
        self._rng = rng
        self._logs_completed = logger.isEnabledFor(logging.DEBUG)

    def ended(self, job: HeldJob, error: BaseException | None, duration: float) -> None:
        """Settle a job whose handler returned (no error) or did not."""
        if not self._demand.drop(job):
            return  # it was lost: what its handler still did does not count
        if error is not None:
            self._failed(job, error, duration)
            return
        self._completer.complete(job)
        self._metrics.ran(job.body.handler, "completed", duration)  # type: ignore[union-attr]
        if self._logs_completed:
            logger.debug("job_completed", extra=self._fields(job, duration))
        if bus.wants(JobCompleted):
            bus.publish(JobCompleted(*self._subject(job), duration))

    def completed(self, jobs: Sequence[HeldJob], duration: float) -> None:
        """Settle jobs of one batch whose handler returned."""
        done = self._demand.drop_called(jobs)
        if not done:
            return
        self._completer.complete_all(done)
        self._metrics.ran(handler_name(done[0]), "completed", duration, len(done))
        for job in done if self._logs_completed else ():
            logger.debug("job_completed", extra=self._fields(job, duration))
        for job in done if bus.wants(JobCompleted) else ():
            bus.publish(JobCompleted(*self._subject(job), duration))

    def release(self, job: HeldJob, duration: float = 0.0) -> None:
        """Give a job back unrun, or not run to its end; nothing is charged."""
        if self._demand.drop(job):
            name = handler_name(job)
            if name:
                self._completer.release(job, name)
            else:  # it cannot be read, and belongs to no list
                self._completer.bury(job, None)
            self._released(job, duration)

    def release_late(self, job: HeldJob) -> None:
        """Give a job back whose token was too old to start it; another claim brings another one."""
        self.release(job)
        self._demand.freed()

    def gave_back(self, jobs: Sequence[HeldJob]) -> None:
        """Let go of jobs that the heartbeat has given back by itself."""
        for job in jobs:
            if self._demand.drop(job):
                self._released(job, 0.0)
        self._demand.freed()

    def lose(self, jobs: Sequence[HeldJob]) -> list[HeldJob]:
        """Let go of jobs that another worker holds or that were cancelled; return those we had.

        A job that has ended meanwhile is none of them, nor one that was claimed again.
        """
        lost = [job for job in jobs if self._demand.drop(job)]
        for job in lost:
            job.ending, job.is_settled = "lost", True
        if lost:
            report_lost(self._metrics, [job.id for job in lost])
            self._demand.freed()
        return lost

    def _released(self, job: HeldJob, duration: float) -> None:
        job.is_settled = True
        self.released += 1
        self._metrics.ran(_shown_name(job), "released", duration)
        if bus.wants(JobReleased):
            bus.publish(JobReleased(*self._subject(job), duration))

    def _failed(self, job: HeldJob, error: BaseException, duration: float) -> None:
        if job.body is None or job.handler is None:  # it cannot be read: kept as it is
            self._completer.bury(job, None)
            self._report(JobBuried, "buried", job, duration, error=error)
            return
        if job.ending in ("shutdown", "unrun") and not isinstance(error, Retry | Discard):
            # Whatever it raised, the stop was the cause: an orderly stop costs no retry.  Nor does
            # the end of a batch that had not come to this job.
            self._completer.release(job, handler_name(job))
            self._released(job, duration)
            return
        verdict = judge(
            job.body,
            error,
            defaults=job.handler.defaults,
            settings=self.settings,
            rng=self._rng,
        )
        if isinstance(verdict, Again):
            self._completer.retry(job, verdict.body, verdict.after_s)
            self._report(JobRetried, "retried", job, duration, error=error, after_s=verdict.after_s)
        elif verdict.body is not None:
            self._completer.bury(job, verdict.body)
            self._report(JobBuried, "buried", job, duration, error=error)
        else:
            self._completer.discard(job)
            self._report(JobDiscarded, "discarded", job, duration, error=error)

    def _report(
        self,
        kind: Callable[..., Event],
        outcome: str,
        job: HeldJob,
        duration: float,
        *,
        error: BaseException,
        after_s: float | None = None,
    ) -> None:
        self._metrics.ran(_shown_name(job), outcome, duration)
        fields = self._fields(job, duration)
        # The error's text may hold what the job was about: it stays with the job, out of the log.
        fields |= {"error_type": type(error).__name__, "where": place_of(error)}
        details: tuple[object, ...] = (error,)
        if after_s is not None:
            fields["after_s"] = round(after_s, 3)
            details = (after_s, error)
        level = logging.ERROR if outcome == "buried" else logging.WARNING
        logger.log(level, f"job_{outcome}", extra=fields)  # noqa: G004
        bus.publish(kind(*self._subject(job), duration, *details))

    def _subject(self, job: HeldJob) -> tuple[str, str, str, int]:
        attempt = job.body.attempts + 1 if job.body else 1
        return self._queue, job.id.decode(), _shown_name(job), attempt

    def _fields(self, job: HeldJob, duration: float) -> dict[str, object]:
        queue, job_id, handler, attempt = self._subject(job)
        return {
            "pipeline": self._metrics.pipeline,
            "queue": queue,
            "job_id": job_id,
            "handler": handler,
            "attempt": attempt,
            "duration_s": round(duration, 6),
        }


def report_lost(metrics: Metrics, job_ids: Sequence[bytes]) -> None:
    """Count and report jobs whose lease is lost; their outcomes were, or will be, refused."""
    metrics.leases_lost += len(job_ids)
    names = tuple(job_id.decode() for job_id in job_ids)
    extra = {"queue": metrics.queue, "count": len(names), "job_ids": names[:10]}
    logger.warning("lease_lost", extra=extra)
    bus.publish(LeaseLost(metrics.queue, names))


def _shown_name(job: HeldJob) -> str:
    """Return the handler's name for people; empty where it is none, for then it may be anything."""
    name = handler_name(job)
    try:
        return name if job.handler is not None else check_handler(name)
    except NameRefusedError:
        return ""


def handler_name(job: HeldJob) -> str:
    """Return the name whose list the job came from; empty where its body cannot be read."""
    if job.body is not None:
        return job.body.handler
    start, _, rest = job.data.partition(b'{"handler":"')  # as include/requeue.lua reads it
    return "" if start else rest.partition(b'"')[0].decode(errors="replace")
