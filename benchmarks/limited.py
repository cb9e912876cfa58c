"""The handler of the rate limit's benchmark, and the log of the tokens its worker took."""

from __future__ import annotations

import time

from benchmarks.starts import own_log
from flume import handler
from flume.events import TokensReturned, TokensTaken, subscribe

MOST_STARTS = 2_000_000
MOST_GRANTS = 200_000

_starts = own_log("starts", MOST_STARTS)
_grants = own_log("grants", MOST_GRANTS)


@handler
async def start(value: int) -> None:
    """Note when job ``value`` started."""
    if _starts is not None:
        _starts.append(time.time_ns() // 1000, value)


if _grants is not None:
    grants = _grants
    subscribe(TokensTaken, lambda event: grants.append(event.at_ms, event.count))
    subscribe(TokensReturned, lambda event: grants.append(event.at_ms, -event.count))
