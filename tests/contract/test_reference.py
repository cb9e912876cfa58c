"""The tables in docs/reference say what the code does, no more and no less."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from flume import AsyncClient, Client, events, gauges
from flume.cli.lazy import LazyGroup
from flume.cli.root import cli
from flume.commands.client import Counts, HandlerDepth
from flume.logs import JsonFormatter
from flume.manifest import PipelineSpec
from flume.manifest.fields import Between
from flume.manifest.live import Retry
from flume.manifest.model import Model
from flume.pipeline import PipelineSettings
from flume.runtime.metrics import LABELS, Metrics, WorkerCollector
from flume_operator.metrics import OperatorMetrics
from tests.support.log_calls import LogCall, log_calls
from tests.support.processes import REPOSITORY
from tests.support.tables import Row, names, rows

CODE = (REPOSITORY / "worker" / "flume", REPOSITORY / "operator" / "flume_operator")


def by_name(table: list[Row], column: str) -> dict[str, Row]:
    """Return rows by the one name in ``column``; none may be there twice."""
    found = {names(row[column])[0]: row for row in table}
    assert len(found) == len(table)
    return found


def all_events(kind: type[events.Event] = events.Event) -> Iterator[type[events.Event]]:
    """Yield the events that are published: those that are nobody's base."""
    for child in kind.__subclasses__():
        if getattr(events, child.__name__) is child:  # not what it was before it had slots
            yield from all_events(child) if child.__subclasses__() else (child,)


def test_the_events_and_their_fields_are_those_of_the_table() -> None:
    """An app subscribes by this page."""
    table = by_name(rows("events", "event"), "event")
    told = {name: names(row["fields"]) for name, row in table.items()}

    assert told == {kind.__name__: [f.name for f in fields(kind)] for kind in all_events()}


def test_an_event_outside_the_event_loop_says_so() -> None:
    """A subscriber in another thread must not touch what belongs to the loop."""
    elsewhere = {
        name: row["thread"]
        for name, row in by_name(rows("events", "event"), "event").items()
        if row["thread"] != "event loop"
    }
    said = {kind.__name__ for kind in all_events() if "thread" in (kind.__doc__ or "")}

    assert elsewhere.keys() == said


def families() -> dict[str, Metric]:
    """Return what a scrape brings once everything has happened, by name in the text format."""
    metrics = Metrics("orders", "mail")
    metrics.ran("send", "completed", 1.0)
    counts = Counts(1, 0, 0, 0, 0, 1.0, False, {}, {"send": HandlerDepth(1, 1.0)})
    found = [(["mail", "orders"], counts)]
    collected = [
        *WorkerCollector([metrics]).collect(),
        *gauges.families(found, LABELS),
        *_operator_families(),
    ]
    return {f.name + "_total" * (f.type == "counter"): f for f in collected}


def _operator_families() -> Iterable[Metric]:
    """Return what a scrape of an operator brings, without the process' own."""
    registry = CollectorRegistry()
    metrics = OperatorMetrics(registry)
    metrics.ran("done", 1.0)
    metrics.paused("done", 1.0)
    metrics.wrote("Deployment", "done")
    return registry.collect()


def test_the_metrics_are_those_of_the_tables() -> None:
    """An alert on a metric that was renamed never rings."""
    told = {
        name: (row["type"], names(row["labels"]))
        for name, row in by_name(rows("metrics", "name"), "name").items()
    }

    assert told == {
        name: (family.type, [label for label in family.samples[0].labels if label != "le"])
        for name, family in families().items()
    }


def test_a_metric_has_its_unit_in_its_name() -> None:
    """Seconds and bytes, never milliseconds: what is read beside other metrics."""
    endings = {"seconds": "_seconds", "bytes": "_bytes"}
    for name, row in by_name(rows("metrics", "name"), "name").items():
        assert name.startswith("flume_")
        assert (row["type"] == "counter") == name.endswith("_total")
        for unit, ending in endings.items():
            assert (row["unit"] == unit) == name.endswith(ending)


def test_every_family_has_a_sentence() -> None:
    """Prometheus shows it where one picks a metric."""
    for family in families().values():
        assert re.fullmatch(r"[A-Z][^\n]+\.", family.documentation)


@pytest.fixture(scope="module")
def logged() -> list[LogCall]:
    """Return what the code logs."""
    return [call for root in CODE for call in log_calls(root)]


def test_the_log_events_and_their_fields_are_those_of_the_table(logged: list[LogCall]) -> None:
    """Who is woken by a line looks it up here."""
    told = by_name(rows("logs", "event", below="Events"), "event")

    assert {call.event for call in logged} == told.keys()
    for call in logged:
        row = told[call.event]
        assert call.logger == names(row["logger"])[0], call.where
        assert call.level in ("", row["level"]), call.where
        # One call writes three events here, and only job_retried has the wait.
        optional = {"after_s"} if call.level == "" else set()
        assert set(names(row["fields"])) | optional == call.fields | optional, call.where


def test_an_event_is_snake_case_and_its_fields_replace_none_of_the_line(
    logged: list[LogCall],
) -> None:
    """Fields that are called ``event`` or ``message`` would hide what happened."""
    record = logging.makeLogRecord({"msg": "x"})
    line = JsonFormatter().format(record)
    taken = {*record.__dict__, "message", "asctime", *re.findall(r'"(\w+)":', line)}
    for call in logged:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", call.event), call.where
        assert not (call.fields - {"exception"}) & taken, call.where


def commands(found: click.Command = cli, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its whole name."""
    yield " ".join(path), found
    if isinstance(found, click.Group):
        context = click.Context(found)
        for name in found.list_commands(context):
            child = found.get_command(context, name)
            assert child is not None
            yield from commands(child, *path, name)


def options(command: click.Command) -> dict[str, click.Option]:
    """Return the options that people see, by their long name."""
    return {
        max(option.opts, key=len): option
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and "--version" not in option.opts
    }


def variables_read(root: Path) -> Iterator[str]:
    """Yield the environment variables that modules below ``root`` read by themselves."""
    pattern = re.compile(
        r"os\.(?:environ\.get\(|environ\[|getenv\()'([^']+)'|'([^']+)' in os\.environ"
    )
    for path in root.rglob("*.py"):
        text = ast.unparse(ast.parse(path.read_text(encoding="utf-8")))
        yield from (first or second for first, second in pattern.findall(text))


def told_variables() -> set[str]:
    """Return the variables in all tables of the page."""
    tables = [
        *rows("settings", "flag"),
        *rows("settings", "argument"),
        *rows("settings", "variable"),
    ]
    return {name for row in tables for name in names(row["variable"])}


def test_the_environment_variables_are_those_of_the_page() -> None:
    """A variable that nobody knows of is set by nobody, or by accident."""
    declared = {option.envvar for _, command in commands() for option in options(command).values()}
    read = {name for root in CODE for name in variables_read(root)}

    assert told_variables() == {str(name) for name in declared if name} | read


@pytest.mark.parametrize(
    ("heading", "name"),
    [("Every command", ""), ("`flume worker`", "worker"), ("`flume dev`", "dev")],
)
def test_the_flags_of_a_command_are_those_of_its_table(heading: str, name: str) -> None:
    """Flag, variable and default, side by side."""
    told = by_name(rows("settings", "flag", below=heading), "flag")
    found = options(dict(commands())[name])

    assert told.keys() == found.keys()
    for flag, row in told.items():
        option = found[flag]
        assert names(row["variable"]) == ([str(option.envvar)] if option.envvar else []), flag
        assert default_matches(row["default"], option), flag


def test_the_bounds_of_a_flag_are_those_of_the_manifest_and_of_its_row() -> None:
    """What a worker takes from a flag, the manifest must be able to say for all of them.

    Times may be shorter than the manifest's whole seconds.
    """
    told = by_name(rows("settings", "flag", below="`flume worker`"), "flag")
    found = {
        flag: option.type
        for flag, option in options(dict(commands())["worker"]).items()
        if isinstance(option.type, click.IntRange | click.FloatRange) and flag in told
    }
    of_manifest: dict[str, tuple[type[Model], str]] = {
        "--max-demand": (PipelineSpec, "max_demand"),
        "--concurrency": (PipelineSpec, "concurrency"),
        "--max-retries": (Retry, "max_retries"),
        "--backoff-initial": (Retry, "backoff_initial_seconds"),
        "--backoff-max": (Retry, "backoff_max_seconds"),
        "--timeout": (PipelineSpec, "timeout_seconds"),
        "--lease": (PipelineSpec, "lease_seconds"),
        "--max-crashes": (PipelineSpec, "max_crashes"),
    }
    for flag, (model, field) in of_manifest.items():
        [bounds] = [m for m in model.model_fields[field].metadata if isinstance(m, Between)]
        ours = found[flag]
        assert ours.max == bounds.high, flag
        if isinstance(ours, click.IntRange):
            assert ours.min == bounds.low, flag
        else:
            assert ours.min is not None
            assert ours.min <= bounds.low, flag
    written = {flag: row["unit"].partition(", ")[2] for flag, row in told.items() if flag in found}
    assert written.pop("--health-port") == ""
    assert written == {
        flag: f"{kind.min:,} to {kind.max:,}"
        for flag, kind in found.items()
        if flag != "--health-port"
    }


def default_matches(told: str, option: click.Option) -> bool:
    """Return whether a default is what the code has: the flag's, else the pipeline's."""
    default = option.default
    if option.is_flag:
        return told == "off"
    if isinstance(default, int | float | str):
        return told == (f"{default:g}" if isinstance(default, float) else str(default))
    setting = f"{option.name}" + "_s" * (f"{option.name}_s" in _SETTINGS)
    if isinstance(value := _SETTINGS.get(setting), int | float):
        return told == f"{value:g}"
    return True  # in words


_SETTINGS: dict[str, Any] = {field.name: field.default for field in fields(PipelineSettings)}


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_the_arguments_of_a_client_are_those_of_the_table(client: Callable[..., Any]) -> None:
    """The two take the same, with the same defaults."""
    told = by_name(rows("settings", "argument"), "argument")
    found = inspect.signature(client).parameters

    assert list(told) == list(found)
    for name in ("timeout", "max_payload_bytes"):
        assert told[name]["default"] == f"{found[name].default:.12g}"


def test_every_lazy_command_was_looked_at() -> None:
    """A group that could not be walked would hide its options from the tests above."""
    assert isinstance(cli, LazyGroup)
    assert {name.split()[0] for name, _ in commands() if name} == set(cli.lazy)


def test_the_span_attributes_are_those_of_the_table() -> None:
    """Dashboards group by them."""
    pattern = re.compile(r'"((?:messaging|flume|error)\.[a-z_.]+)"')
    modules = (CODE[0] / "tracing.py", CODE[0] / "runtime" / "tracing.py")
    found = {name for path in modules for name in pattern.findall(path.read_text(encoding="utf-8"))}

    assert by_name(rows("tracing", "attribute"), "attribute").keys() == found
