"""The autoscalers of examples/: what they scale, and what Prometheus answers to their queries."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flume.manifest import load
from tests.support.prometheus import promtool
from tests.support.tables import names, rows
from tools.tracked import ROOT

FOLDER = ROOT / "examples" / "autoscaling"
EMAIL = ROOT / "examples" / "email" / "pipeline.yaml"
QUEUE = 'namespace="flume", pipeline="email", queue="email"'
EMPTY = {"suspects": 0, "running": 0, "scheduled": 0, "retrying": 0}
"""What the operator shows of a queue whose handlers it does not know yet."""


def test_autoscalers_scale_the_pipeline_by_metrics_that_exist() -> None:
    """A metric that is not there scales nothing, and no error says so."""
    [pipeline] = load(EMAIL)
    known = {name for table in rows("metrics", "name") for name in names(table["name"])}
    target = {
        "apiVersion": pipeline.api_version,
        "kind": pipeline.kind,
        "name": pipeline.metadata.name,
    }
    for name in ("hpa.yaml", "keda.yaml"):
        text = (FOLDER / name).read_text("utf-8")
        assert yaml.safe_load(text)["spec"]["scaleTargetRef"] == target
        assert set(re.findall(r"flume_\w+", text)) <= known
        assert set(re.findall(r'\bqueue(?:="|: )(\w+)', text)) == {pipeline.spec.queue}


def keda_query() -> str:
    """Return what KEDA asks."""
    [trigger] = yaml.safe_load((FOLDER / "keda.yaml").read_text("utf-8"))["spec"]["triggers"]
    return str(trigger["metadata"]["query"])


def adapter_query() -> str:
    """Return what prometheus-adapter asks for the HorizontalPodAutoscaler."""
    values = yaml.safe_load((FOLDER / "adapter-values.yaml").read_text("utf-8"))
    [rule] = values["rules"]["external"]
    matchers = 'namespace="flume",queue="email"'
    return str(rule["metricsQuery"]).replace("<<.LabelMatchers>>", matchers)


def series(pod: str, depth: dict[str, int], **states: int) -> list[dict[str, str]]:
    """Return what is scraped of one operator."""
    found = {f'depth{{{QUEUE}, handler="{name}", pod="{pod}"}}': n for name, n in depth.items()}
    found |= {f'{name}{{{QUEUE}, pod="{pod}"}}': n for name, n in states.items()}
    return [{"series": f"flume_queue_{name}", "values": str(n)} for name, n in found.items()]


NOTHING = {"send": 0}


@pytest.mark.parametrize(
    ("query", "scraped", "answer"),
    [
        (adapter_query, series("a", {"send": 700, "fax": 50}, **EMPTY), 750),
        (adapter_query, [*series("a", {"send": 700}), *series("b", {"send": 690})], 700),
        (keda_query, [], None),
        (keda_query, series("a", {}, **EMPTY), 0),
        (keda_query, series("a", {"send": 700, "fax": 50}, **EMPTY | {"running": 9}), 759),
        (keda_query, series("a", NOTHING, **EMPTY | {"suspects": 1}), 1),
        (keda_query, series("a", NOTHING, **EMPTY | {"running": 1}), 1),
        (keda_query, series("a", NOTHING, **EMPTY | {"scheduled": 9_000}), 1),
        (keda_query, series("a", NOTHING, **EMPTY | {"retrying": 1}), 1),
        (
            keda_query,
            [*series("a", {"send": 7}, **EMPTY), *series("b", {"send": 7}, **EMPTY)],
            7,
        ),
    ],
)
def test_prometheus_answers_how_many_jobs_there_are_work_for(
    query: Any, scraped: list[dict[str, str]], answer: int | None, tmp_path: Path
) -> None:
    """Twice as many workers cost money; none at all, and a scheduled job never becomes ready."""
    expected = [] if answer is None else [{"labels": "{}", "value": answer}]
    asked = {"expr": query(), "eval_time": "0m", "exp_samples": expected}
    test = {"interval": "1m", "input_series": scraped, "promql_expr_test": [asked]}
    (tmp_path / "test.yaml").write_text(json.dumps({"tests": [test]}), encoding="utf-8")

    ended = promtool("test", "rules", "test.yaml", folder=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
