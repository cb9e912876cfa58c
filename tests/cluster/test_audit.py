"""A watch that brings nothing is told from a quiet one, by the versions that the API server has."""

from __future__ import annotations

from flume_operator.audit import BOUND_S, Versions, WatchAudit
from flume_operator.cache import Cache
from flume_operator.objects import read_pipeline
from tests.support.clusters import Namespace
from tests.support.kube_api import opened_api
from tests.support.manual_clock import ManualClock
from tests.support.operating import manifest


async def test_a_cache_that_missed_a_change_is_found_out(namespace: Namespace) -> None:
    """It may be connected and silent for ever: only a restart mends it."""
    async with opened_api(namespace.cluster.kubeconfig) as api:
        clock, cache = ManualClock(), Cache()

        async def listed() -> Versions:
            return await api.versions("Pipeline", namespace.name)

        def cached() -> Versions:
            known = [found for key in cache if (found := cache.pipeline(key))]
            return {found.uid: found.resource_version for found in known}

        audit = WatchAudit(listed, cached, clock=clock)
        for name in ("email", "billing"):
            namespace.apply(manifest(name, queue=f"{namespace.name}.{name}"))
        for body in await api.list_all("Pipeline", namespace.name):
            cache.put(read_pipeline(body))
        audit.compare(await listed(), cached())
        clock.now += BOUND_S + 1
        audit.compare(await listed(), cached())
        quiet = audit.check()
        namespace.kubectl("annotate", "pipeline", "email", "example.com/a=b")
        audit.compare(await listed(), cached())
        just_changed = audit.check()
        clock.now += BOUND_S + 1
        audit.compare(await listed(), cached())

    assert quiet == just_changed == (True, "ok")
    assert audit.check() == (False, "Pipelines that changed unseen: 1, the first 101 s ago")
