"""docs/reference/operator.md says what the operator takes and says."""

from __future__ import annotations

import re

from flume_operator.cli import command
from flume_operator.conditions import Reason, Type
from flume_operator.freeing import Said
from tests.support.tables import names, rows
from tools.chart import values
from tools.tracked import ROOT


def test_the_options_are_those_of_the_table() -> None:
    """Who runs it without the chart has this table alone."""
    told = {
        names(row["option"])[0]: names(row["environment"]) for row in rows("operator", "option")
    }
    own = {it.opts[0]: [f"FLUME_OPERATOR_{it.name.upper()}"] for it in command.params if it.name}

    assert told == own


def test_the_chart_has_the_values_that_the_table_names() -> None:
    """A value that is not there is refused, and the option stays what it was."""
    known = {value.path[0] for value in values()} | {".".join(value.path) for value in values()}
    for row in rows("operator", "option"):
        assert set(names(row["chart"])) <= known


def test_conditions_and_reasons_are_those_of_the_tables() -> None:
    """Alerts and health checks are written by this page."""
    reasons = [names(row["reason"])[0] for row in rows("operator", "reason")]
    events = [names(row["Event"])[0] for row in rows("operator", "Event")]

    assert sorted(events) == sorted(Said)
    assert {names(row["condition"])[0] for row in rows("operator", "condition")} == set(Type)
    assert sorted(reasons) == sorted(Reason)


def test_what_the_operator_says_of_the_chart_is_there() -> None:
    """A condition that names a value which was renamed leads nowhere."""
    known = {".".join(value.path) for value in values()}
    told = set()
    for path in (ROOT / "operator").rglob("*.py"):
        text = re.sub(r'"\s+f?"', "", path.read_text("utf-8"))
        told |= set(re.findall(r"([\w.]+) of the chart\b", text))
        told |= set(re.findall(r"the chart does unless ([\w.]+)", text))

    assert told
    assert told <= known
