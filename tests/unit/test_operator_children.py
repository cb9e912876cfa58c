"""What a Pipeline becomes: every field of its children that the cluster or a worker acts on."""

from typing import Any

import yaml

from flume.health import TOKEN_HEADER
from flume.manifest import Manifest, check, load
from flume_operator import children as made
from flume_operator.children import Owner
from flume_operator.pod import drain_token

OWNER = Owner(name="email", namespace="shop", uid="6f9c0e4e-5f0c-4a53-9d1a-2f6f4f0b7d10")


def pipeline(metadata: dict[str, Any] | None = None, /, **spec: Any) -> Manifest:
    """Return a Pipeline with these fields."""
    if "delivery" not in spec:
        spec.setdefault("modules", ["app.jobs"])
    return check(
        {
            "apiVersion": "flume.dev/v1alpha1",
            "kind": "Pipeline",
            "metadata": {"name": "email", "namespace": "shop", **(metadata or {})},
            "spec": {"queue": "email", **spec},
        }
    )


def deployment(manifest: Manifest, prefix: str = "flume") -> dict[str, Any]:
    """Return the Deployment that it becomes."""
    return made.deployment(manifest, OWNER, worker_image="worker:1", prefix=prefix)


def pod(manifest: Manifest) -> dict[str, Any]:
    """Return the spec of its pods."""
    found: dict[str, Any] = deployment(manifest)["spec"]["template"]["spec"]
    return found


def worker(manifest: Manifest) -> dict[str, Any]:
    """Return the worker's container."""
    found: dict[str, Any] = pod(manifest)["containers"][0]
    return found


def environment(manifest: Manifest) -> dict[str, Any]:
    """Return the worker's variables; no name may come twice."""
    found = worker(manifest)["env"]
    values = {each["name"]: each.get("value", each.get("valueFrom")) for each in found}
    assert len(values) == len(found)
    return values


def text_of(manifest: Manifest) -> str:
    """Return the file that workers read."""
    text: str = made.config_map(manifest, OWNER)["data"]["pipeline.yaml"]
    return text


def test_children_come_in_the_order_in_which_they_are_needed() -> None:
    """Pods that start before their ConfigMap wait for the kubelet's next try, which takes long."""
    found = made.children(pipeline(), OWNER, worker_image="worker:1", prefix="flume")

    assert [each["kind"] for each in found] == ["ConfigMap", "PodDisruptionBudget", "Deployment"]
    assert {each["metadata"]["name"] for each in found} == {"email"}
    assert {each["metadata"]["namespace"] for each in found} == {"shop"}


def test_children_go_with_their_pipeline_without_further_rights() -> None:
    """Garbage collection needs an owner; blockOwnerDeletion needs one more right."""
    for child in made.children(pipeline(), OWNER, worker_image="worker:1", prefix="flume"):
        assert child["metadata"]["ownerReferences"] == [
            {
                "apiVersion": "flume.dev/v1alpha1",
                "kind": "Pipeline",
                "name": "email",
                "uid": OWNER.uid,
                "controller": True,
            }
        ]


def test_marks_of_gitops_tools_are_not_copied() -> None:
    """A tool that finds its mark on an object that it has no file for deletes it."""
    marks = {"argocd.argoproj.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm"}
    notes = {"argocd.argoproj.io/tracking-id": "shop:flume.dev/Pipeline:shop/email"}

    for child in made.children(
        pipeline({"labels": marks, "annotations": notes}), OWNER, worker_image="w", prefix="flume"
    ):
        assert child["metadata"]["labels"] == {
            "app.kubernetes.io/name": "flume-worker",
            "app.kubernetes.io/managed-by": "flume",
            "flume.dev/pipeline": "email",
        }
        assert "annotations" not in child["metadata"]


def test_replicas_are_not_in_the_deployment() -> None:
    """What is applied is owned, and replicas may be an autoscaler's."""
    assert "replicas" not in deployment(pipeline(replicas=7))["spec"]


def test_equal_pipelines_make_equal_bodies() -> None:
    """An apply that changes nothing writes nothing; a list in another order is a new pod."""
    spec: dict[str, Any] = {"env": [{"name": "B", "value": "1"}, {"name": "A", "value": "$(B)"}]}

    assert deployment(pipeline(**spec)) == deployment(pipeline(**spec))
    names = [each["name"] for each in worker(pipeline(**spec))["env"]]
    assert names[:-2] == sorted(names[:-2])
    assert names[-2:] == ["B", "A"]  # one may refer to those before it


def test_workers_read_the_settings_that_the_pipeline_has() -> None:
    """With the operator down and Redis' record gone, the mounted file is all that a pod has."""
    manifest = pipeline(
        paused=True,
        maxDemand=7,
        concurrency=3,
        batchSize=5,
        batchTimeoutMilliseconds=20,
        bisect=False,
        rateLimit={"count": 9, "periodSeconds": 2, "key": "vendor"},
        retry={"maxRetries": 1, "backoffInitialSeconds": 2, "backoffMaxSeconds": 3},
        maxCrashes=4,
        timeoutSeconds=5,
        leaseSeconds=6,
        deadLetter={"maxJobs": 7, "maxAgeSeconds": 8},
    )

    [read] = load(text_of(manifest))

    assert read.settings() == manifest.settings()
    assert read.spec.modules == ("app.jobs",)


def test_every_live_field_reaches_the_workers_file() -> None:
    """A field that is new in the model and missing here would be lost where the record is gone."""
    from flume.manifest import PipelineSpec
    from flume.manifest.fields import Acts

    live = [
        name
        for name, python_name in PipelineSpec.names().items()
        if Acts.LIVE in PipelineSpec.model_fields[python_name].metadata
    ]

    assert set(live) <= set(made.FOR_WORKERS)


def test_the_workers_file_holds_no_default() -> None:
    """A worker image that is older than the operator refuses fields that it does not know."""
    assert yaml.safe_load(text_of(pipeline()))["spec"] == {
        "queue": "email",
        "modules": ["app.jobs"],
    }


def test_no_password_of_the_environment_is_in_a_config_map() -> None:
    """ConfigMaps are read by many who may not read Secrets."""
    text = text_of(pipeline(env=[{"name": "TOKEN", "value": "hunter2"}]))

    assert "hunter2" not in text


def test_a_live_change_leaves_the_pods_as_they_are() -> None:
    """Each difference here would restart every worker."""
    before, after = pipeline(), pipeline(maxDemand=7, paused=True, timeoutSeconds=50, replicas=4)

    assert deployment(before) == deployment(after)
    assert text_of(before) != text_of(after)


def test_other_modules_are_other_pods() -> None:
    """A running worker cannot load them, and what is mounted restarts no pod."""
    before, after = pipeline(), pipeline(modules=["app.jobs", "app.more"])

    assert deployment(before) != deployment(after)
    assert environment(after)["FLUME_MODULES"] == "app.jobs app.more"


def test_a_worker_is_told_who_and_where_it_is() -> None:
    """Its id is the pod's uid; a name comes again, and would be taken for the same worker."""
    found = environment(pipeline(redis={"secretRef": {"name": "shared", "key": "address"}}))

    assert found["FLUME_POD_UID"] == {"fieldRef": {"fieldPath": "metadata.uid"}}
    assert found["FLUME_PIPELINE"] == "email"
    assert found["FLUME_KEY_PREFIX"] == "flume"
    assert found["FLUME_MANIFEST"] == "/etc/flume/pipeline.yaml"


def test_the_password_of_redis_is_a_file_that_changes_with_its_secret() -> None:
    """Variables and subPath mounts never change; a worker would need a restart to rotate."""
    manifest = pipeline(redis={"secretRef": {"name": "shared", "key": "address"}})
    volume = {each["name"]: each for each in pod(manifest)["volumes"]}["flume-redis"]
    mount = {each["name"]: each for each in worker(manifest)["volumeMounts"]}["flume-redis"]

    assert volume["secret"] == {
        "secretName": "shared",
        "items": [{"key": "address", "path": "url"}],
        "defaultMode": 0o440,
    }
    assert environment(manifest)["FLUME_REDIS_FILE"] == f"{mount['mountPath']}/url"
    assert "subPath" not in mount
    assert pod(manifest)["securityContext"]["fsGroup"] == 65532  # else it cannot read that mode


def test_pods_are_admitted_in_restricted_namespaces() -> None:
    """Everything that the restricted standard asks for, and no token of the API server."""
    found = pod(pipeline())

    assert found["automountServiceAccountToken"] is False
    assert found["securityContext"] == {
        "fsGroup": 65532,
        "runAsGroup": 65532,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert worker(pipeline())["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_security_settings_are_changed_one_by_one() -> None:
    """Who needs another user keeps the rest; null takes one away, where a cluster sets its own."""
    manifest = pipeline(
        securityContext={"readOnlyRootFilesystem": False},
        pod={"securityContext": {"runAsUser": 1000, "runAsGroup": None}},
    )

    assert worker(manifest)["securityContext"]["readOnlyRootFilesystem"] is False
    assert worker(manifest)["securityContext"]["allowPrivilegeEscalation"] is False
    assert pod(manifest)["securityContext"]["runAsUser"] == 1000
    assert "runAsGroup" not in pod(manifest)["securityContext"]


def test_variables_of_services_are_not_mixed_with_ours() -> None:
    """A Service named flume-health would set FLUME_HEALTH_PORT to tcp://…, and no worker start."""
    assert pod(pipeline())["enableServiceLinks"] is False


def test_a_stop_leaves_jobs_the_grace_less_what_the_end_takes() -> None:
    """SIGKILL before the outcomes are stored would run finished jobs again."""
    assert environment(pipeline())["FLUME_GRACE"] == "50"
    assert environment(pipeline(pod={"terminationGracePeriodSeconds": 10}))["FLUME_GRACE"] == "1"


def test_the_drain_hook_shows_the_token_that_the_worker_was_given() -> None:
    """Any pod can reach the port; and a token that changes would restart all pods."""
    hook = worker(pipeline())["lifecycle"]["preStop"]["httpGet"]

    assert hook["httpHeaders"] == [{"name": TOKEN_HEADER, "value": drain_token(OWNER.uid)}]
    assert environment(pipeline())["FLUME_DRAIN_TOKEN"] == drain_token(OWNER.uid)
    assert drain_token("another") != drain_token(OWNER.uid)
    assert OWNER.uid not in drain_token(OWNER.uid)


def test_a_variable_of_the_pipeline_wins_over_ours() -> None:
    """Twice the same name is refused by server-side apply, with a sentence that helps nobody."""
    assert environment(pipeline(env=[{"name": "FLUME_GRACE", "value": "5"}]))["FLUME_GRACE"] == "5"


def test_a_volume_at_tmp_takes_the_place_of_ours() -> None:
    """Two mounts at one path are refused, and 64 MiB are too few for some."""
    manifest = pipeline(
        volumeMounts=[{"name": "scratch", "mountPath": "/tmp"}],
        pod={"volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "2Gi"}}]},
    )

    paths = [each["mountPath"] for each in worker(manifest)["volumeMounts"]]
    assert paths.count("/tmp") == 1
    assert {"name": "scratch", "emptyDir": {"sizeLimit": "2Gi"}} in pod(manifest)["volumes"]
    assert "flume-tmp" not in [each["name"] for each in pod(manifest)["volumes"]]


def test_the_shape_of_pods_is_passed_on() -> None:
    """Each of these is handed to Kubernetes as it stands in the Pipeline."""
    shape: dict[str, Any] = {
        "affinity": {"nodeAffinity": {}},
        "imagePullSecrets": [{"name": "registry"}],
        "nodeSelector": {"pool": "jobs"},
        "priorityClassName": "low",
        "runtimeClassName": "gvisor",
        "serviceAccountName": "mailer",
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "terminationGracePeriodSeconds": 90,
    }
    container: dict[str, Any] = {
        "image": "app:2",
        "imagePullPolicy": "Always",
        "command": ["flume"],
        "args": ["worker", "--until-empty"],
        "envFrom": [{"secretRef": {"name": "keys"}}],
        "resources": {"limits": {"memory": "256Mi"}},
    }
    manifest = pipeline(pod=shape, **container)

    assert {name: pod(manifest)[name] for name in shape} == shape
    assert {name: worker(manifest)[name] for name in container} == container


def test_what_is_not_set_is_not_sent() -> None:
    """Server-side apply would own an empty field, and fight with who sets it."""
    assert not {"affinity", "nodeSelector", "tolerations"} & pod(pipeline()).keys()
    assert not {"command", "imagePullPolicy", "resources"} & worker(pipeline()).keys()


def test_pods_are_spread_over_nodes_where_nothing_else_is_asked_for() -> None:
    """All workers on one node go with it."""
    [spread] = pod(pipeline())["topologySpreadConstraints"]

    assert spread["topologyKey"] == "kubernetes.io/hostname"
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"  # a cluster of one node must do
    assert spread["labelSelector"]["matchLabels"] == {"flume.dev/pipeline": "email"}


def test_labels_of_pods_are_added_to_those_that_select_them() -> None:
    """A selector that does not match its own pods is refused, and cannot be changed later."""
    body = deployment(pipeline(pod={"labels": {"team": "mail"}, "annotations": {"a": "b"}}))
    labels = body["spec"]["template"]["metadata"]["labels"]

    assert labels["team"] == "mail"
    assert body["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert body["spec"]["template"]["metadata"]["annotations"]["a"] == "b"


def test_an_app_that_jobs_are_sent_to_starts_after_its_worker_and_stops_before_it() -> None:
    """A worker that is gone first could not store the outcome of what the app still runs."""
    app = {"name": "app", "image": "app:2", "ports": [{"containerPort": 8080}]}
    manifest = pipeline(delivery={"http": {"port": 8080}}, containers=[app])

    [sidecar] = pod(manifest)["initContainers"]
    assert (sidecar["name"], sidecar["restartPolicy"]) == ("worker", "Always")
    assert pod(manifest)["containers"] == [app]
    [read] = load(text_of(manifest))
    assert read.spec.delivery == manifest.spec.delivery


def test_evictions_take_a_share_of_the_workers_and_any_that_are_not_ready() -> None:
    """A broken worker must not hold up the drain of its node."""
    budget = made.disruption_budget(pipeline(disruptionBudget={"maxUnavailable": 2}), OWNER)

    assert budget["spec"] == {
        "maxUnavailable": 2,
        "selector": {"matchLabels": {"flume.dev/pipeline": "email"}},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_someone_elses_object_of_the_same_name_is_told_apart() -> None:
    """Server-side apply would make an app's own Deployment ours without a word."""
    ours = deployment(pipeline())
    theirs = {"metadata": {"name": "email", "labels": {"app": "email"}}}
    without_labels = {"metadata": {**ours["metadata"], "labels": None}}

    assert made.is_foreign(theirs, "email")
    assert not made.is_foreign(ours, "email")
    assert not made.is_foreign(without_labels, "email")  # repaired, as its owner is known
