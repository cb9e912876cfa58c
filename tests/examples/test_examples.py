"""What is in examples/ runs, and says the same in all its files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flume.manifest import load
from flume_operator.conditions import Reason, Type
from tests.support.command_line import flume
from tests.support.servers import Server
from tools.chart import CHART, values
from tools.tracked import ROOT

EXAMPLES = ROOT / "examples"
MANIFESTS = sorted(
    path for path in EXAMPLES.glob("*/*.yaml") if "kind: Pipeline\nmeta" in path.read_text("utf-8")
)
RUNNABLE = {  # by manifest: a job for each of its queues, and what its handler prints
    "batch/pipeline.yaml": {"rows": ("rows.insert", '"a row"', "inserted 1 rows")},
    "minimal/pipeline.yaml": {"hello": ("hello.greet", '"Ada"', "Hello, Ada!")},
    "rate-limited/pipelines.yaml": {
        "charges": ("calls.charge", '"order-1"', "charged order-1"),
        "refunds": ("calls.refund", '"order-1"', "refunded order-1"),
    },
}
RUN_SECONDS = 30


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda it: str(it.relative_to(EXAMPLES)))
def test_no_manifest_has_a_mistake(path: Path) -> None:
    """An example is copied before it is understood."""
    for manifest in load(path):
        assert "replicas" not in manifest.spec.model_fields_set  # it would undo `kubectl scale`
        assert "paused" not in manifest.spec.model_fields_set  # and `kubectl patch`


@pytest.mark.process
@pytest.mark.parametrize("name", RUNNABLE)
def test_an_example_runs_on_a_laptop_as_its_readme_says(name: str, valkey: Server) -> None:
    """The first thing that somebody tries."""
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    for queue, (handler, argument, _) in RUNNABLE[name].items():
        assert f"flume enqueue {queue} {handler} '{argument}'" in readme
        assert flume("enqueue", queue, handler, argument, url=valkey.url).code == 0

    ended = subprocess.run(
        [sys.executable, "-m", "flume", "dev", f"examples/{name}", "--until-empty"],
        cwd=ROOT,
        env={**os.environ, "FLUME_REDIS_URL": valkey.url, "PYTHONPATH": str(ROOT / "worker")},
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS,
    )

    assert ended.returncode == 0, ended.stderr
    for _, _, said in RUNNABLE[name].values():
        assert said in ended.stdout + ended.stderr


def test_pipelines_that_share_a_limit_say_the_same_of_it() -> None:
    """With different limits the strictest holds, which nobody would expect of an example."""
    first, second = load(EXAMPLES / "rate-limited" / "pipelines.yaml")

    assert first.spec.rate_limit is not None
    assert first.spec.rate_limit == second.spec.rate_limit


# ---- Argo CD ----


def condition(
    kind: Type, status: str, reason: str = "Some", message: str = "why"
) -> dict[str, str]:
    """Return a condition as the operator writes it."""
    return {"type": kind.value, "status": status, "reason": reason, "message": message}


WELL = [condition(Type.READY, "True"), condition(Type.SPEC_VALID, "True")]
UNREADY = condition(Type.READY, "False")


def workers(reason: Reason, status: str = "False") -> dict[str, str]:
    """Return what is said of the workers."""
    return condition(Type.WORKERS_AVAILABLE, status, reason.value)


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (None, "Progressing"),
        ({"observedGeneration": 1, "conditions": WELL}, "Progressing"),
        ({"observedGeneration": 2, "conditions": WELL}, "Healthy"),
        ({"observedGeneration": 2, "conditions": WELL, "paused": True}, "Suspended"),
        ({"conditions": [UNREADY, condition(Type.SPEC_VALID, "False")]}, "Degraded"),
        ({"conditions": [UNREADY, condition(Type.SETTINGS_SYNCED, "False")]}, "Degraded"),
        (
            {"conditions": [UNREADY, condition(Type.SPEC_VALID, "False")], "paused": True},
            "Degraded",
        ),
        ({"conditions": [UNREADY, workers(Reason.STARTING)]}, "Progressing"),
        ({"conditions": [UNREADY, workers(Reason.NOT_DEPLOYED)]}, "Progressing"),
        ({"conditions": [UNREADY, workers(Reason.SCALED_TO_ZERO)]}, "Suspended"),
        ({"conditions": [UNREADY, workers(Reason.NOT_PROGRESSING)]}, "Degraded"),
        ({"conditions": [*WELL, workers(Reason.AVAILABLE, "True")]}, "Healthy"),
        ({"conditions": [*WELL, workers(Reason.UPDATING, "True")]}, "Progressing"),
        ({"conditions": [*WELL, workers(Reason.NOT_PROGRESSING, "True")]}, "Degraded"),
        ({"conditions": [UNREADY, workers(Reason.PODS_REFUSED)]}, "Degraded"),
    ],
)
def test_argo_cd_is_told_how_a_pipeline_is(
    status: dict[str, Any] | None, health: str, valkey: Server
) -> None:
    """A paused Pipeline is no failed deploy, and a refused one is no slow deploy."""
    patch = yaml.safe_load((EXAMPLES / "argocd" / "argocd-cm.yaml").read_text("utf-8"))
    check = patch["data"]["resource.customizations.health.flume.dev_Pipeline"]
    pipeline: dict[str, Any] = {"metadata": {"generation": 2}}
    if status is not None:
        pipeline["status"] = {"observedGeneration": 2, **status}

    # Argo CD has a Lua 5.1 of its own; so has Valkey.
    script = f"local function health(obj) {check}\nend\n"
    script += "return cjson.encode(health(cjson.decode(ARGV[1])))"
    found = json.loads(valkey.call("EVAL", script, "0", json.dumps(pipeline)))

    assert found["status"] == health
    assert found["message"]


# ---- skaffold ----


def test_skaffold_builds_the_images_that_the_chart_installs() -> None:
    """A value that the chart does not know is refused by its schema, after a long build."""
    config = yaml.safe_load((ROOT / "skaffold.yaml").read_text("utf-8"))
    [release] = config["deploy"]["helm"]["releases"]
    patches = [patch for profile in config["profiles"] for patch in profile["patches"]]
    known = {".".join(value.path) for value in values()}
    images = {built["image"] for built in config["build"]["artifacts"]}
    named = set(re.findall(r"IMAGE_REPO_(\w+)", str(release)))

    assert ROOT / release["chartPath"] == CHART
    assert {*release["setValues"], *release["setValueTemplates"]} <= known
    assert {patch["path"].rpartition("/")[2] for patch in patches} <= known
    assert named == {image.replace("-", "_") for image in images}
