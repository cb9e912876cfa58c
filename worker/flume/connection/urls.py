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
    scheme = chosen.partition(":")[0]
    if scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError(
            "the Redis URL does not start with a scheme of ours: use redis://host:6379/0, "
            "rediss:// for TLS, or unix:///path/to/socket."
        )
    if scheme != "unix" and not _is_whole(chosen):
        raise ConfigurationError(
            "the Redis URL cannot be read: its port is no number, or its user or password holds "
            "one of / ? # [ ] that is not percent-encoded (%2F %3F %23 %5B %5D)."
        )
    return chosen


def _is_whole(url: str) -> bool:
    """Whether a URL's parts are where they seem to be: part of a password may look like a port."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # its text repeats what it could not read
        return False
    return "@" not in f"{parts.path}{parts.query}{parts.fragment}"


def address(url: str) -> str:
    """Return ``url`` for people: without user, password and query."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
