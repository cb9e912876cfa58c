"""An app whose Redis is not there: what it would send must be recorded."""

from __future__ import annotations

from flume import handler

NOWHERE = "redis://127.0.0.1:1/0"  # nothing listens there: whatever is sent fails


@handler(name="app.send")
def send(to: str, *, subject: str = "") -> None:
    """Send a mail."""
