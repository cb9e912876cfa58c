"""Rare moments between a worker and its server, made frequent."""

from __future__ import annotations

import time

import pytest

from tests.chaos.stage import Stage, events
from tests.chaos_app import jobs
from tests.support.waiting import wait_until

pytestmark = pytest.mark.process

HOUR = 3600 * 1000
SHIFT = """
local ms, ticks = tonumber(ARGV[1]), tonumber(ARGV[1]) * 8 / 1000
local leases = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #leases, 2 do
  redis.call('ZADD', KEYS[1], string.format('%.0f', leases[i + 1] - ticks * 524288), leases[i])
end
local workers = redis.call('HGETALL', KEYS[2])
for i = 1, #workers, 2 do
  local seen, rest = string.match(workers[i + 1], '^(%d+)( .*)$')
  if seen then redis.call('HSET', KEYS[2], workers[i], string.format('%.0f', seen - ms) .. rest) end
end
redis.call('HINCRBY', KEYS[3], 'beat', string.format('%.0f', -ms))
"""
"""Makes every time in Redis older, which is what a clock that is set forward does."""


def test_a_claim_that_is_read_late_brings_what_is_still_held(stage: Stage) -> None:
    """A handler blocks the loop while a claim's reply waits: others run those jobs meanwhile."""
    ids = stage.enqueue(jobs.block, 0.0, count=1500)
    ids |= stage.enqueue(jobs.block, 6.0)
    ids |= stage.enqueue(jobs.block, 0.0, count=1500)
    stage.worker(max_demand=200)
    wait_until(lambda: len(stage.starts()) > 1500)
    stage.worker(max_demand=200)

    stage.wait_until_settled(30)

    assert stage.starts() == dict.fromkeys(ids, 1)
    assert stage.total("completed") == len(ids)


def test_a_lost_reply_does_not_bring_back_what_already_runs(stage: Stage) -> None:
    """Fences come round: a claim that is sent again shares its own with jobs that run for long."""
    proxy = stage.proxy()
    stage.worker(proxy.url, lease=10, max_demand=100)
    ids: set[str] = set()
    for _ in range(64):  # one claim each
        ids |= stage.enqueue(jobs.at_gate, "gate")
        stage.wait_until_started(ids)
    proxy.cut_at_random(0.1)
    wake = stage.keys.wake(f"{jobs.at_gate.name}")
    for _ in range(150):  # one claim each, and some of their replies are lost
        stage.call("ZADD", wake, 0, "1")
        wait_until(lambda: not stage.call("ZCARD", wake), 20)
    proxy.heal()
    stage.open_gate("gate")

    stage.wait_until_settled()

    assert proxy.cuts > 30
    assert stage.starts() == dict.fromkeys(ids, 1)


def test_a_worker_that_stops_asks_once_more_for_a_lost_reply(stage: Stage) -> None:
    """Jobs that it does not know it holds would wait for their leases, and be taken for crashed."""
    proxy = stage.proxy()
    worker = stage.worker(proxy.url, lease=10)
    wait_until(lambda: stage.call("INFO", "clients")["blocked_clients"] == 2)  # one for each kind
    proxy.drop_replies(1_000_000)
    ids = stage.enqueue(jobs.quick, count=10)
    wait_until(lambda: stage.counts().running == 10)
    worker.wait_for_output('"redis_away"')

    worker.terminate()
    cuts = proxy.cuts
    wait_until(lambda: proxy.cuts >= cuts + 3, what="another try")
    proxy.heal()

    assert worker.wait() == 0
    assert stage.counts().ready == 10
    assert stage.counts().running == 0
    stage.worker()
    stage.wait_until_ended(ids)
    assert stage.total("reclaimed") == 0


def test_a_clock_that_is_set_forward_takes_no_job_from_a_live_worker(stage: Stage) -> None:
    """All leases end at once; nobody reclaims before the living have extended theirs."""
    lease = 12.0
    for _ in range(2):
        stage.worker(lease=lease)
    ids = stage.enqueue(jobs.at_gate, "gate", count=10)
    stage.wait_until_started(ids)

    keys = stage.keys
    stage.call("EVAL", SHIFT, 3, keys.running, keys.workers, keys.clock, HOUR)

    end = time.monotonic() + lease / 2 + 2
    wait_until(lambda: time.monotonic() >= end, lease)
    stage.open_gate("gate")
    stage.wait_until_settled()
    assert stage.starts() == dict.fromkeys(ids, 1)
    assert stage.total("reclaimed") == 0


def test_a_server_that_forgot_everything_is_served_all_the_same(stage: Stage) -> None:
    """FLUSHALL takes the worker's registration too; it registers again and goes on."""
    worker = stage.worker()
    stage.wait_until_started(stage.enqueue(jobs.at_gate, "gate"))

    stage.call("FLUSHALL")

    worker.wait_for_output('"worker_registered_again"')
    wait_until(lambda: events(worker, "lease_lost"), what="the end of the job that is gone")
    after = stage.enqueue(jobs.quick, count=5)
    stage.wait_until_ended(after)
    stage.wait_until_settled()
    assert stage.total("completed") == 5
    assert stage.client.queues() == ["chaos"]


def test_either_kind_of_handler_gets_its_share(stage: Stage) -> None:
    """Both share the worker's max demand: a backlog of one must not starve the other."""
    stage.worker(max_demand=10)
    stage.enqueue(jobs.quick, 0.05, count=1000)
    wait_until(lambda: len(stage.starts()) > 50)
    sync = stage.enqueue(jobs.quick_sync, 0.01, count=10)

    stage.wait_until_ended(sync)

    assert len(stage.ends()) < 900


def test_long_jobs_are_claimed_for_free_places_only(stage: Stage) -> None:
    """What is claimed beyond them waits, while another worker could start it."""
    stage.worker(max_demand=20, concurrency=10)
    ids = stage.enqueue(jobs.at_gate, "gate", count=20)
    wait_until(lambda: len(stage.starts()) == 10)

    assert stage.counts().ready == 10
    stage.open_gate("gate")
    stage.wait_until_ended(ids)
