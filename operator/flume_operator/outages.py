"""Which Pipelines do without their Redis, and which one of them asks whether it is back.

If each asked, a Redis that is down would be asked by hundreds, or be noticed late.  So the first
asks whenever ``controls`` lets it, within two seconds, and wakes the others.
"""

from __future__ import annotations

from collections.abc import Callable

from flume_operator.objects import Key


class Outages:
    """The Pipelines that could not reach their Redis, by its address.

    Args:
        wait_s: Returns after how many seconds an address may be asked again.
        wake: Called with each Pipeline whose Redis is back.
    """

    def __init__(self, wait_s: Callable[[str], float], wake: Callable[[Key], None]) -> None:
        self._wait_s = wait_s
        self._wake = wake
        self._without: dict[str, dict[Key, None]] = {}  # the first of each asks
        self._url_of: dict[Key, str] = {}

    def failed(self, key: Key, url: str) -> None:
        """Take note that a Pipeline did not reach its Redis."""
        if self._url_of.get(key) != url:
            self.forget(key)
            self._url_of[key] = url
            self._without.setdefault(url, {})[key] = None

    def again_s(self, key: Key) -> float | None:
        """Return after how many seconds a Pipeline is to ask; None: another does, or none need."""
        url = self._url_of.get(key)
        if url is None or next(iter(self._without[url])) != key:
            return None
        return self._wait_s(url)

    def answered(self, key: Key, url: str) -> None:
        """Take note that a Redis answered a Pipeline, and wake the others that wait for it."""
        self.forget(key)
        for other in self._without.pop(url, ()):
            del self._url_of[other]
            self._wake(other)

    def forget(self, key: Key) -> None:
        """Drop a Pipeline that is gone, or does not wait for that Redis any more."""
        url = self._url_of.pop(key, None)
        if url is not None:
            self._without[url].pop(key)
            if not self._without[url]:
                del self._without[url]

    def clear(self) -> None:
        """Drop all: another process leads."""
        self._without.clear()
        self._url_of.clear()
