"""The jobs that send one mail each: what the workers of newsletters and receipts run."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app import starts
from app.mail import mailer, message
from flume import current_job, handler, lifespan


@handler
def newsletter(to: str, *, name: str) -> None:
    starts.note("newsletters")
    deliver(to, "News", f"Dear {name},\n\nthis mail came to you through Flume.\n")


@handler
def receipt(to: str, *, name: str) -> None:
    starts.note("receipts")
    deliver(to, "Your receipt", f"Dear {name},\n\nthank you for your order.\n")


def deliver(to: str, subject: str, text: str) -> None:
    # A job may run twice: where a worker dies between the mail and the news of it, another sends
    # the mail again.  The same id on every attempt lets the receiver drop the second copy.
    refused = mailer.send(message(to, subject, text, current_job().id), [to])
    if to in refused:
        raise refused[to]  # not now: the back-off decides when it runs again; never: it is dead


@lifespan
async def connections() -> AsyncIterator[None]:
    """Once a worker: what comes after the yield runs when its last job has ended."""
    yield
    mailer.close()
