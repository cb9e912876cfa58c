"""``flume enqueue``: hand in one job, or a file of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import IO, Any

import click
import msgspec

from flume.cli.durations import duration, moment
from flume.cli.lines import Call, calls_of
from flume.cli.output import note, show_json
from flume.cli.sending import hear_warnings, job_fields, say_who_runs_it, send, send_all
from flume.cli.server import Server, json_option, pass_server, queue_argument, server_options
from flume.handler import ref


@click.command("enqueue")
@queue_argument
@click.argument("handler", required=False)
@click.argument("args", metavar="[ARGS_JSON]...", nargs=-1)
@click.option("--kwarg", "kwargs", metavar="NAME=JSON", multiple=True, help="A keyword argument.")
@click.option("--in", "wait", type=duration, metavar="5m", help="Run it after this long.")
@click.option("--at", "when", type=moment, metavar="ISO", help="Run it at this time.")
@click.option("--unique", metavar="KEY", help="Return the live job that holds this key, if any.")
@click.option("--header", "headers", metavar="NAME=TEXT", multiple=True, help="A header.")
@click.option(
    "--max-retries", type=click.IntRange(0, 1000), metavar="N", help="Runs after the first."
)
@click.option("--from-file", type=click.File("rb"), metavar="FILE", help="JSON lines; - for stdin.")
@json_option
@server_options
@pass_server
def enqueue(
    server: Server,
    /,
    *,
    queue: str,
    handler: str | None,
    args: tuple[str, ...],
    kwargs: tuple[str, ...],
    wait: timedelta | None,
    when: datetime | None,
    unique: str | None,
    headers: tuple[str, ...],
    max_retries: int | None,
    from_file: IO[bytes] | None,
    as_json: bool,
) -> None:
    """Hand a job for HANDLER in to QUEUE, and print its id.

    Arguments are JSON, so a string needs quotes inside those of the shell:

    \b
      flume enqueue email app.jobs.send_email '"ada@example.com"' --kwarg subject='"Hi"'
      flume enqueue email app.jobs.send_email --from-file jobs.jsonl

    With --from-file each line is an array of arguments, or an object with args, kwargs, headers,
    unique, max_retries and handler, all of them optional.  Write -- before negative numbers.
    """
    if wait is not None and when is not None:
        raise click.UsageError("--in and --at exclude each other")
    due = wait if when is None else when
    options: dict[str, Any] = {
        "max_retries": max_retries,
        "headers": _headers(headers),
        "unique": unique,
    }
    with hear_warnings(server):
        if from_file is not None:
            if args or kwargs or unique:
                raise click.UsageError("with --from-file, arguments and --unique are in the lines")
            calls = calls_of(from_file, handler, options)
            send_all(server, queue, calls, due, as_json=as_json)
            return
        if handler is None:
            raise click.UsageError("Missing argument 'HANDLER'")
        given = [_json(text, f"argument {number}") for number, text in enumerate(args, start=1)]
        named = dict(_named(text) for text in kwargs)
        job = send(server, queue, [Call(ref(handler).using(**options), given, named)], due)[0]
        show_json([job_fields(job)]) if as_json else click.echo(job.id)
        if job.is_duplicate:
            note("a live job holds this unique key, so no other was enqueued.")
        else:
            say_who_runs_it(server, queue, handler)


def _json(text: str, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise click.UsageError(
            f"{where} is not JSON: a string needs quotes of its own, as in '\"text\"'"
        ) from error


def _named(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError("--kwarg is NAME=JSON, such as --kwarg subject='\"Hi\"'")
    return name, _json(value, f"--kwarg {name}")


def _headers(pairs: Sequence[str]) -> dict[str, str] | None:
    headers = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.UsageError("--header is NAME=TEXT, such as --header source=import")
        headers[name] = value
    return headers or None
