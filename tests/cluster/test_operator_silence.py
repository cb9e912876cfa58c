"""A watch whose connection died without a word: nobody tells it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import yaml

from flume_operator.watch import SILENCE_S
from tests.support.clusters import Cluster
from tests.support.kube_api import port_of
from tests.support.operating import Shop, running_operator
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

NOTICED_S = SILENCE_S + 5.0
"""And a new watch, on a slow machine."""


def test_a_watch_that_went_silent_is_made_anew(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    """A router that forgot its connection says nothing; a pause must not wait for it long."""
    with Proxy(asyncio.run(port_of(cluster.kubeconfig))) as proxy:
        config = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
        for each in config["clusters"]:
            each["cluster"]["server"] = f"https://127.0.0.1:{proxy.port}"
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        environment, flags = {"KUBECONFIG": str(file)}, ("--namespaces", shop.namespace.name)
        log = tmp_path / "operator.log"
        with running_operator(cluster, log, *flags, environment=environment) as process:
            shop.pipeline("email")
            shop.await_reason("email", "SettingsSynced", "Synced")
            proxy.stick()
            began = time.monotonic()
            shop.patch("email", '{"paused": true}')
            pause = f"flume:{{{shop.queue('email')}}}:pause"
            wait_until(
                lambda: shop.server.call("HEXISTS", pause, "spec"), NOTICED_S, what="the pause"
            )
            took_s = time.monotonic() - began
            assert process.returncode is None

    assert took_s > 0.5  # the watch was silent indeed
