"""A queue that nobody has is told to logs as an event, and to a person in a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.processes import REPOSITORY
from tests.support.servers import Server

PROGRAM = """
import logging, sys
from flume import Client
{logging}
with Client(sys.argv[1]) as client:
    client.enqueue("emial", "app.send")
    client.enqueue("emial", "app.send")
"""


def said(server: Server, logging: str) -> list[str]:
    """Return the lines on standard error of an app that configures logging so."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(logging=logging), server.url],
        check=True,
        cwd=REPOSITORY / "worker",
        capture_output=True,
        text=True,
        timeout=30,
    )
    return ended.stderr.splitlines()


def test_an_app_without_logging_prints_one_sentence_for_a_person(server: Server) -> None:
    """Python prints the message alone then, and ``queue_unconfigured`` told nobody what to do."""
    lines = said(server, logging="")

    assert len(lines) == 1
    assert lines[0].startswith("flume: nobody has configured queue emial or works on it")
    assert "flume purge emial --state ready" in lines[0]


@pytest.mark.parametrize(
    ("logging", "lines"),
    [
        ("logging.basicConfig()", ["WARNING:flume.client:queue_unconfigured"]),
        ("logging.getLogger('flume').setLevel(logging.ERROR)", []),
        ("logging.lastResort = None", []),
    ],
)
def test_an_app_that_configures_logging_gets_what_it_asks_for(
    server: Server, logging: str, lines: list[str]
) -> None:
    """Programs look for the event, and who wants silence has it."""
    assert said(server, logging) == lines
