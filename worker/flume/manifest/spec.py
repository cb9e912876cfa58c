"""The spec of a Pipeline: every field with its bounds, its default and when a change acts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flume.manifest import patterns
from flume.manifest.fields import Acts, Between, Default, Flag, FromKubernetes, Items, Text
from flume.manifest.live import DeadLetter, Delivery, RateLimit, Retry
from flume.manifest.model import Model, Rule
from flume.manifest.operations import DisruptionBudget, Redis, UpdateStrategy
from flume.manifest.pod import LONGEST_ARGUMENT, Container, EnvVar, Pod, Resources, VolumeMount

Argument = Annotated[str, Text(LONGEST_ARGUMENT)]


def _names_worker(containers: list[dict[str, Any]] | tuple[Container, ...]) -> bool:
    return any(isinstance(item, dict) and item.get("name") == "worker" for item in containers)


def _changes_fixed(env: list[dict[str, Any]] | tuple[EnvVar, ...]) -> bool:
    names = (item.get("name") for item in env if isinstance(item, dict))
    return any(name in ("FLUME_DRAIN_TOKEN", "FLUME_HEALTH_PORT") for name in names)


class PipelineSpec(Model):
    """A queue, the handlers that run its jobs, how fast, and in which pods."""

    queue: Annotated[str, Text(63, patterns.NAME), Acts.FIXED]
    """Queue whose jobs are run; one Pipeline a queue."""
    modules: Annotated[
        tuple[Annotated[str, Text(255, patterns.MODULE)], ...] | None,
        Items(64, least=1, distinct=""),
        Acts.RESTARTS,
        Default("none, then delivery is needed"),
    ] = None
    """Python modules whose handlers may run; no name in Redis reaches beyond them."""
    delivery: Annotated[Delivery | None, Acts.RESTARTS, Default("none")] = None
    """How jobs reach an app in another container, in place of modules."""

    paused: Annotated[Flag, Acts.LIVE] = False
    """Stops claiming on all replicas, while running jobs finish."""
    max_demand: Annotated[int, Between(1, 10_000, "jobs"), Acts.LIVE] = 100
    """Most jobs (batches, of a batch handler) that one worker holds, claimed or running."""
    concurrency: Annotated[
        int | None,
        Between(1, 10_000, "handlers"),
        Acts.LIVE,
        Default("maxDemand for async handlers, 10 threads for sync ones"),
    ] = None
    """Handlers that run at once in one worker."""
    batch_size: Annotated[
        int | None, Between(1, 1000, "jobs"), Acts.LIVE, Default("100 for batch handlers")
    ] = None
    """Most jobs given to one call of a batch handler; other handlers get one each."""
    batch_timeout_milliseconds: Annotated[int, Between(1, 3_600_000, "milliseconds"), Acts.LIVE] = (
        1000
    )
    """Longest wait of a batch's first job for the others; for batch handlers alone."""
    bisect: Annotated[Flag, Acts.LIVE] = True
    """Runs a batch that raised again in halves, so that only the job that fails is charged."""
    rate_limit: Annotated[RateLimit | None, Acts.LIVE, Default("none")] = None
    """Most job starts in a period, over all replicas."""
    retry: Annotated[Retry, Acts.LIVE] = Retry()
    """What happens after a job failed."""
    max_crashes: Annotated[int, Between(1, 100, "crashes"), Acts.LIVE] = 2
    """Crashes of its worker, while a job runs alone, after which the job is dead."""
    timeout_seconds: Annotated[int, Between(1, 604_800, "seconds"), Acts.LIVE] = 600
    """Longest run of one job."""
    lease_seconds: Annotated[int, Between(1, 3600, "seconds"), Acts.LIVE] = 30
    """How long a worker that went silent keeps its jobs; it is renewed, so jobs may run longer."""
    dead_letter: Annotated[DeadLetter, Acts.LIVE] = DeadLetter()
    """Which dead jobs are kept."""

    replicas: Annotated[int, Between(0, 1000, "pods"), Acts.SCALES] = 1
    """Workers; leave it out where an autoscaler or kubectl scale sets it."""

    image: Annotated[
        str | None,
        Text(500, patterns.IMAGE),
        Acts.RESTARTS,
        Default("the worker image of the operator"),
    ] = None
    """Image of the worker, with your modules in it."""
    image_pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"] | None,
        Acts.RESTARTS,
        Default("Always for the tag latest, else IfNotPresent"),
    ] = None
    """When the image is pulled."""
    command: Annotated[
        tuple[Argument, ...], Items(64), Acts.RESTARTS, Default("that of the image")
    ] = ()
    """Entry point of the worker's container."""
    args: Annotated[
        tuple[Argument, ...], Items(256), Acts.RESTARTS, Default("set by the operator")
    ] = ()
    """Arguments of the entry point."""
    env: Annotated[
        tuple[EnvVar, ...], Items(256, distinct="name"), Acts.RESTARTS, Default("none")
    ] = ()
    """Variables of the worker's environment."""
    env_from: Annotated[
        tuple[dict[str, Any], ...],
        Items(64),
        FromKubernetes("EnvFromSource"),
        Acts.RESTARTS,
        Default("none"),
    ] = ()
    """ConfigMaps and Secrets whose keys become variables."""
    resources: Annotated[
        Resources | None, FromKubernetes("ResourceRequirements"), Acts.RESTARTS, Default("none")
    ] = None
    """CPU and memory of the worker's container."""
    volume_mounts: Annotated[
        tuple[VolumeMount, ...],
        Items(64, distinct="mountPath"),
        FromKubernetes("VolumeMount"),
        Acts.RESTARTS,
        Default("none"),
    ] = ()
    """Where volumes of the pod appear in the worker's container."""
    security_context: Annotated[
        dict[str, Any] | None,
        FromKubernetes("SecurityContext"),
        Acts.RESTARTS,
        Default("what restricted namespaces ask for"),
    ] = None
    """Security settings of the worker's container."""
    containers: Annotated[
        tuple[Container, ...],
        Items(16, distinct="name"),
        FromKubernetes("Container"),
        Acts.RESTARTS,
        Default("none"),
    ] = ()
    """More containers beside the worker; with delivery.http the app is one of them."""
    pod: Annotated[Pod, Acts.RESTARTS] = Pod()
    """What is set on the pods as a whole."""
    redis: Annotated[Redis, Acts.RESTARTS] = Redis()
    """Where the queue lives."""

    update_strategy: Annotated[UpdateStrategy, Acts.OPERATOR] = UpdateStrategy()
    """How pods are replaced when their shape changes."""
    disruption_budget: Annotated[DisruptionBudget, Acts.OPERATOR] = DisruptionBudget()
    """How many pods an eviction may take at once."""
    deletion_policy: Annotated[Literal["Retain", "Drain", "Purge"], Acts.OPERATOR] = "Retain"
    """What deleting the Pipeline does to its jobs.

    Retain keeps them in Redis, Drain first lets running jobs finish, Purge then deletes the rest.
    """
    drain_timeout_seconds: Annotated[int, Between(1, 86_400, "seconds"), Acts.OPERATOR] = 300
    """Longest wait for running jobs when the Pipeline is deleted; not used with Retain."""

    rules = (
        Rule(
            reads=("modules", "delivery"),
            broken=lambda modules, delivery: (modules is None) == (delivery is None),
            cel="has(self.modules) != has(self.delivery)",
            sentence="set exactly one of modules (handlers in Python) and delivery (an app "
            "beside the worker)",
        ),
        Rule(
            reads=("concurrency", "maxDemand"),
            broken=lambda running, held: running is not None and running > held,
            cel="!has(self.concurrency) || self.concurrency <= self.maxDemand",
            at="concurrency",
            sentence="concurrency must not exceed maxDemand (100 unless set): lower the first or "
            "raise the second",
        ),
        Rule(
            reads=("delivery", "containers"),
            broken=lambda delivery, containers: delivery is not None and not containers,
            cel="!has(self.delivery) || (has(self.containers) && size(self.containers) > 0)",
            at="containers",
            sentence="delivery.http needs the app beside the worker: add its container",
        ),
        Rule(
            reads=("containers",),
            broken=_names_worker,
            cel="!has(self.containers) || self.containers.all(item, item.name != 'worker')",
            at="containers",
            sentence="the name worker is taken by the worker's own container: choose another",
        ),
        Rule(
            reads=("env",),
            broken=_changes_fixed,
            cel="!has(self.env) || self.env.all(item, item.name != 'FLUME_DRAIN_TOKEN' && "
            "item.name != 'FLUME_HEALTH_PORT')",
            at="env",
            sentence="FLUME_DRAIN_TOKEN and FLUME_HEALTH_PORT are set by the operator, whose "
            "probes and hook need them so: leave them out",
        ),
    )
