"""SMTP connections that are used again: a new one for each mail costs more than the mail."""

from __future__ import annotations

import contextlib
import os
import smtplib
from collections.abc import Sequence
from email.message import Message
from email.mime.text import MIMEText
from queue import Empty, SimpleQueue

from flume import Discard

TIMEOUT_S = 10.0


class NotNowError(Exception):
    """The mail server turned a recipient away for now (4xx)."""


class Mailer:
    """Sends mail from any number of threads; each takes an idle connection or opens one."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._idle: SimpleQueue[smtplib.SMTP] = SimpleQueue()

    def send(self, mail: Message, to: Sequence[str]) -> dict[str, Exception]:
        """Send one mail to all of ``to``, and return whom the server refused, and how to go on."""
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = smtplib.SMTP(*self._address, timeout=TIMEOUT_S)
        try:
            refused = connection.send_message(mail, to_addrs=to)
        except smtplib.SMTPRecipientsRefused as error:  # all of them
            refused = error.recipients
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)  # it is as good as before, also where the server said no
        return {address: refusal(*answer) for address, answer in refused.items()}

    def close(self) -> None:
        while not self._idle.empty():
            with contextlib.suppress(smtplib.SMTPException, OSError):  # the server may have gone
                self._idle.get().quit()


def refusal(code: int, text: bytes) -> Exception:
    """Return what a job raises, or what a batch says of it, for an answer of the server."""
    words = f"{code} {text.decode()}"
    if code >= 500:  # for good: another attempt would get the same answer
        return Discard(words, bury=True)
    return NotNowError(words)  # for now: an error like any other, which is retried


def message(to: str, subject: str, text: str, id_: str) -> Message:
    mail = MIMEText(text)
    mail["From"] = "Flume <flume@example.org>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{id_}@example.org>"
    return mail


mailer = Mailer(os.environ.get("SMTP_HOST", "127.0.0.1"), int(os.environ.get("SMTP_PORT", "25")))
