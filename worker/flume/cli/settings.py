"""``flume settings``: what is in force for a queue, where it comes from, and who runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from flume.cli.looking import is_alive, record_of
from flume.cli.output import Cell, Column, Row, note, show_json, show_table
from flume.cli.server import Server, json_option, pass_server, queue_argument, server_options
from flume.cli.workers import generation_of
from flume.commands.command import moment

if TYPE_CHECKING:
    from datetime import datetime

    from flume.operations import WorkerInfo
    from flume.settings_record import SettingsRecord

SETTINGS = (Column("setting", style="bold"), Column("value", right=True), Column("from"))
WORKERS = (Column("worker", style="bold"), Column("settings", right=True), Column("state"))


@click.command("settings")
@queue_argument
@json_option
@server_options
@pass_server
def settings(server: Server, /, *, queue: str, as_json: bool) -> None:
    """Show what is in force for QUEUE, and where each value comes from.

    The settings record, the defaults for what it leaves out, and the flags of single workers.
    Where there is no record, what the live workers go by: their manifest, or the defaults.
    Then which workers run which generation of the record.
    """
    record, given, problem = _read(server, queue)
    now = server.now()
    workers = [w for w in server.client.queue(queue).workers() if is_alive(w, now)]
    if as_json:
        show_json([fields(queue, record, given, problem, workers)])
        return
    click.echo(_headline(queue, record, problem))
    show_table(SETTINGS, _rows(record, given, workers), empty="No worker says what it goes by.")
    click.echo()
    rows = [_worker_row(worker, record, problem) for worker in workers]
    show_table(WORKERS, rows, empty=f"There are no workers of {queue}.")
    if problem:
        note(problem)


def _read(server: Server, queue: str) -> tuple[SettingsRecord | None, set[str], str]:
    """Return the record, the settings that it names, and why it cannot be read."""
    import msgspec

    from flume import settings_record
    from flume.errors import SettingsUnreadableError
    from flume.keys import Keys

    values = server.connections.call(
        "HMGET", Keys(queue, server.key_prefix).settings, *settings_record.FIELDS
    )
    try:
        record = settings_record.read(queue, values)
    except SettingsUnreadableError as error:
        return None, set(), str(error)
    return record, set(msgspec.json.decode(values[-1])) if record else set(), ""


def fields(
    queue: str,
    record: SettingsRecord | None,
    given: set[str],
    problem: str,
    workers: Sequence[WorkerInfo],
) -> dict[str, Any]:
    """Return all as ``--json`` prints it: names and order are part of the interface."""
    return {
        "queue": queue,
        "generation": record.generation if record else 0,
        "owner": record.owner.name if record else None,
        "created": _created(record) if record else None,
        "problem": problem or None,
        "settings": {
            name: {"value": value, "from": "record" if name in given else "default"}
            for name, value in (_values(record) if record else {}).items()
        },
        "workers": [
            {
                "id": worker.id,
                "generation": record_of(worker).get("generation"),
                "current": _is_current(worker, record),
                "from": record_of(worker).get("settings_from"),
                "settings": record_of(worker).get("settings"),
                "flags": record_of(worker).get("flags") or {},
                "problem": record_of(worker).get("settings_problem") or None,
                "waiting": bool(record_of(worker).get("awaits_settings")),
                "limit": _limit_of(worker),
            }
            for worker in workers
        ],
    }


def _values(record: SettingsRecord) -> dict[str, Any]:
    from dataclasses import asdict

    found = asdict(record.settings)
    del found["queue"]
    return found


def _created(record: SettingsRecord) -> datetime | None:
    return moment(record.owner.created_ms) if record.owner.created_ms else None


def _headline(queue: str, record: SettingsRecord | None, problem: str) -> str:
    if problem:
        return f"{queue}: the settings record cannot be read; workers keep what they have."
    if record is None:
        return f"{queue}: no settings record; each worker goes by its manifest, or the defaults."
    since = _created(record)
    whose = f"{record.owner.name} ({since:%Y-%m-%d %H:%M:%S} UTC)" if since else record.owner.name
    return f"{queue}: generation {record.generation}, of {whose or 'nobody known'}"


def _rows(
    record: SettingsRecord | None, given: set[str], workers: Sequence[WorkerInfo]
) -> list[Row]:
    if record is None:
        return _rows_of_workers(workers)
    rows: list[Row] = []
    for name, value in _values(record).items():
        origin = Cell("record", "green") if name in given else Cell("default", "dim")
        rows.append([name, _shown(value), origin])
        for worker in workers:
            flags = record_of(worker).get("flags")
            if isinstance(flags, dict) and name in flags:
                rows.append(["", _shown(flags[name]), Cell(f"flag of {worker.id}", "yellow")])
        rows += _stricter_rows(name, workers)
    return rows


def _rows_of_workers(workers: Sequence[WorkerInfo]) -> list[Row]:
    """Return what the workers say that they go by: a line for each value, with who has it."""
    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for worker in workers:
        told = record_of(worker)
        own, flags = told.get("settings"), told.get("flags")
        for name, value in own.items() if isinstance(own, dict) else ():
            is_flag = isinstance(flags, dict) and name in flags
            origin = "flag" if is_flag else str(told.get("settings_from"))
            found.setdefault(name, {}).setdefault((_shown(value), origin), []).append(worker.id)
    rows: list[Row] = []
    for name, values in found.items():
        for place, ((value, origin), ids) in enumerate(values.items()):
            whose = "" if len(ids) == len(workers) else f" of {', '.join(ids)}"
            rows.append(["" if place else name, value, Cell(f"{origin}{whose}", "yellow")])
        rows += _stricter_rows(name, workers)
    return rows


def _stricter_rows(name: str, workers: Sequence[WorkerInfo]) -> list[Row]:
    stricter = _stricter_limit(workers) if name == "rate_limit" else None
    if stricter is None:
        return []
    return [["", _shown(stricter), Cell("in force: another pipeline's", "yellow")]]


def _stricter_limit(workers: Sequence[WorkerInfo]) -> dict[str, Any] | None:
    """Return the limit that another pipeline's settings impose, as a worker was told last."""
    for worker in workers:
        limit = _limit_of(worker)
        if limit is not None and limit["is_mismatch"]:
            return limit
    return None


def _limit_of(worker: WorkerInfo) -> dict[str, Any] | None:
    """Return the limit that a worker goes by; its record may be any version's."""
    match record_of(worker).get("limit_in_force"):
        case {
            "key": str(key),
            "count": int(count),
            "period_s": int() | float() as period_s,
            "is_mismatch": bool(is_mismatch),
        }:
            key = "" if key.startswith("@") else key  # it is the queue's own
            return {
                "key": key or None,
                "count": count,
                "period_s": period_s,
                "is_mismatch": is_mismatch,
            }
    return None


def _worker_row(worker: WorkerInfo, record: SettingsRecord | None, problem: str) -> Row:
    told = record_of(worker)
    state = Cell("runs them", "green")
    if told.get("awaits_settings"):
        state = Cell("waits for the record", "yellow")
    elif told.get("settings_problem") or problem:
        state = Cell("keeps the last it could read", "red")
    elif not _is_current(worker, record):
        state = Cell("not yet", "yellow")
    elif record is None:
        state = Cell(f"its own: {told.get('settings_from')}", "yellow")
    return [worker.id, generation_of(told), state]


def _is_current(worker: WorkerInfo, record: SettingsRecord | None) -> bool:
    told = record_of(worker)
    uid, generation = (record.owner.uid, record.generation) if record else ("", 0)
    return (told.get("settings_uid"), told.get("generation")) == (uid, generation)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case {"count": count, "period_s": period, "key": key}:
            return f"{count:,} in {period:,.10g} s" + (f", key {key}" if key else "")
        case int() | float():
            return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"
    return str(value)
