"""SMTP connections that are used again: a new one for each mail costs more than the mail."""

from __future__ import annotations

import contextlib
import smtplib
from email.message import Message
from queue import Empty, SimpleQueue

TIMEOUT_S = 10.0


class Mailer:
    """Sends mail from any number of threads; each takes an idle connection or opens one."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._idle: SimpleQueue[smtplib.SMTP] = SimpleQueue()

    def send(self, message: Message) -> None:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = smtplib.SMTP(*self._address, timeout=TIMEOUT_S)
        try:
            connection.send_message(message)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            self._idle.put(connection)  # the server said no; the connection is as good as before
            raise
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def close(self) -> None:
        while not self._idle.empty():
            with contextlib.suppress(smtplib.SMTPException, OSError):  # the server may have gone
                self._idle.get().quit()
