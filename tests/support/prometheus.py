"""Prometheus' own tool, which checks rules and pages."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.missing import require

_SECONDS = 30


def promtool(
    *arguments: str, folder: Path, page: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run promtool in a folder, with a page to read where one is given; return how it ended."""
    require("promtool")
    return subprocess.run(
        ["promtool", *arguments],
        cwd=folder,
        input=page,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
