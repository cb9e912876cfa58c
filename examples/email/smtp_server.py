"""A real SMTP server on this machine, with the moods of real ones.

It turns some recipients away for now (451, greylisting: the first attempt only) and some for good
(550).  Which ones, an address alone decides, so every run turns away the same.
It prints JSON lines: its port when it listens, and then what it has counted, when that changes.
It ends on Ctrl-C, on SIGTERM, and when whoever started it goes away.
By hand: python smtp_server.py [PORT [HOST]]
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections import Counter
from zlib import crc32

from aiosmtpd.smtp import SMTP, Envelope, Session

GREYLISTED_PERCENT = 3
REFUSED_PERCENT = 1
REPORT_SECONDS = 0.1


class Mailbox:
    """Takes mail for everybody, more or less willingly."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()  # recipient -> mails accepted
        self.greylisted: set[str] = set()
        self.refused: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        mood = crc32(address.encode()) % 100
        if mood < REFUSED_PERCENT:
            self.refused.add(address)
            return "550 5.1.1 No such user here"
        if mood < REFUSED_PERCENT + GREYLISTED_PERCENT and address not in self.greylisted:
            self.greylisted.add(address)
            return "451 4.7.1 Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.sent.update(envelope.rcpt_tos)
        return "250 OK"

    def tally(self) -> dict[str, int]:
        """Return the counts: of recipients, and of mails that came a second time."""
        return {
            "sent": len(self.sent),
            "twice": self.sent.total() - len(self.sent),
            "greylisted": len(self.greylisted),
            "refused": len(self.refused),
        }


def say(fields: dict[str, int]) -> None:
    print(json.dumps(fields), flush=True)


async def main(port: int, host: str) -> None:
    loop = asyncio.get_running_loop()
    mailbox = Mailbox()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    threading.Thread(target=await_parent, args=(loop, stopping), daemon=True).start()

    server = await loop.create_server(lambda: SMTP(mailbox, hostname="mail.example"), host, port)
    say({"port": server.sockets[0].getsockname()[1]})
    said: dict[str, int] = {}
    while not stopping.is_set():
        if said != (said := mailbox.tally()):
            say(said)
        try:
            async with asyncio.timeout(REPORT_SECONDS):
                await stopping.wait()
        except TimeoutError:
            pass
    say(mailbox.tally())


def await_parent(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Stop once standard input is closed, which it is when the process at its other end is gone."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    loop.call_soon_threadsafe(stopping.set)


if __name__ == "__main__":
    port, host = [*sys.argv[1:], *("0", "127.0.0.1")[len(sys.argv) - 1 :]]
    asyncio.run(main(int(port), host))
