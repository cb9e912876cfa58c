"""Kills an operator at a chosen point of its work: once its n-th change is made, and unheard.

What is there after the n-th change is the same whether the process is killed before it hears of
it, while it reads, or right before it makes the next: so one kill for each change is all of them.
"""

from __future__ import annotations

import re
import threading

from tests.support.api_proxy import ApiProxy, Call
from tests.support.operating import Shop
from tests.support.processes import Process
from tests.support.proxy import Proxy


class Fuse:
    """Counts the changes that an operator makes for one Pipeline, in the cluster and in Redis.

    Args:
        shop: Where the Pipeline is.
        api: On the way to the API server.
        redis: On the way to the shop's Redis.
    """

    def __init__(self, shop: Shop, api: ApiProxy, redis: Proxy) -> None:
        self.shop = shop
        self.api = api
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._name = ""
        self._left = 0
        self._known: list[object] = []
        self.is_burnt = False
        """Whether it has killed."""
        api.served = self._api_served
        redis.served = self._redis_served

    def arm(self, process: Process, name: str, changes: int) -> None:
        """Kill a process once it has made so many changes for the Pipeline of a name."""
        with self._lock:
            self._process, self._name, self._left = process, name, changes
            self._known = self._queue()
            self.is_burnt = False

    def disarm(self) -> None:
        """Kill no more."""
        with self._lock:
            self._process = None

    def _api_served(self, call: Call) -> None:
        with self._lock:
            if call.is_write and re.search(rf"/{self._name}([/?]|$)", call.path):
                self._count()

    def _redis_served(self, piece: bytes) -> None:
        with self._lock:
            if self._process is not None and self.shop.queue(self._name).encode() in piece:
                found = self._queue()
                if found != self._known:
                    self._known = found
                    self._count()

    def _count(self) -> None:
        if self._process is None:
            return
        self._left -= 1
        if self._left == 0:
            self._process.kill()
            self.is_burnt = True
            self._process = None

    def _queue(self) -> list[object]:
        start = f"flume:{{{self.shop.queue(self._name)}}}"
        hashes = ("settings", "pause", "jobs")
        return [self.shop.server.call("HGETALL", f"{start}:{each}") for each in hashes]
