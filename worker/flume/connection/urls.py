"""Where Redis is: the URL that counts, and how it is shown."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from flume.errors import ConfigurationError

DEFAULT_URL = "redis://127.0.0.1:6379/0"


def redis_url(url: str | None) -> str:
    """Return ``url``, or the environment's FLUME_REDIS_URL, or the local default.

    Raises:
        ConfigurationError: If it is not a redis://, rediss:// or unix:// URL.
    """
    chosen = url or os.environ.get("FLUME_REDIS_URL") or DEFAULT_URL
    if urlsplit(chosen).scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError(
            f"the Redis URL starts with {urlsplit(chosen).scheme or 'no scheme'!r}: use "
            "redis://host:6379/0, rediss:// for TLS, or unix:///path/to/socket."
        )
    return chosen


def address(url: str) -> str:
    """Return ``url`` for people: without user, password and query."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
