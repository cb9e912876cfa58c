"""Two calls of redis-py's where Flume makes two, and nothing around them: what the machine needs.

The process that this runs stands for the worker: it waits for a marker, asks Redis once more, and
notes how long both took from before the marker was pushed.

    python -m benchmarks.bare URL
"""

from __future__ import annotations

import struct
import sys
import time

import uvloop
from redis.asyncio import Redis

from benchmarks.tally import STAMP_BYTES, STAMPS_VARIABLE, shared_cells

MARKERS = "bare:markers"
ABSENT = "bare:absent"


async def answer_markers(url: str) -> None:
    """Note a stamp for each marker, until this process is ended."""
    stamps, pack = shared_cells(STAMPS_VARIABLE), struct.Struct("=q").pack_into
    async with Redis.from_url(url) as waiting, Redis.from_url(url) as asking:
        while True:
            found = await waiting.blpop([MARKERS])
            assert found  # it waits for ever
            await asking.get(ABSENT)
            number, sent_ns = map(int, found[1].split())
            pack(stamps, number * STAMP_BYTES, time.monotonic_ns() - sent_ns)


if __name__ == "__main__":
    uvloop.run(answer_markers(sys.argv[1]))
