"""Run a state machine of hypothesis: the longest of our tests, and shrunk before it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def run_machine(make: Callable[[], RuleBasedStateMachine], *, steps: int) -> None:
    """Try a hundred runs of up to ``steps`` steps, each with a new machine."""
    run_state_machine_as_test(  # takes anything that makes a machine
        cast("type[RuleBasedStateMachine]", make),
        settings=settings(
            max_examples=100,
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
