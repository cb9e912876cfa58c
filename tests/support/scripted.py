"""A server whose answers a test writes down, for what a real one says only in rare moments."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import hiredis

Answer = Callable[[list[bytes]], bytes]
"""Returns what to reply to a call; nothing leaves the caller without an answer."""


class HangUp(Exception):
    """Raised by an answer: the connection ends, after a part of the reply perhaps."""

    def __init__(self, part: bytes = b"") -> None:
        super().__init__()
        self.part = part


class Scripted:
    """Listens on ``port`` and answers the first connection as the first of ``answers`` says.

    The last one counts for all further connections.  What a client says of itself when it
    connects is answered with OK, unless it ``is_foreign``.
    """

    def __init__(self, *answers: Answer, is_foreign: bool = False) -> None:
        self.connections = 0
        """Opened so far."""
        self._answers = answers
        self._greets = not is_foreign
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Scripted:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._listener, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits on it
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                answer = self._answers[min(self.connections, len(self._answers) - 1)]
                self.connections += 1
                self._ends.append(client)
                self._spawn(self._serve, client, answer)

    def _serve(self, client: socket.socket, answer: Answer) -> None:
        with client, contextlib.suppress(OSError):
            for call in _calls(client):
                is_greeting = self._greets and call[0] == b"CLIENT"
                try:
                    client.sendall(b"+OK\r\n" if is_greeting else answer(call))
                except HangUp as end:
                    client.sendall(end.part)
                    return


def _calls(client: socket.socket) -> Iterator[list[bytes]]:
    reader = hiredis.Reader()
    while data := client.recv(65536):
        reader.feed(data)
        while (call := reader.gets()) is not False:
            yield call


def says(reply: bytes) -> Answer:
    """Reply the same to every call."""
    return lambda _: reply


def nothing(_: list[bytes]) -> bytes:
    """Reply nothing: the server has vanished, and nobody has told the client."""
    return b""


def hangs_up(part: bytes = b"") -> Answer:
    """End the connection within the first reply."""

    def answer(_: list[bytes]) -> bytes:
        raise HangUp(part)

    return answer
