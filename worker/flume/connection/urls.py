"""Where Redis is: the URL that counts, and how it is shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from flume.errors import ConfigurationError

DEFAULT_URL = "redis://127.0.0.1:6379/0"
PROTOCOL = "2"
"""Of RESP.  Replies of 3 have other forms for the same data, which our readers do not expect."""

_DATABASE = re.compile(r"(/([0-9]+/?)?)?")  # redis-py takes anything else for 0


def redis_url(url: str | None) -> str:
    """Return ``url``, or what the environment names, or the local default.

    FLUME_REDIS_FILE counts before FLUME_REDIS_URL: an app's own variable may say something else.

    ``file:///…`` stands for the URL in that file, which is read when a connection is opened.

    Raises:
        ConfigurationError: If it is not a redis://, rediss:// or unix:// URL, or a part of it
            cannot count as written.
    """
    file = os.environ.get("FLUME_REDIS_FILE")
    named = Path(file).absolute().as_uri() if file else os.environ.get("FLUME_REDIS_URL")
    chosen = url or named or DEFAULT_URL
    scheme = chosen.partition(":")[0]
    if file_of(chosen) is not None:
        return chosen
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
    parts = urlsplit(chosen)
    if scheme != "unix" and not _DATABASE.fullmatch(parts.path):
        raise ConfigurationError(
            f"the Redis URL names the database {parts.path[1:]!r}, which is no number: use "
            "redis://host:6379/0."
        )
    protocol = parse_qs(parts.query).get("protocol", [PROTOCOL])[0]
    if protocol != PROTOCOL:
        raise ConfigurationError(
            f"the Redis URL asks for protocol={protocol}, and Flume speaks {PROTOCOL}: leave that "
            "option out."
        )
    return chosen


def file_of(url: str) -> Path | None:
    """Return the file that a URL stands for; None where it leads to Redis itself."""
    return Path(unquote(url.removeprefix("file://"))) if url.startswith("file:///") else None


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
    if parts.scheme in ("unix", "file"):
        return f"{parts.scheme}://{parts.path}"
    return f"{parts.scheme}://{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
