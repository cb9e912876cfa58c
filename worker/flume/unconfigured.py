"""Says that a job went to a queue which nobody has: an event to logs, a sentence to a person."""

from __future__ import annotations

import logging

logger = logging.getLogger("flume.client")


def say_unconfigured(queue: str) -> None:
    """Say that nobody has configured ``queue`` or works on it.

    Where the app has configured no logging, Python prints a warning's message and nothing else to
    standard error: there an event's name alone would tell nobody what to do.
    """
    if logger.hasHandlers():
        logger.warning("queue_unconfigured", extra={"queue": queue})
    elif logging.lastResort is not None and logger.isEnabledFor(logging.WARNING):
        text = (
            f"flume: nobody has configured queue {queue} or works on it, so its jobs wait. If the "
            "name is right, start a worker for it or apply its Pipeline; if it is mistyped, "
            f"correct it and delete the jobs: flume purge {queue} --state ready"
        )
        logging.lastResort.handle(logging.makeLogRecord({"msg": text, "levelno": logging.WARNING}))
