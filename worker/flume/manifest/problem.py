"""One thing that is wrong with a manifest, and where."""

from __future__ import annotations

from dataclasses import dataclass

from flume.manifest.checks import Location


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence that a person can act on."""

    location: Location
    """Keys and indices from the top of the document."""
    sentence: str
    """The same as the API server's, where it says anything."""
    hint: str = ""
    """What only we know: a near name, or what a pattern means."""

    def __str__(self) -> str:
        return f"{self.sentence} ({self.hint})" if self.hint else self.sentence


def dotted(location: Location) -> str:
    """Return a location as Kubernetes writes it: ``spec.env[0].value``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")
