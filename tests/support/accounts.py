"""A service account for an operator under test, whose rights a test takes away and gives back."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.support.operating import Shop
from tests.support.programs import ProgramError, call

MADE = "get,list,watch,create,patch"
RULES = {
    "": {"configmaps": MADE, "secrets": "get"},
    "apps": {"deployments": MADE},
    "events.k8s.io": {"events": "create,patch"},
    "flume.dev": {"pipelines": "get,list,watch,patch", "pipelines/status": "patch"},
    "policy": {"poddisruptionbudgets": MADE},
}
"""What the chart gives its operator: API group, kind and verbs."""


class Account:
    """A service account with some rights, and a kubeconfig with its token.

    Args:
        shop: Whose namespace it may work in.
        file: The kubeconfig.
    """

    def __init__(self, shop: Shop, file: Path) -> None:
        self._shop = shop
        self.file = file
        self.way = ""
        """URL of a proxy in front of the API server; empty: the cluster's own."""

    def allow(self, *, without: tuple[str, ...] = ()) -> None:
        """Give it the operator's rights without some, such as ``"patch deployments"``."""
        rules = [
            {"apiGroups": [group], "resources": [kind], "verbs": [verb]}
            for group, kinds in RULES.items()
            for kind, verbs in kinds.items()
            for verb in verbs.split(",")
            if f"{verb} {kind}" not in without
        ]
        metadata = {"name": "operator"}
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata}
        self._shop.namespace.apply(json.dumps({**role, "rules": rules}))

    def is_refused(self) -> bool:
        """Say whether the API server takes the token no more."""
        flags = ("--kubeconfig", str(self.file), "--namespace", self._shop.namespace.name)
        try:
            call("kubectl", *flags, "get", "pipelines", timeout=20)
        except ProgramError as error:
            return "Unauthorized" in str(error)
        return False

    def make(self) -> None:
        """Make it, and write its kubeconfig; done again, its old token is worth nothing."""
        namespace = self._shop.namespace
        namespace.kubectl("delete", "serviceaccount", "operator", "--ignore-not-found")
        namespace.kubectl("create", "serviceaccount", "operator")
        who = f"{namespace.name}:operator"
        binding = ("create", "rolebinding", "operator", "--role=operator")
        if not self._shop.has("rolebinding", "operator"):
            namespace.kubectl(*binding, f"--serviceaccount={who}")
        token = namespace.kubectl("create", "token", "operator").strip()
        config = yaml.safe_load(namespace.cluster.kubeconfig.read_text(encoding="utf-8"))
        for each in config["clusters"] if self.way else ():
            each["cluster"]["server"] = self.way
        config["users"] = [
            {"name": user["name"], "user": {"token": token}} for user in config["users"]
        ]
        self.file.write_text(yaml.safe_dump(config), encoding="utf-8")
