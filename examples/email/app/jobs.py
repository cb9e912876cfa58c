"""The jobs of this app: what a worker runs."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from email.mime.text import MIMEText
from smtplib import SMTPRecipientsRefused

from app.mail import Mailer
from flume import Discard, current_job, handler, lifespan

mailer = Mailer(os.environ.get("SMTP_HOST", "127.0.0.1"), int(os.environ.get("SMTP_PORT", "25")))


@handler
def send_email(to: str, *, name: str) -> None:
    message = MIMEText(f"Dear {name},\n\nthis mail came to you through Flume.\n")
    message["From"] = "Flume <flume@example.org>"
    message["To"] = to
    message["Subject"] = "Hello"
    # A job may run twice: where a worker dies between the mail and the news of it, another sends
    # the mail again.  The same id on every attempt lets the receiver drop the second copy.
    message["Message-ID"] = f"<{current_job().id}@example.org>"
    try:
        mailer.send(message)
    except SMTPRecipientsRefused as refused:
        code, text = refused.recipients[to]
        if code >= 500:  # for good: another attempt would get the same answer
            raise Discard(f"{code} {text.decode()}", bury=True) from refused
        raise  # for now (4xx): the pipeline's back-off decides when it runs again


@lifespan
async def connections() -> AsyncIterator[None]:
    """Once a worker: what comes after the yield runs when its last job has ended."""
    yield
    mailer.close()
