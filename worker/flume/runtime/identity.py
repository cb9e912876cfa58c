"""Who a worker is: its id, its number, and the fences drawn from that."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass, field

from flume.commands.worker import SEQUENCES
from flume.pipeline import PipelineSettings


def new_worker_id() -> str:
    """Return an id that no other worker has, also not after a restart in the same pod.

    In a pod it begins with the pod's uid (``FLUME_POD_UID``), elsewhere with host and pid; the
    end is drawn anew for each process, for a restarted container keeps its pod.
    """
    pod = os.environ.get("FLUME_POD_UID")
    start = pod or f"{socket.gethostname()}-{os.getpid()}"
    return f"{start}-{secrets.token_hex(4)}"


def lease_ms(settings: PipelineSettings) -> int:
    """Return the lease of these settings as Redis has it."""
    return round(settings.lease_s * 1000)


@dataclass(slots=True)
class Identity:
    """A registered worker."""

    worker_id: str
    lease_ms: int
    """Of new claims and of the next extension; the settings change it."""
    number: int = -1
    """Given by Redis; the first part of each fence."""
    _sequence: int = field(default=0)

    def next_fence(self) -> int:
        """Return the fence of the next claim: unlike any that is in use."""
        self._sequence = (self._sequence + 1) % SEQUENCES
        return self.number * SEQUENCES + self._sequence
