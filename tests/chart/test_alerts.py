"""Alerts fire when they should, and each leads to a page that says what to do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.chart import Manifest, of_kind, render
from tests.support.prometheus import promtool
from tests.support.tables import names, rows
from tools.tracked import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
HEADINGS = ["## What it means", "## Look", "## Do"]
CASES = Path(__file__).with_name("alerts_test.yaml")


def spec(**rules: Any) -> Manifest:
    """Return the rules as Prometheus reads them, from the chart with these settings."""
    made = render({"metrics": {"rules": {"enabled": True, **rules}}})
    [found] = of_kind(made, "PrometheusRule")
    return dict(found["spec"])


def alerts(**rules: Any) -> dict[str, Manifest]:
    """Return the alerts by name."""
    return {r["alert"]: r for group in spec(**rules)["groups"] for r in group["rules"]}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """Somebody reads it at night, for the first time."""
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    listed = set(re.findall(r"\((\w+)\.md\)", (RUNBOOKS / "README.md").read_text("utf-8")))

    assert pages == listed == alerts().keys()
    for name, alert in alerts(runbookUrl="https://example.org/books").items():
        assert alert["annotations"]["runbook_url"] == f"https://example.org/books/{name}.md"
        lines = (RUNBOOKS / f"{name}.md").read_text("utf-8").splitlines()
        assert lines[0] == f"# {name}"
        assert [line for line in lines if line.startswith("## ")] == HEADINGS


def test_alerts_use_metrics_that_exist() -> None:
    """An alert on a metric that was renamed is silent for ever."""
    known = {name for table in rows("metrics", "name") for name in names(table["name"])}
    for alert in alerts().values():
        for used in re.findall(r"\bflume_\w+", alert["expr"]):
            assert used.removesuffix("_count") in known, alert["alert"]


def test_settings_of_the_chart_reach_the_alerts() -> None:
    """What is left in capitals matches nothing."""
    changed = alerts(latencySeconds=1_000_000, alertLabels={"team": "mail", "severity": "page"})

    assert "> 1000000" in changed["FlumeQueueSlow"]["expr"]
    assert changed["FlumeQueueSlow"]["labels"] == {"team": "mail", "severity": "page"}
    assert not re.findall(r"\b[A-Z]+_[A-Z]+\b", yaml.safe_dump(spec()))


@pytest.mark.timeout(60)
def test_prometheus_takes_the_alerts_and_their_texts(tmp_path: Path) -> None:
    """One wrong expression or template, and it loads none of them."""
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(spec()), encoding="utf-8")

    ended = promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml", folder=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.timeout(60)
def test_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    """Prometheus itself evaluates them, on the series in alerts_test.yaml."""
    cases = yaml.safe_load(CASES.read_text("utf-8"))
    rules = spec()
    for group in rules["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]  # promtool would want each text a second time
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    shutil.copy(CASES, tmp_path)

    ended = promtool("test", "rules", CASES.name, folder=tmp_path)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {c["alertname"] for t in cases["tests"] for c in t["alert_rule_test"]} == alerts().keys()
