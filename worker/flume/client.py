"""The client for async code.  Its calls are those of ``sync_client``, awaited."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from flume import operations, pausing, recording, tracing
from flume.async_queue import AsyncQueue
from flume.codec import DEFAULT_MAX_PAYLOAD, encode_new
from flume.commands.client import Sent
from flume.commands.command import Command
from flume.connection import AsyncConnections
from flume.driving import Operation, drive_async
from flume.errors import ServerUnavailableError
from flume.gathering import Gatherer
from flume.handler import Handler, Ref
from flume.job import Job
from flume.keys import DEFAULT_PREFIX, Keys, check_prefix, check_queue
from flume.sending import RESEND_PAUSE, Call, Due, Lanes, as_job, plan, time_left
from flume.unconfigured import say_unconfigured

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClient:
    """Hands in jobs and looks after queues, from one event loop.

    Callers that enqueue to the same queue at the same time share a round trip.

    Args:
        url: Where Redis is: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with user and
            password where it asks for them.  None: the environment's ``FLUME_REDIS_URL``, then
            ``redis://127.0.0.1:6379/0``.
        prefix: Start of all keys.  None: ``FLUME_KEY_PREFIX``, then ``flume``.
        timeout: Seconds after which a call is given up.  Until then a call whose reply was lost
            is sent again, which never enqueues a job twice.  ``enqueue_many`` is given up once
            no answer has come for so long.
        max_payload_bytes: Longest encoded job.

    Raises:
        ConfigurationError: If the URL cannot be one of Redis', or the timeout is none.
        NameRefusedError: If the prefix cannot start our keys.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str | None = None,
        timeout: float = 10.0,
        max_payload_bytes: int = DEFAULT_MAX_PAYLOAD,
    ) -> None:
        self.prefix = check_prefix(prefix or os.environ.get("FLUME_KEY_PREFIX") or DEFAULT_PREFIX)
        self._connections = AsyncConnections(url, timeout=timeout)
        self._timeout = timeout
        self._limit = max_payload_bytes
        self._lanes = Lanes()
        self._queues: dict[str, Keys] = {}  # those this client has enqueued to
        self._gatherers: dict[tuple[str, str], Gatherer] = {}

    @overload
    async def enqueue(
        self, queue: str, handler: Handler[P, Any], /, *args: P.args, **kwargs: P.kwargs
    ) -> Job: ...
    @overload
    async def enqueue(
        self, queue: str, handler: Ref | str, /, *args: Any, **kwargs: Any
    ) -> Job: ...
    async def enqueue(self, queue: str, handler: Any, /, *args: Any, **kwargs: Any) -> Job:
        """Hand in a job to be run as soon as can be.  Once this returns, the job is durable.

        Args:
            queue: Name of the queue.
            handler: The handler, a ``ref``, or a name.  Options go with ``handler.using(…)``.
            *args: Positional arguments of the handler.
            **kwargs: Keyword arguments of the handler.

        Returns:
            The job; or the live job that holds the same unique key, with ``is_duplicate`` set.

        Raises:
            PayloadError: If an argument does not come back from JSON equal, or is too long.
            ServerUnavailableError: If no answer came; its ``jobs`` can be sent again safely.
            ServerFullError: If Redis' memory is full.
        """
        job = as_job(handler, args, kwargs)
        keys = self._queues.get(queue)
        if keys is None or job.unique is not None or recording.active is not None:
            return (await self._send(queue, [job], None))[0]
        if tracing.tracer() is None:  # a shorter way past: many callers come here at once
            return await self._gather(keys, job)
        with tracing.enqueuing(queue, [job]):
            return await self._gather(keys, job)

    @overload
    async def enqueue_in(
        self,
        queue: str,
        wait: timedelta,
        handler: Handler[P, Any],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Job: ...
    @overload
    async def enqueue_in(
        self, queue: str, wait: timedelta, handler: Ref | str, /, *args: Any, **kwargs: Any
    ) -> Job: ...
    async def enqueue_in(
        self, queue: str, wait: timedelta, handler: Any, /, *args: Any, **kwargs: Any
    ) -> Job:
        """Hand in a job that becomes ready after ``wait``, by Redis' clock.

        Raises:
            ScheduleError: If ``wait`` is negative or above ten years.
            FlumeError: As ``enqueue``.
        """
        return (await self._send(queue, [as_job(handler, args, kwargs)], Due.after(wait)))[0]

    @overload
    async def enqueue_at(
        self,
        queue: str,
        when: datetime,
        handler: Handler[P, Any],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Job: ...
    @overload
    async def enqueue_at(
        self, queue: str, when: datetime, handler: Ref | str, /, *args: Any, **kwargs: Any
    ) -> Job: ...
    async def enqueue_at(
        self, queue: str, when: datetime, handler: Any, /, *args: Any, **kwargs: Any
    ) -> Job:
        """Hand in a job that becomes ready at ``when``, an aware datetime.

        Raises:
            ScheduleError: If ``when`` has no time zone or is more than ten years away.
            FlumeError: As ``enqueue``.
        """
        return (await self._send(queue, [as_job(handler, args, kwargs)], Due.when(when)))[0]

    async def enqueue_many(self, queue: str, jobs: Iterable[Job]) -> list[Job]:
        """Hand in many jobs, made with ``handler.job(…)``; a thousand share a round trip.

        Jobs of one handler keep their order.  Where an error is raised, jobs before the failing
        one may have been enqueued; sending all of them again is safe.

        Raises:
            FlumeError: As ``enqueue``.
        """
        return await self._send(queue, list(jobs), None)

    def queue(self, name: str) -> AsyncQueue:
        """Return the queue ``name`` to look after.

        Raises:
            NameRefusedError: If it cannot name a queue.
        """
        return AsyncQueue(self, name)

    async def queues(self) -> list[str]:
        """Return the names of all queues under this prefix."""
        return await self._drive(operations.queue_names(self.prefix))

    async def pause_all(
        self,
        *,
        reason: str | None = None,
        expires_in: timedelta | None = None,
        wait: bool = False,
        timeout: float = 10.0,
        by: str | None = None,
    ) -> None:
        """Pause every queue under this prefix, also those to come; one that is paused stays so.

        Arguments and errors are those of ``AsyncQueue.pause``.  ``resume_all`` takes it away.
        """
        begun = pausing.pause_all(self.prefix, reason=reason, expires_in=expires_in, by=by)
        changes = await self._drive(begun)
        if wait:
            await self._drive(
                pausing.acknowledged(self.prefix, changes, what="pause", timeout=timeout)
            )

    async def resume_all(self, *, wait: bool = False, timeout: float = 10.0) -> None:
        """Take away what ``pause_all`` set, and no other pause.

        Arguments and errors are those of ``AsyncQueue.resume``.
        """
        changes = await self._drive(pausing.resume_all(self.prefix))
        if wait:
            await self._drive(
                pausing.acknowledged(self.prefix, changes, what="resume", timeout=timeout)
            )

    async def close(self) -> None:
        """Close the connections.  The client can be used again."""
        await self._connections.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _send(self, queue: str, jobs: list[Job], due: Due | None) -> list[Job]:
        deadline = time.monotonic() + self._timeout
        keys = self._queues.get(queue) or await self._open(queue, jobs, due, deadline)
        if recording.active is not None:
            for job in jobs:
                encode_new(job.body, limit=self._limit)
            return recording.active.record(queue, jobs, due)
        with tracing.enqueuing(queue, jobs):
            duplicates = await self._hand_in(keys, jobs, due, deadline)
        return [duplicates.get(job.id, job) for job in jobs] if duplicates else jobs

    async def _hand_in(
        self, keys: Keys, jobs: list[Job], due: Due | None, deadline: float
    ) -> dict[str, Job]:
        """Send ``jobs``; return those refused as duplicates, by id, as they live.

        The deadline is that of the first answer.  Each one more of many jobs has the whole
        timeout after the one before, so that as many can be sent as one likes.
        """
        duplicates: dict[str, Job] = {}
        until: float | None = deadline
        for call in plan(keys, jobs, self._lanes, limit=self._limit, due=due):
            sent = await self._deliver(call, until)
            if len(jobs) > 1:
                until = None
            if sent.holder:
                operation = operations.duplicate(keys, sent.holder, call.jobs[0])
                duplicates[call.jobs[0].id] = await self._drive(operation, until)
        return duplicates

    async def _gather(self, keys: Keys, job: Job) -> Job:
        """Send the job together with those of other callers."""
        data = encode_new(job.body, limit=self._limit)
        key = (keys.queue, job.body.handler)
        gatherer = self._gatherers.get(key)
        if gatherer is None:
            gatherer = self._gatherers[key] = Gatherer(
                lambda group: self._deliver(group.call(keys, self._lanes))
            )
        if not await gatherer.hand_in(job, data):
            await self._send(keys.queue, [job], None)
        return job

    async def _deliver(self, call: Call, deadline: float | None = None) -> Sent:
        try:
            sent = await self._resend(call.command, deadline)
        except ServerUnavailableError as error:
            raise call.unanswered(error) from error
        except asyncio.CancelledError:
            call.is_in_doubt()
            raise
        self._lanes.answered(call, sent)
        return sent

    async def _resend(self, command: Command[T], deadline: float | None = None) -> T:
        return await self._insist(
            lambda left: self._connections.run(command, timeout=left), deadline
        )

    async def _insist(
        self, send: Callable[[float | None], Awaitable[T]], deadline: float | None = None
    ) -> T:
        """Send until there is an answer or the time is over: the timeout, where no deadline is.

        ``send`` is told the seconds that are left for it; None stands for the whole timeout.
        """
        left = None if deadline is None else time_left(deadline)
        deadline = time.monotonic() + self._timeout if deadline is None else deadline
        while True:
            try:
                return await send(left)
            except ServerUnavailableError:
                if time.monotonic() + RESEND_PAUSE >= deadline:
                    raise
            await asyncio.sleep(RESEND_PAUSE)
            left = time_left(deadline)

    async def _drive(self, operation: Operation[T], deadline: float | None = None) -> T:
        recording.refuse_reading()
        return await drive_async(
            operation,
            lambda command: self._resend(command, deadline),
            lambda *step: self._connections.call(
                *step, timeout=None if deadline is None else time_left(deadline)
            ),
        )

    async def _open(self, queue: str, jobs: list[Job], due: Due | None, deadline: float) -> Keys:
        keys = Keys(check_queue(queue), self.prefix)
        if recording.active is not None:
            return keys
        self._queues[queue] = keys  # at once: who comes meanwhile need not ask as well
        try:
            is_known = await drive_async(
                operations.opened(keys),
                self._connections.run,
                lambda *step: self._insist(
                    lambda left: self._connections.call(*step, timeout=left), deadline
                ),
            )
        except BaseException as error:
            self._queues.pop(queue, None)
            if not isinstance(error, ServerUnavailableError):
                raise
            if due is not None:  # enqueue_many keeps their time only by sending these very calls
                for call in plan(keys, jobs, self._lanes, limit=self._limit, due=due):
                    call.is_in_doubt()
            raise operations.not_sent(error, jobs) from error
        if not is_known:
            say_unconfigured(queue)
        return keys
