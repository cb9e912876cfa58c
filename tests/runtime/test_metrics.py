"""What Prometheus reads of a worker is valid, adds up, and names no job."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.samples import Sample

from flume import Client, ref
from flume.events import JobsClaimed
from flume.runtime.metrics import Metrics, WorkerCollector
from tests.support.probing import probe_of, samples_of, total
from tests.support.processes import REPOSITORY, running, spawn_worker
from tests.support.servers import Server
from tests.support.waiting import wait_until

MODULE = "tests.runtime.observed"
QUEUE = "orders"
OPTIONS = ("--queue", QUEUE, "--module", MODULE, "--health-port", "0")

MANIFEST = """
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata: {name: %(name)s}
spec: {queue: %(queue)s, modules: [tests.runtime.observed]}
"""


@pytest.fixture
def client(valkey: Server) -> Iterator[Client]:
    """Return a client of Valkey."""
    with Client(valkey.url) as opened:
        yield opened


def ours(samples: list[Sample]) -> list[Sample]:
    """Return the samples that are not about the process."""
    return [sample for sample in samples if sample.name.startswith("flume_")]


def test_the_numbers_add_up_with_what_ran(valkey: Server, client: Client, tmp_path: Path) -> None:
    """A rate or an error ratio on a dashboard is only worth as much as these sums."""
    client.enqueue_many(QUEUE, [ref("deliver").job("ada") for _ in range(300)])
    client.enqueue_many(QUEUE, [ref("deliver_sync").job("ada") for _ in range(50)])
    client.enqueue_many(QUEUE, [ref("fail").job("ada") for _ in range(7)])
    client.enqueue_many(QUEUE, [ref("steer").job("ada") for _ in range(3)])
    options = ("--max-retries", "1", "--backoff-initial", "0.01", "--pipeline", "mail")

    with spawn_worker(*OPTIONS, *options, url=valkey.url, log=tmp_path / "log") as worker:
        probe = probe_of(worker)
        wait_until(lambda: client.queue(QUEUE).counts().totals.get("discarded") == 3)
        wait_until(lambda: total(probe.samples(), "flume_jobs_held") == 0)
        samples = probe.samples()
    counts = client.queue(QUEUE).counts()

    ran = {
        (sample.labels["handler"], sample.labels["outcome"]): sample.value
        for sample in samples
        if sample.name == "flume_job_duration_seconds_count"
        and sample.labels["outcome"] != "released"
    }
    released = total(samples, "flume_job_duration_seconds_count", outcome="released")
    claimed = total(samples, "flume_claim_jobs_sum")
    assert ran == {
        ("deliver", "completed"): 300,
        ("deliver_sync", "completed"): 50,
        ("fail", "retried"): 7,
        ("fail", "buried"): 7,
        ("steer", "retried"): 3,
        ("steer", "discarded"): 3,
    }
    assert claimed == sum(ran.values()) + released
    assert total(samples, "flume_claim_payload_bytes_sum") > 20 * claimed
    assert total(samples, "flume_jobs_running") == 0
    assert total(samples, "flume_redis_up") == 1
    assert counts.totals["completed"] == 350
    assert {sample.labels["pipeline"] for sample in ours(samples)} == {"mail"}


def test_every_label_is_one_of_four(valkey: Server, client: Client, tmp_path: Path) -> None:
    """A label with an id makes a time series of each job, and those kill a Prometheus."""
    client.enqueue_many(QUEUE, [ref("fail").job("ada"), ref("deliver").job("ada")])

    with spawn_worker(*OPTIONS, url=valkey.url, log=tmp_path / "log") as worker:
        probe = probe_of(worker)
        wait_until(lambda: total(probe.samples(), "flume_job_duration_seconds_count") == 2)
        samples = probe.samples()

    labels = {label for sample in ours(samples) for label in sample.labels}
    assert labels == {"pipeline", "queue", "handler", "outcome", "le"}


def test_a_name_that_is_none_is_no_label(valkey: Server, client: Client, tmp_path: Path) -> None:
    """Whoever can write to Redis must not fill Prometheus, or put a payload into it."""
    job = client.enqueue(QUEUE, "deliver", "ada")
    valkey.call("HSET", f"flume:{{{QUEUE}}}:jobs", job.id, '{"handler":"4111 1111 1111 1111"}')

    with spawn_worker(*OPTIONS, url=valkey.url, log=tmp_path / "log") as worker:
        probe = probe_of(worker)
        wait_until(lambda: client.queue(QUEUE).counts().dead == 1)
        samples = probe.samples()
        page = probe.get("/metrics")[1]
        output = worker.output

    assert total(samples, "flume_job_duration_seconds_count", handler="", outcome="buried") == 1
    assert "4111" not in page
    assert "4111" not in output


def test_two_pipelines_of_one_process_share_each_family(
    valkey: Server, client: Client, tmp_path: Path
) -> None:
    """A family that comes twice makes Prometheus refuse the whole page."""
    for name in ("mail", "fax"):
        text = MANIFEST % {"name": name, "queue": f"{name}-jobs"}
        (tmp_path / f"{name}.yaml").write_text(text)
    client.enqueue("mail-jobs", "deliver", "ada")
    client.enqueue("fax-jobs", "unknown_here", "ada")
    manifests = [str(tmp_path / "mail.yaml"), str(tmp_path / "fax.yaml")]
    command = ["-m", "flume", "dev", "--redis", valkey.url, *manifests]
    options = ["--health-port", "0", "--log-format", "json", "--quiet"]
    paths = f"{REPOSITORY}:{REPOSITORY / 'worker'}"

    log = tmp_path / "log"
    with running(
        [sys.executable, *command, *options], log=log, environment={"PYTHONPATH": paths}
    ) as dev:
        probe = probe_of(dev)
        wait_until(lambda: total(probe.samples(), "flume_job_duration_seconds_count") == 1)
        samples = probe.samples()

    per_worker = [sample for sample in samples if sample.name == "flume_redis_up"]
    assert [sample.labels["pipeline"] for sample in per_worker] == ["mail", "fax"]
    assert total(samples, "flume_queue_depth", queue="fax-jobs", handler="unknown_here") == 1
    assert total(samples, "flume_queue_latency_seconds", queue="fax-jobs") > 0
    assert total(samples, "flume_queue_paused") == 0


def test_buckets_are_cumulative_and_hold_every_value() -> None:
    """Quantiles are computed from differences of these."""
    metrics = Metrics("orders", "mail")
    for seconds in (0.00005, 0.0001, 0.5, 10_000.0):
        metrics.ran("deliver", "completed", seconds)
    metrics.claimed(JobsClaimed("orders", 1000, 10**9, 0.002, 0.0))
    registry = CollectorRegistry()
    registry.register(WorkerCollector([metrics]))

    samples = samples_of(generate_latest(registry).decode())

    buckets = [s for s in samples if s.name == "flume_job_duration_seconds_bucket"]
    values = [bucket.value for bucket in buckets]
    assert values == sorted(values)
    assert total(samples, "flume_job_duration_seconds_bucket", le="0.0001") == 2
    assert total(samples, "flume_job_duration_seconds_bucket", le="1.0") == 3
    assert total(samples, "flume_job_duration_seconds_bucket", le="+Inf") == 4
    assert total(samples, "flume_job_duration_seconds_count") == 4
    assert total(samples, "flume_claim_jobs_bucket", le="1000.0") == 1
    assert total(samples, "flume_claim_payload_bytes_bucket", le="4194304.0") == 0
