"""What a handler raises to steer its job.  Returning completes it; any other error is a failure."""

from __future__ import annotations

from datetime import timedelta


class Retry(Exception):
    """Run this job again, after a wait of the handler's choice.

    It is charged as an attempt like any failure, so that it cannot go on for ever.

    Args:
        reason: Kept with the job and shown to people.
        after: Wait before the next run; None takes the pipeline's back-off.

    Raises:
        ValueError: If ``after`` is negative.
    """

    def __init__(self, reason: str = "", *, after: timedelta | None = None) -> None:
        if after is not None and after < timedelta(0):
            raise ValueError(f"after is {after}: a job cannot run again in the past")
        super().__init__(reason)
        self.reason = reason
        self.after = after


class Discard(Exception):
    """Give this job up at once, without further runs.

    Args:
        reason: Kept with a buried job and shown to people.
        bury: Keep the job in the dead-letter queue.  False drops it.
    """

    def __init__(self, reason: str = "", *, bury: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.bury = bury
