"""Ask a worker what probes and Prometheus ask."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.processes import Process
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Probe:
    """The health port of a process."""

    port: int

    def get(
        self, path: str, *, host: str = "127.0.0.1", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Return the status and the text of a page."""
        page = f"http://{host}:{self.port}{path}"
        asked = urllib.request.Request(page, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_for(self, path: str, status: int, timeout: float = 10.0) -> str:
        """Return the text of a page once it has ``status``."""
        wait_until(lambda: self.get(path)[0] == status, timeout, what=f"{path} answering {status}")
        return self.get(path)[1]

    def samples(self) -> list[Sample]:
        """Return all samples of /metrics, after checking that each family is there once."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return samples_of(text)


def samples_of(text: str) -> list[Sample]:
    """Return the samples of Prometheus' text, after checking what makes it valid."""
    families = list(text_string_to_metric_families(text))
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    samples = [sample for family in families for sample in family.samples]
    keys = [(sample.name, *sorted(sample.labels.items())) for sample in samples]
    assert len(names) == len(set(names)), "a family comes twice"
    assert len(keys) == len(set(keys)), "a sample comes twice"
    return samples


def total(samples: list[Sample], name: str, **labels: str) -> float:
    """Return the sum of the samples of one name that have these labels."""
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def lines_of(process: Process) -> list[dict[str, Any]]:
    """Return the log lines of a process, each of which has to be a JSON object."""
    found = [json.loads(line) for line in process.output.splitlines()]
    assert all(isinstance(line, dict) for line in found)
    return found


def probe_of(process: Process) -> Probe:
    """Return the probe of a process that was started with ``--health-port 0``."""
    event = '"event": "health_served"'
    process.wait_for_output(event)
    (line,) = [line for line in process.output.splitlines() if event in line]
    return Probe(json.loads(line)["port"])
