"""The operator's rights: what it needs, written down a second time by hand, and no more."""

from __future__ import annotations

import pytest

from tests.support.chart import NAMESPACE, Manifest, of_kind, render

CHILDREN = {"get", "list", "watch", "create", "patch"}
RIGHTS = {
    ("flume.dev", "pipelines"): {"get", "list", "watch", "patch"},
    ("flume.dev", "pipelines/status"): {"patch"},
    ("apps", "deployments"): CHILDREN,
    ("", "configmaps"): CHILDREN,
    ("policy", "poddisruptionbudgets"): CHILDREN,
    ("events.k8s.io", "events"): {"create", "patch"},
    ("", "secrets"): {"get"},
}
LEADER = [
    (["get", "update"], ["flume"]),
    (["create"], None),
]


def test_cluster_wide_it_has_these_rights() -> None:
    """A right that is added by the way is added for all namespaces."""
    [role] = [r for r in of_kind(render(), "ClusterRole") if "aggregate" not in str(r)]

    assert rights(role) == RIGHTS


def test_with_namespaces_it_has_them_there_and_nowhere_else() -> None:
    """Who is given two namespaces must not be able to look into a third."""
    made = render({"namespaces": ["shop", "mail"]})
    bindings = of_kind(made, "RoleBinding")
    roles = {r["metadata"]["namespace"]: r for r in of_kind(made, "Role")}

    assert of_kind(made, "ClusterRoleBinding") == []
    assert {b["metadata"]["namespace"] for b in bindings} == {"shop", "mail", NAMESPACE}
    assert rights(roles["shop"]) == rights(roles["mail"]) == RIGHTS
    for role in of_kind(made, "ClusterRole"):  # those of people, which are bound by aggregation
        assert "rbac.authorization.k8s.io/aggregate-to-edit" in role["metadata"]["labels"]


def test_secrets_are_read_by_name() -> None:
    """Neither a list nor a watch, and none that nobody named."""
    for secrets in (["a", "b"], ["flume-redis"]):
        [rule] = [
            r for r in rules(render({"redisSecrets": secrets})) if "secrets" in r["resources"]
        ]
        assert (rule["verbs"], rule["resourceNames"]) == (["get"], secrets)
    assert not [r for r in rules(render({"redisSecrets": []})) if "secrets" in r["resources"]]


def test_the_leader_s_lease_is_one_in_the_release_s_namespace() -> None:
    """The leases of other programs are none of its business."""
    [role] = of_kind(render(), "Role")

    assert role["metadata"]["namespace"] == NAMESPACE
    assert [(rule["verbs"], rule.get("resourceNames")) for rule in role["rules"]] == LEADER


def test_the_lease_has_the_name_that_the_rights_and_the_operator_agree_on() -> None:
    """Under another name nobody could ever lead."""
    made = render(release="blue")
    [deployment], [role] = of_kind(made, "Deployment"), of_kind(made, "Role")
    env = {e["name"]: e for e in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}

    assert role["rules"][0]["resourceNames"] == [env["FLUME_OPERATOR_LEASE_NAME"]["value"]]


@pytest.mark.parametrize("values", [{}, {"namespaces": ["shop"]}])
def test_no_rule_has_a_wildcard_and_none_deletes(values: Manifest) -> None:
    """Children go with their owner; the operator never needs the right to delete."""
    for rule in rules(render(values)):
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
        if rule["apiGroups"] != ["flume.dev"]:
            assert not {"delete", "deletecollection"} & set(rule["verbs"])


def test_people_get_rights_on_pipelines_by_what_they_are_in_a_namespace() -> None:
    """Whoever may edit Deployments may pause a Pipeline; whoever may view sees why it waits."""
    view, edit = [r for r in of_kind(render(), "ClusterRole") if "aggregate" in str(r)]

    assert rights(view)["flume.dev", "pipelines/status"] == {"get", "list", "watch"}
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in edit["metadata"]["labels"]
    assert "patch" in rights(edit)["flume.dev", "pipelines"]
    assert of_kind(render({"rbac": {"aggregate": False}}), "ClusterRole") != [view, edit]


def rules(manifests: list[Manifest]) -> list[Manifest]:
    """Return the rules of all roles."""
    roles = of_kind(manifests, "Role") + of_kind(manifests, "ClusterRole")
    return [rule for role in roles for rule in role["rules"]]


def rights(role: Manifest) -> dict[tuple[str, str], set[str]]:
    """Return the verbs of a role by group and resource."""
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
