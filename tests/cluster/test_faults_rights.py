"""Each right of the chart's role, taken away from an operator that runs, and given back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.accounts import Account
from tests.support.clusters import Cluster
from tests.support.operating import Shop, is_brought_about, running_operator
from tests.support.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Lack:
    """A right that is missing, and what is to be seen then."""

    right: str
    condition: str
    reason: str
    words: str
    spec: dict[str, Any]
    """Of a Pipeline that needs it."""
    is_taken: bool = False
    """Whether it is needed only where somebody else's Deployment has the name."""


def _child(right: str, kind: str) -> Lack:
    verb, _ = right.split()
    words = f'cannot {verb} resource "{kind}"'
    is_taken = right == "get deployments"  # else the dry run tells that there is none
    return Lack(right, "WorkersAvailable", "Forbidden", words, {}, is_taken)


LACKS = [
    *(
        _child(f"{verb} {kind}", kind)
        for kind in ("configmaps", "deployments", "poddisruptionbudgets")
        for verb in ("get", "create", "patch")
    ),
    Lack(
        "get secrets",
        "SettingsSynced",
        "SecretMissing",
        "may not read the Secret other",
        {"redis": {"secretRef": {"name": "other"}}},
    ),
    Lack(
        "patch pipelines",
        "Ready",
        "Forbidden",
        'cannot patch resource "pipelines"',
        {"deletionPolicy": "Drain"},
    ),
]


def test_each_right_that_is_missing_is_named_by_a_condition_until_it_is_given(
    cluster: Cluster, shop: Shop, account: Account, tmp_path: Path
) -> None:
    """Whoever wrote the role by hand must learn which verb it lacks; nothing else may suffer."""
    shop.make_secret("other")
    flags = ("--namespaces", shop.namespace.name)
    environment = {"KUBECONFIG": str(account.file)}
    log = tmp_path / "operator.log"
    with running_operator(cluster, log, *flags, environment=environment) as process:
        for number, lack in enumerate(LACKS):
            name = f"p{number}"
            account.allow(without=(lack.right,))
            if lack.is_taken:
                shop.namespace.kubectl(*("create", "deployment", name), "--image=a", "--replicas=0")
            shop.pipeline(name, **lack.spec)
            shop.await_reason(name, lack.condition, lack.reason)
            assert lack.words in shop.condition(name, lack.condition)[2], lack.right
            if lack.condition != "SettingsSynced":
                assert shop.condition(name, "SettingsSynced")[1] == "Synced", lack.right
            if lack.is_taken:
                shop.namespace.kubectl("delete", "deployment", name)
        account.allow()
        names = [f"p{number}" for number in range(len(LACKS))]
        for name in names:
            shop.patch(name, '{"maxDemand": 3}')
        for name in names:
            wait_until(is_brought_about(shop, name, 3), 30, what=f"{name} as edited")
            shop.await_reason(name, "WorkersAvailable", "Starting")
        assert process.returncode is None
