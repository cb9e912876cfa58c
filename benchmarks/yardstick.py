"""The speed of the data model with nothing around it: what a worker is compared with.

Same structures, same calls: claims of 500, one Lua call to claim and one to
complete, the fence checked, each job decoded and run as a task of its own.  No
heartbeat, retries, metrics, events, shutdown or errors: a worker cannot be
faster, and what it stays behind is the price of its features.

    python -m benchmarks.yardstick fill --jobs 200000 --redis URL
    python -m benchmarks.yardstick drain --redis URL
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

import msgspec
import uvloop
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.tally import shared_cells

PREFIX = "yardstick:{bench}:"
JOBS, READY, RUNNING, PAUSE = (PREFIX + name for name in ("jobs", "ready", "running", "pause"))

FILL_BATCH = 1000  # a bigger pipe gains nothing more
CLAIM_SIZE = 500  # where the gain of a bigger batch ends
LEASE_MS = 30_000
UNCONFIRMED = 4  # completions under way; enough to never wait for one

CLAIM = """
-- claim: take ready jobs and lease them.  Returns {fence, ids, bodies}, or {} when none is ready.
local ready, running, jobs, pause = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local size, lease = tonumber(ARGV[1]), tonumber(ARGV[2])

if redis.call('EXISTS', pause) == 1 then return {} end

local ids = redis.call('LPOP', ready, size)
if not ids then return {} end

local now = redis.call('TIME')
local deadline = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + lease)
local leases = {}
for i = 1, #ids do
  leases[2 * i - 1], leases[2 * i] = deadline, ids[i]
end
redis.call('ZADD', running, unpack(leases))
return {deadline, ids, redis.call('HMGET', jobs, unpack(ids))}
"""

COMPLETE = """
-- complete: forget finished jobs whose lease is still ours.  Returns how many were not.
local running, jobs = KEYS[1], KEYS[2]
local fence = ARGV[1]

local held = redis.call('ZMSCORE', running, unpack(ARGV, 2))
local ours = {}
for i = 1, #held do
  if held[i] == fence then ours[#ours + 1] = ARGV[i + 1] end
end
if #ours > 0 then
  redis.call('ZREM', running, unpack(ours))
  redis.call('HDEL', jobs, unpack(ours))
end
return #held - #ours
"""


class Body(msgspec.Struct):
    """What a job's body holds."""

    id: str
    handler: str
    args: list[int]
    enqueued_at: int


def fill(redis: Redis, jobs: range) -> float:
    """Enqueue `jobs` in pipes of a thousand and return jobs a second."""
    encode = msgspec.json.Encoder().encode
    started = time.perf_counter()
    for first in range(jobs.start, jobs.stop, FILL_BATCH):
        now_ns = time.time_ns()
        numbers = range(first, min(first + FILL_BATCH, jobs.stop))
        bodies: dict[Any, Any] = {
            id_: encode(Body(id_, "benchmarks.handlers.noop", [number], now_ns // 1_000_000))
            for number in numbers
            for id_ in (f"{now_ns:016x}-{number:016x}",)  # as long as a UUID
        }
        with redis.pipeline(transaction=False) as pipe:
            pipe.hset(JOBS, mapping=bodies)
            pipe.rpush(READY, *bodies)
            pipe.execute()
    return len(jobs) / (time.perf_counter() - started)


async def drain(redis: AsyncRedis) -> int:
    """Claim and run until nothing is ready; return how many outcomes were refused."""
    claim, complete = redis.register_script(CLAIM), redis.register_script(COMPLETE)
    decode = msgspec.json.Decoder(Body).decode
    # Not a TaskGroup: its bookkeeping for each job is one of the things not measured here.
    spawn = asyncio.get_running_loop().create_task
    cells = shared_cells()
    completions: set[asyncio.Task[int]] = set()
    refused = 0

    async def noop(value: int) -> None:
        cells[value] += 1

    async def run(body: Body, unfinished: list[int], outcome: list[Any]) -> None:
        await noop(body.args[0])
        unfinished[0] -= 1
        if not unfinished[0]:
            completions.add(spawn(complete(keys=[RUNNING, JOBS], args=outcome)))

    def next_claim() -> asyncio.Task[list[Any]]:
        keys = [READY, RUNNING, JOBS, PAUSE]
        return spawn(claim(keys=keys, args=[CLAIM_SIZE, LEASE_MS]))

    claimed = next_claim()
    while batch := await claimed:
        claimed = next_claim()  # on its way while these jobs run
        fence, ids, bodies = batch
        unfinished, outcome = [len(ids)], [fence, *ids]
        for body in bodies:
            spawn(run(decode(body), unfinished, outcome))
        await asyncio.sleep(0)  # the jobs run
        if len(completions) > UNCONFIRMED:
            done, completions = await asyncio.wait(completions, return_when=asyncio.FIRST_COMPLETED)
            refused += sum(task.result() for task in done)
    return refused + sum(await asyncio.gather(*completions))


def unfinished_jobs(redis: Redis) -> int:
    """Return how many jobs the server still holds."""
    return int(redis.hlen(JOBS))


async def _drain_once(url: str) -> None:
    async with AsyncRedis.from_url(url) as redis:
        refused = await drain(redis)
    if refused:
        raise SystemExit(f"{refused} outcomes were refused: their leases were lost")
    await asyncio.Event().wait()  # a worker that ended by itself is a worker that failed


def main() -> None:
    """Fill the queue, or drain it and wait to be stopped."""
    options = argparse.ArgumentParser(prog="benchmarks.yardstick", description=__doc__)
    options.add_argument("action", choices=["fill", "drain"])
    options.add_argument("--jobs", type=int, default=200_000)
    options.add_argument("--redis", default="redis://127.0.0.1:6379/9")
    asked = options.parse_args()
    if asked.action == "fill":
        with Redis.from_url(asked.redis) as redis:
            print(f"{fill(redis, range(asked.jobs)):,.0f} jobs a second")
    else:
        uvloop.run(_drain_once(asked.redis))


if __name__ == "__main__":
    main()
