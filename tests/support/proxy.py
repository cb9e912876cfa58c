"""A TCP proxy in front of a server that loses, stalls and cuts what passes through it.

It runs in threads of its own, so that a blocked event loop or a synchronous client can be tested
against it.  Every fate is drawn from one seeded generator.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from enum import Enum, auto
from random import Random

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s; closing sends RST instead of FIN


class Fate(Enum):
    """What happens to a piece of a conversation."""

    PASS = auto()
    CUT = auto()
    """The connection ends and the piece is lost."""
    CUT_WITHIN = auto()
    """A part of the piece arrives before the connection ends."""
    SWALLOW_REPLY = auto()
    """The request arrives and is served; its reply is lost with the connection."""


class _Link:
    """One client's connection and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.swallows_reply = False
        self.flows = threading.Event()
        self.flows.set()
        self.asked = b""

    def cut(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads from it


class Proxy:
    """Forward connections from a port of its own to ``target``; use as a context manager.

    Args:
        target: Port of the server on this machine.
        seed: Of the generator that draws the fates.
    """

    def __init__(self, target: int, *, seed: int = 0) -> None:
        self.target = target
        self.cuts = 0
        """Connections cut so far; counted when that is drawn, for a client may leave before it."""
        self.refused = 0
        """Connections that were not taken."""
        self.heard: Callable[[bytes], None] = lambda _piece: None
        """Called with each piece from a client, before anything becomes of it."""
        self.served: Callable[[bytes], None] = lambda _piece: None
        """Called with the last of these once the server has answered, before that is passed on."""
        self._rng = Random(seed)
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []
        self._flows = threading.Event()
        self._flows.set()
        self._refuses = False
        self._closing = False
        self._share = 0.0
        self._cuts_left = 0
        self._replies_to_drop = 0
        self._delay_s = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Database 0 of the server, by way of this proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def open(self) -> int:
        """How many connections stand."""
        return len(self._links)

    def __enter__(self) -> Proxy:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self.heal()
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        self.cut_all()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def cut_at_random(self, share: float, *, limit: int = 1_000_000_000) -> None:
        """Cut the connection of about ``share`` of all pieces that pass, ``limit`` times at most.

        A third of the cut requests are lost, a third arrive in part, and a third are served and
        lose their reply; replies are lost whole or in part.
        """
        with self._lock:
            self._share, self._cuts_left = share, limit

    def drop_replies(self, count: int = 1) -> None:
        """Let the next ``count`` requests be served, and lose their replies and connections."""
        with self._lock:
            self._replies_to_drop = count

    def delay(self, seconds: float) -> None:
        """Let each reply arrive so much later, as over a long way."""
        self._delay_s = seconds

    def stall(self) -> None:
        """Hold back everything; connections stand, and nothing arrives until ``heal``."""
        self._flows.clear()

    def stick(self) -> None:
        """Hold back what passes over the connections that stand; new ones are not touched."""
        with self._lock:
            for link in self._links:
                link.flows.clear()

    def refuse(self) -> None:
        """Cut all connections, and reset each new one."""
        self._refuses = True
        self.cut_all()

    def cut_all(self) -> None:
        """Cut all connections that stand now."""
        with self._lock:
            links = list(self._links)
            self.cuts += len(links)
        for link in links:
            link.cut()

    def heal(self) -> None:
        """Forward faithfully from now on."""
        with self._lock:
            self._share, self._cuts_left, self._replies_to_drop = 0.0, 0, 0
            for link in self._links:
                link.flows.set()
        self._refuses = False
        self._delay_s = 0.0
        self._flows.set()

    def _spawn(self, work: Callable[..., None], *arguments: _Link) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        thread.start()

    def _accept(self) -> None:
        while not self._closing:
            client, _ = self._listener.accept()
            link = self._connect(client)
            if link is not None:
                self._spawn(self._requests, link)
                self._spawn(self._replies, link)

    def _connect(self, client: socket.socket) -> _Link | None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if not self._welcomes():
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            client.close()
            self.refused += 1
            return None
        server.settimeout(None)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(client, server)
        with self._lock:
            self._links.add(link)
        if not self._welcomes():  # since it was asked above
            link.cut()
        return link

    def _welcomes(self) -> bool:
        return not (self._refuses or self._closing)

    def _requests(self, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := link.client.recv(CHUNK):
                link.asked = data
                self.heard(data)
                self._flows.wait()
                link.flows.wait()
                fate = Fate.PASS if link.swallows_reply else self._draw_request()
                if fate is Fate.SWALLOW_REPLY:
                    link.swallows_reply = True
                elif fate is not Fate.PASS:
                    self._part(link, link.server, data, fate)
                    return
                link.server.sendall(data)
            link.server.shutdown(socket.SHUT_WR)  # what was sent before the end is still served

    def _replies(self, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := link.server.recv(CHUNK):
                asked, link.asked = link.asked, b""
                if asked:
                    self.served(asked)
                if self._delay_s:
                    threading.Event().wait(self._delay_s)
                self._flows.wait()
                link.flows.wait()
                fate = Fate.CUT if link.swallows_reply else self._draw_reply()
                if fate is not Fate.PASS:
                    self._part(link, link.client, data, fate)
                    break
                link.client.sendall(data)
        link.cut()
        with self._lock:
            self._links.discard(link)
        link.client.close()
        link.server.close()

    def _part(self, link: _Link, target: socket.socket, data: bytes, fate: Fate) -> None:
        if fate is Fate.CUT_WITHIN and len(data) > 1:
            with contextlib.suppress(OSError):
                with self._lock:
                    length = self._rng.randrange(1, len(data))
                target.sendall(data[:length])
        link.cut()

    def _draw_request(self) -> Fate:
        with self._lock:
            if self._replies_to_drop > 0:
                self._replies_to_drop -= 1
                self.cuts += 1
                return Fate.SWALLOW_REPLY
            if not self._is_cut():
                return Fate.PASS
            return self._rng.choice([Fate.CUT, Fate.CUT_WITHIN, Fate.SWALLOW_REPLY])

    def _draw_reply(self) -> Fate:
        with self._lock:
            return self._rng.choice([Fate.CUT, Fate.CUT_WITHIN]) if self._is_cut() else Fate.PASS

    def _is_cut(self) -> bool:
        if self._cuts_left <= 0 or self._rng.random() >= self._share:
            return False
        self._cuts_left -= 1
        self.cuts += 1
        return True


@contextlib.contextmanager
def proxied(target: int, *, seed: int = 0) -> Iterator[Proxy]:
    """Run a proxy in front of the server at ``target``."""
    with Proxy(target, seed=seed) as proxy:
        yield proxy
