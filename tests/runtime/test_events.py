"""What an app hears that subscribes to events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from flume import Discard, Retry, current_job, events
from flume.events import (
    Bus,
    Event,
    JobBuried,
    JobCompleted,
    JobDiscarded,
    JobEvent,
    JobReleased,
    JobRetried,
    JobsClaimed,
    JobsReclaimed,
    JobStarted,
    LeaseLost,
    RedisAway,
    RedisBack,
    WorkerStarted,
    WorkerStopped,
)
from tests.runtime.working import QUEUE, Stage, named
from tests.support.servers import running_server
from tests.support.waiting import wait_until_async

SECRET = "ada@example.com"


@pytest.fixture
def stage(solo: Stage) -> Stage:
    """Return a queue on Valkey: nothing here depends on the server."""
    return solo


@pytest.fixture
def heard() -> Iterator[list[Event]]:
    """Return all events of the test, as they come."""
    found: list[Event] = []
    unsubscribe = events.subscribe(Event, found.append)
    yield found
    unsubscribe()


def of(heard: list[Event], *kinds: type[Event]) -> list[Event]:
    """Return the events of some kinds."""
    return [event for event in heard if isinstance(event, kinds)]


async def test_a_job_that_completes_is_heard_from_claim_to_end(
    stage: Stage, heard: list[Event]
) -> None:
    """The plain story, in order, with everything that the table promises."""

    async def send(to: str) -> None: ...

    handler = named("send", send)
    job = await stage.client.enqueue(QUEUE, handler, SECRET)
    async with stage.working(handler) as worker:
        await stage.until(lambda c: c.totals.get("completed"))

    begun, claimed, started, completed, stopped = heard
    assert begun == WorkerStarted(QUEUE, worker.id)
    assert isinstance(claimed, JobsClaimed)
    assert (claimed.queue, claimed.count) == (QUEUE, 1)
    assert claimed.payload_bytes == len(b'{"handler":"send","args":["ada@example.com"]}')
    assert 0 < claimed.claim_s < 5
    assert 0 <= claimed.waited_s < 5
    assert started == JobStarted(QUEUE, job.id, "send", 1)
    assert isinstance(completed, JobCompleted)
    assert completed == JobCompleted(QUEUE, job.id, "send", 1, completed.duration_s)
    assert 0 <= completed.duration_s < 5
    assert stopped == WorkerStopped(QUEUE, worker.id, 0)


async def test_a_job_that_fails_is_heard_with_its_error(stage: Stage, heard: list[Event]) -> None:
    """What an error tracker needs: the exception itself, and which run it was."""
    errors = [ValueError(f"no mailbox for {SECRET}"), KeyError("again")]

    async def fail() -> None:
        raise errors[current_job().attempt - 1]

    handler = named("fail", fail)
    async with stage.working(handler, max_retries=1, backoff_initial_s=0.01, backoff_max_s=0.01):
        job = await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.dead)

    retried, buried = of(heard, JobRetried, JobBuried)
    assert isinstance(retried, JobRetried)
    assert isinstance(buried, JobBuried)
    assert (retried.job_id, retried.handler, retried.attempt) == (job.id, "fail", 1)
    assert retried.error is errors[0]
    assert 0.005 <= retried.after_s <= 0.01
    assert (buried.job_id, buried.handler, buried.attempt) == (job.id, "fail", 2)
    assert buried.error is errors[1]


async def test_what_a_handler_steers_is_heard(stage: Stage, heard: list[Event]) -> None:
    """Retry is a retry like any other, Discard an end of its own."""
    steps = [Retry("busy"), Discard("unsubscribed")]

    async def steer() -> None:
        raise steps[current_job().attempt - 1]

    handler = named("steer", steer)
    async with stage.working(handler, backoff_initial_s=0.01):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.totals.get("discarded"))

    told = of(heard, JobRetried, JobDiscarded)
    assert [type(event) for event in told] == [JobRetried, JobDiscarded]
    assert [event.error for event in told if isinstance(event, JobRetried | JobDiscarded)] == steps


async def test_jobs_that_a_stop_or_a_cancel_cuts_short_are_heard(
    stage: Stage, heard: list[Event]
) -> None:
    """Neither has ended: one runs again elsewhere, the other was taken away."""
    started: list[str] = []

    async def hang() -> None:
        started.append(current_job().id)
        await asyncio.Event().wait()

    handler = named("hang", hang)
    async with stage.working(handler, grace_s=0.1, lease_s=1) as worker:
        cancelled = await stage.client.enqueue(QUEUE, handler)
        kept = await stage.client.enqueue(QUEUE, handler)
        await wait_until_async(lambda: len(started) == 2)
        await stage.queue.cancel(cancelled.id)
        await wait_until_async(lambda: of(heard, LeaseLost))

    (released,) = of(heard, JobReleased)
    assert of(heard, LeaseLost) == [LeaseLost(QUEUE, (cancelled.id,))]
    assert isinstance(released, JobReleased)
    assert (released.job_id, released.handler, released.attempt) == (kept.id, "hang", 1)
    assert released.duration_s > 0.05
    assert of(heard, WorkerStopped) == [WorkerStopped(QUEUE, worker.id, 1)]


@pytest.mark.parametrize("is_sync", [False, True])
async def test_a_start_is_heard_where_the_handler_runs(stage: Stage, is_sync: bool) -> None:
    """For a sync handler that is its thread, at the moment when it is called and not before."""
    threads: list[threading.Thread] = []
    seen: list[threading.Thread] = []
    unsubscribe = events.subscribe(JobStarted, lambda _: threads.append(threading.current_thread()))

    async def run() -> None:
        seen.append(threading.current_thread())

    handler = named("run", (lambda: seen.append(threading.current_thread())) if is_sync else run)
    async with stage.working(handler):
        await stage.client.enqueue(QUEUE, handler)
        await stage.until(lambda c: c.totals.get("completed"))
    unsubscribe()

    assert threads == seen
    assert (seen[0] is threading.main_thread()) is not is_sync


async def test_reclaimed_jobs_are_heard_from_the_heartbeat(
    stage: Stage, heard: list[Event]
) -> None:
    """A worker died: who watches learns which jobs that cost a try."""
    where: list[str] = []
    unsubscribe = events.subscribe(
        JobsReclaimed, lambda _: where.append(threading.current_thread().name)
    )

    async def hang() -> None:
        await asyncio.Event().wait()

    handler = named("hang", hang)
    job = await stage.client.enqueue(QUEUE, handler)
    # A claim by a worker that has never registered is one of a worker that is gone.
    await leave_a_lapsed_lease(stage, job.id)
    async with stage.working(handler, lease_s=1, grace_s=0.1):
        await wait_until_async(lambda: of(heard, JobsReclaimed), timeout=20)
    unsubscribe()

    (reclaimed,) = of(heard, JobsReclaimed)
    assert isinstance(reclaimed, JobsReclaimed)
    assert (*reclaimed.charged, *reclaimed.released) == (job.id,)
    assert reclaimed.buried == ()
    assert where == ["flume-heartbeat"]


async def test_an_absence_of_redis_is_heard_once(heard: list[Event], tmp_path: Path) -> None:
    """One event when it goes, one when it is back, whatever the number of tries between."""
    handler = named("noop", lambda: None)
    with running_server("valkey", tmp_path) as server:
        async with Stage(server).working(handler):
            server.stop()
            await wait_until_async(lambda: of(heard, RedisAway))
            server.start()
            await wait_until_async(lambda: of(heard, RedisBack))

    away, back = of(heard, RedisAway, RedisBack)
    assert away == RedisAway(QUEUE)
    assert isinstance(back, RedisBack)
    assert back.away_s > 0


async def test_a_subscriber_that_raises_is_logged_and_harmless(
    stage: Stage, heard: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a dashboard must not cost a job, nor put into the log what the job was about."""

    def broken(event: JobBuried) -> None:
        raise RuntimeError(f"cannot send {event.error}")

    unsubscribe = events.subscribe(JobBuried, broken)
    after: list[JobBuried] = []
    done = events.subscribe(JobBuried, after.append)

    async def fail() -> None:
        raise ValueError(SECRET)

    handler = named("fail", fail)
    async with stage.working(handler, max_retries=0):
        await stage.client.enqueue_many(QUEUE, [handler.job(), handler.job()])
        counts = await stage.until(lambda c: c.dead == 2)
    unsubscribe()
    done()

    lines = [line for line in caplog.records if line.getMessage() == "subscriber_failed"]
    assert counts.dead == 2
    assert len(after) == 2  # those who subscribed later hear it all the same
    assert len(lines) == 2
    said = {key: lines[0].__dict__[key] for key in ("subscribed_to", "error_type", "queue")}
    assert said == {"subscribed_to": "JobBuried", "error_type": "RuntimeError", "queue": QUEUE}
    assert lines[0].__dict__["where"].startswith("test_events.py:")
    assert not [line for line in caplog.records if SECRET in str(line.__dict__)]


def test_a_subscription_to_a_family_ends_as_a_whole() -> None:
    """A subscriber that is left behind keeps alive what it belongs to."""
    bus = Bus()
    found: list[JobEvent] = []
    event = JobStarted(QUEUE, "0" * 32, "send", 1)
    unsubscribe = bus.subscribe(JobEvent, found.append)
    bus.publish(event)
    wanted = bus.wants(JobStarted), bus.wants(JobBuried), bus.wants(LeaseLost)
    unsubscribe()
    bus.publish(event)

    assert found == [event]
    assert wanted == (True, True, False)
    assert not bus.wants(JobStarted)


def test_an_event_does_not_show_the_text_of_its_error() -> None:
    """Logging an event whole is the first thing that anybody does with it."""
    event = JobBuried(QUEUE, "0" * 32, "send", 1, 0.5, ValueError(SECRET))

    assert SECRET not in repr(event)
    assert "error" in {field.name for field in fields(event)}


async def leave_a_lapsed_lease(stage: Stage, job_id: str) -> None:
    """Claim a job for a worker that is gone, with a lease that is over."""
    call = stage.client._connections.call
    prefix = f"flume:{{{QUEUE}}}:"
    await call("LPOP", f"{prefix}ready:hang")
    await call("ZADD", f"{prefix}running", 1, job_id)
