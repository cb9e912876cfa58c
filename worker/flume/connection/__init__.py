"""Connections to Redis: sync and async pools that send a ``Command`` and read its reply.

redis-py makes, secures and frames the connections.  Its own retries are off, because a resend is
safe only for calls that are built for it; who may send again is decided by the callers here.
"""

from flume.connection.loop import AsyncConnections
from flume.connection.threads import SyncConnections
from flume.connection.urls import DEFAULT_URL, address, redis_url

__all__ = ["DEFAULT_URL", "AsyncConnections", "SyncConnections", "address", "redis_url"]
