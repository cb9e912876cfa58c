"""The job that ten people share: one conversation with the mail server for a whole batch."""

from __future__ import annotations

from collections.abc import AsyncIterator

from app import starts
from app.mail import mailer, message
from flume import Batch, batch_handler, lifespan

NOBODY = "undisclosed-recipients:;"
ISSUE = "digest-47"  # the same for every attempt, so that a receiver drops a second copy


@batch_handler
def digest(batch: Batch[str]) -> None:
    starts.note("digests", len(batch))
    mail = message(NOBODY, "Your week", "Dear reader,\n\nthis is your week.\n", ISSUE)
    recipients = {job.value: job for job in batch}
    for to, error in mailer.send(mail, list(recipients)).items():
        batch.fail(recipients[to], error)  # this one alone; the others have got their mail


@lifespan
async def connections() -> AsyncIterator[None]:
    """Once a worker: what comes after the yield runs when its last batch has ended."""
    yield
    mailer.close()
