"""What tests of an app need: jobs recorded instead of sent, a clock to set, and a run to the end.

Loaded on first use, because pytest imports the plugin of this package in every run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flume.testing.clock import Clock
    from flume.testing.faking import Fake, fake
    from flume.testing.recorder import Recorded, Recorder
    from flume.testing.run import Ran, run_until_empty

__all__ = ["Clock", "Fake", "Ran", "Recorded", "Recorder", "fake", "run_until_empty"]

_LAZY = {
    "Clock": "flume.testing.clock",
    "Fake": "flume.testing.faking",
    "Ran": "flume.testing.run",
    "Recorded": "flume.testing.recorder",
    "Recorder": "flume.testing.recorder",
    "fake": "flume.testing.faking",
    "run_until_empty": "flume.testing.run",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'flume.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
