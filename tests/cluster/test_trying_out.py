"""`make cluster`: from a checkout to a mail that was sent by a job on Kubernetes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import PREFIX
from tests.support.missing import require
from tests.support.programs import call
from tests.support.waiting import wait_until

SCRIPT = "tools/cluster"
UP_SECONDS = 1_500.0  # a cluster and four images, the first time with all they install

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1_800)]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return what keeps the script away from a cluster of its user; it is taken down at the end."""
    require("docker", "helm", "kind", "kubectl")
    own = {
        "FLUME_CLUSTER": f"{PREFIX}{os.getpid()}-tried",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }
    try:
        yield own
    finally:
        call(SCRIPT, "down", timeout=60, environment=own)


def test_a_new_cluster_sends_the_mail_of_a_job_and_says_what_to_try_next(
    environment: dict[str, str],
) -> None:
    """The first half hour of a new user: each command that is printed has to work."""
    said = call(SCRIPT, "up", timeout=UP_SECONDS, environment=environment)
    use, *commands = [line.strip() for line in said.splitlines() if line.startswith("  kubectl")]

    def typed(start: str) -> str:
        [command] = [command for command in commands if command.startswith(start)]
        return call("bash", "-c", command, timeout=60, environment=environment)

    def sent() -> int:
        return int(json.loads(typed("kubectl logs").splitlines()[-1]).get("sent", 0))

    call("bash", "-c", use, timeout=10, environment=environment)
    assert "email" in typed("kubectl get fpl")
    assert typed("kubectl exec")  # the id of the job
    wait_until(lambda: sent() == 1, 20, what="the mail")

    assert "Applies live" in typed("kubectl explain")
    assert "Ready" in typed("kubectl describe")
    assert "scaled" in typed("kubectl scale")
    assert "patched" in typed("kubectl patch")
