"""Each test of this folder has a server of its own to mistreat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.stage import Stage
from tests.support.missing import missing
from tests.support.servers import MissingServerError, Server, running_server

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(servers: Callable[[str], Server], tmp_path: Path) -> Iterator[MakeStage]:
    """Return a function that starts a server with options, and the stage around it."""
    ledger = servers("valkey")
    ledger.call("FLUSHALL")
    with ExitStack() as stack:

        def make(*options: str, kind: str = "valkey") -> Stage:
            folder = tmp_path / "server"
            folder.mkdir()
            try:
                server = stack.enter_context(running_server(kind, folder, *options))
            except MissingServerError as error:
                missing(str(error))
            return stack.enter_context(Stage(server, ledger, tmp_path))

        yield make


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """Return a stage on a plain server."""
    return make_stage()
