"""Every call to Redis as a value: one pure builder per script, sent by ``flume.connection``."""

from __future__ import annotations

from flume.commands.command import Command

__all__ = ["Command"]
