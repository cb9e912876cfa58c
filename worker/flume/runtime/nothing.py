"""What is called where nobody listens."""

from __future__ import annotations


def nothing(*_: object) -> None:
    """Do nothing."""
