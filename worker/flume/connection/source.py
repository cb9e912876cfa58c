"""Where connections come from: a URL, or a file that holds one and may be written anew.

A Secret that is mounted changes in its file; so the file is read for each connection, and a
password that Redis does not take may be right a moment later.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis.exceptions as refused

from flume.connection.calls import maker
from flume.connection.refusals import code_of, is_away, translate
from flume.connection.urls import address, file_of, redis_url
from flume.errors import ConfigurationError, FlumeError


class Source:
    """Makes connections, which it does not open.

    Args:
        from_url: That of a pool of redis-py's, which reads a URL.
        url: Of Redis, or ``file:///…`` for a file that holds that URL.
        **options: For connections.

    Raises:
        ConfigurationError: If a URL that is in no file cannot be used.
    """

    def __init__(self, from_url: Callable[..., Any], url: str, **options: Any) -> None:
        self._from_url = from_url
        self._options = options
        self._file = file_of(url)
        self._read = ""
        self.where = address(url)
        """For people."""
        if self._file is None:
            self._make = maker(from_url, url, **options)

    @property
    def is_file(self) -> bool:
        """Whether the URL stands in a file."""
        return self._file is not None

    def make(self) -> Any:
        """Return a connection that is not open yet.

        Raises:
            ConnectionError: redis-py's, if a file holds no URL now.
        """
        if self._file is not None:
            self._look(self._file)
        return self._make()

    def has_left(self, error: Exception) -> bool:
        """Whether what Redis answered means that a new connection may lead to a better answer."""
        return is_away(error) or (self._file is not None and code_of(error) == "NOAUTH")

    def translate(self, error: Exception) -> FlumeError:
        """Return our error for one of redis-py's."""
        is_unknown = isinstance(error, refused.AuthenticationError) or (
            code_of(error) in ("NOAUTH", "WRONGPASS")
        )
        if self._file is not None and is_unknown:
            error = refused.ConnectionError(
                f"it refused the user or the password in {self._file}, which is read again"
            )
        return translate(error, self.where)

    def _look(self, file: Path) -> None:
        try:
            text = file.read_text(encoding="utf-8").strip()
            if not text:
                raise refused.ConnectionError(f"there is no URL in {file}")
            if text != self._read:
                url = redis_url(text)
                if file_of(url) is not None:
                    raise refused.ConnectionError(f"{file} names another file, not a Redis")
                self._make = maker(self._from_url, url, **self._options)
                self._read, self.where = text, address(url)
        except OSError as error:
            raise refused.ConnectionError(f"{file} cannot be read: {error.strerror}") from error
        except (ConfigurationError, ValueError) as error:
            # To end here would be to crash until someone has mended the file.
            reason = str(error) if isinstance(error, ConfigurationError) else "it is no text"
            raise refused.ConnectionError(f"{file}: {reason}") from None
