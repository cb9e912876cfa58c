"""The chart is installed as its users do, and its operator has the rights that it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.clusters import Cluster, Namespace
from tests.support.missing import require
from tests.support.operating import START_SECONDS, Shop, running_operator, starting_operator
from tests.support.programs import call
from tests.support.waiting import wait_until
from tools.tracked import ROOT

INSTALL_SECONDS = 300.0  # two starts of the operator on a node that does much else
MISSED_SECONDS = 40.0
"""Until kopf gives up a definition that is gone, about 15 s."""
CRD = "customresourcedefinition/pipelines.flume.dev"
EXAMPLE = ROOT / "examples" / "minimal"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the chart as it is published."""
    require("helm")
    folder = tmp_path_factory.mktemp("package")
    call("helm", "package", "charts/flume", "--destination", str(folder), timeout=INSTALL_SECONDS)
    [made] = folder.glob("flume-*.tgz")
    return made


@pytest.fixture(scope="module")
def empty(clusters: Callable[[], AbstractContextManager[Cluster]]) -> Iterator[Cluster]:
    """Return a cluster for those who take away what all others need."""
    with clusters() as made:
        yield made


def helm(cluster: Cluster, namespace: str, *arguments: str) -> str:
    """Run Helm on a release in a namespace, and return what it says."""
    where = ("--namespace", namespace, "--kubeconfig", str(cluster.kubeconfig))
    return call("helm", *arguments, *where, timeout=INSTALL_SECONDS)


def install(cluster: Cluster, namespace: str, package: Path, image: str, *values: str) -> str:
    """Install the chart with an image that is on the node, wait for it, and return the notes."""
    repository, _, tag = image.rpartition(":")
    given = (f"image.repository={repository}", f"image.tag={tag}", *values)
    flags = (flag for value in given for flag in ("--set", value))
    wait = ("--create-namespace", "--wait", "--timeout", f"{INSTALL_SECONDS - 10:.0f}s")
    return helm(cluster, namespace, "install", "flume", str(package), *wait, *flags)


def test_a_release_for_one_namespace_runs_a_job_there_with_the_rights_of_the_chart(
    cluster: Cluster, shop: Shop, package: Path, operator_image: str, worker_image: str
) -> None:
    """A right that is missing is found at the first Pipeline, by its user."""
    namespace = shop.namespace
    repository, _, tag = worker_image.rpartition(":")
    install(
        cluster,
        namespace.name,
        package,
        operator_image,
        "crds.install=false",  # the cluster's is there for all tests
        f"namespaces={{{namespace.name}}}",
        f"workerImage.repository={repository},workerImage.tag={tag}",
        f"keyPrefix={namespace.name}",
    )
    assert "Succeeded" in helm(cluster, namespace.name, "test", "flume")

    code = f"--from-file={EXAMPLE / 'hello.py'}"
    namespace.kubectl("create", "configmap", "hello-code", code)
    namespace.kubectl("apply", "--filename", str(EXAMPLE / "pipeline.yaml"))
    namespace.kubectl(
        "wait", "--for=condition=Ready", "pipeline/hello", "--timeout=90s", timeout=100
    )
    flume = ("exec", "deployment/hello", "--", "flume")
    namespace.kubectl(*flume, "enqueue", "hello", "hello.greet", '"Ada"')
    wait_until(lambda: "Hello, Ada!" in log(namespace, "deployment/hello"), 20, what="the job")

    said = log(namespace, "--selector=app.kubernetes.io/name=flume-operator", "--tail=-1")
    assert "leadership_won" in said
    assert "OS signals" not in said  # a warning that nobody can do anything about
    assert "forbidden" not in said.lower()
    assert "Forbidden" not in str(shop.status("hello"))

    helm(cluster, namespace.name, "uninstall", "flume", "--wait")
    assert namespace.get("deployment", "hello")["status"]["readyReplicas"] == 1


def test_an_operator_without_the_definition_ends_and_says_what_is_missing(
    empty: Cluster, tmp_path: Path
) -> None:
    """kopf would be deaf for ever; a process that ends is started again, and seen."""
    empty.kubectl("apply", "--filename", str(ROOT / "crds" / "pipelines.flume.dev.yaml"))
    with running_operator(empty, tmp_path / "first") as started:
        empty.kubectl("delete", CRD)
        assert started.wait(MISSED_SECONDS) == 1
        assert "watch_ended" in started.output
    with starting_operator(empty, tmp_path / "second") as refused:
        assert refused.wait(START_SECONDS) == 1
        assert "install the CustomResourceDefinition pipelines.flume.dev" in refused.output


def test_a_release_for_the_cluster_brings_the_definition_and_leaves_it(
    empty: Cluster, package: Path, operator_image: str
) -> None:
    """Without the definition every Pipeline of the cluster would go, and every worker with it."""
    empty.load_images(operator_image)
    empty.kubectl("delete", CRD, "--ignore-not-found")
    notes = install(empty, "flume-system", package, operator_image)
    assert "runs Pipelines in all namespaces" in notes

    empty.kubectl("apply", "--filename", str(EXAMPLE / "pipeline.yaml"))
    deployed = ("wait", "--for=create", "deployment/hello", "--timeout=30s")
    empty.kubectl(*deployed)
    reason = """jsonpath={.status.conditions[?(@.type=="SettingsSynced")].reason}"""
    look = ("get", "pipeline/hello", "--output", reason)
    wait_until(lambda: empty.kubectl(*look) == "SecretMissing", 20, what="the condition")

    assert "kept" in helm(empty, "flume-system", "uninstall", "flume", "--wait")
    for kept in (CRD, "pipeline/hello", "deployment/hello"):
        assert empty.kubectl("get", kept, "--output", "name").strip()
    install(empty, "flume-system", package, operator_image)  # takes over what was kept


def log(namespace: Namespace, *what: str) -> str:
    """Return what pods have printed."""
    return namespace.kubectl("logs", *what)
