"""What Prometheus itself says of our pages, and of the queries that the docs show."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from flume.control import Counts, HandlerDepth
from flume.events import JobsClaimed
from flume.runtime.metrics import Metrics, WorkerCollector
from flume_operator.gauges import QueueGauges
from flume_operator.metrics import OperatorMetrics
from flume_operator.objects import Key
from tests.support.prometheus import promtool
from tools.tracked import ROOT

PAGE = ROOT / "docs" / "reference" / "metrics.md"

pytestmark = pytest.mark.timeout(60)


def worker_page() -> bytes:
    """Return what a worker serves after a run and a claim."""
    metrics = Metrics("orders", "mail")
    metrics.ran("deliver", "completed", 0.5)
    metrics.claimed(JobsClaimed("orders", 10, 1_000, 0.002, 0.0))
    registry = CollectorRegistry()
    registry.register(WorkerCollector([metrics]))
    return generate_latest(registry)


def operator_page() -> bytes:
    """Return what an operator serves that looks after one queue."""
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    metrics.ran("done", 0.1)
    metrics.paused("done", 0.1)
    metrics.wrote("Deployment", "done")
    gauges = QueueGauges()
    depth = {"deliver": HandlerDepth(3, 1.5)}
    gauges.saw(Key("shop", "mail"), "uid", "orders", Counts(3, 1, 2, 4, 5, 1.5, True, {}, depth))
    registry.register(gauges)
    return generate_latest(registry)


@pytest.mark.parametrize("page", [worker_page, operator_page])
def test_prometheus_reads_our_pages_and_finds_nothing_to_mend(
    page: Callable[[], bytes], tmp_path: Path
) -> None:
    """A page with one wrong line is dropped whole; names without units are guessed at."""
    ended = promtool("check", "metrics", folder=tmp_path, page=page().decode())

    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_queries_of_the_docs_are_ones_that_prometheus_takes(tmp_path: Path) -> None:
    """They are pasted into dashboards."""
    queries = re.findall(r"```promql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    rules = [{"record": f"test:query_{n}", "expr": query} for n, query in enumerate(queries)]
    groups = {"groups": [{"name": "docs", "rules": rules}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(groups), encoding="utf-8")

    ended = promtool("check", "rules", "rules.yaml", folder=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{len(queries)} rules found" in ended.stdout + ended.stderr
