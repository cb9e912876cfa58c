"""The figures on a cluster: what each is called, what it means, and what it should be."""

from __future__ import annotations

from benchmarks.figures import Bound, Spec

SPECS = (
    Spec(
        "ready_s",
        "From before `kubectl apply` of a minimal Pipeline to its pod's claim of a waiting job, "
        "the image on the node; at worst of 5.",
        Bound(at_most=10),
    ),
    Spec(
        "writes_at_rest",
        "Writes by the operator to the API server, but for its Lease, in 60 s in which three "
        "Pipelines have nothing to do.",
        Bound(at_most=0),
        digits=0,
    ),
    Spec(
        "pause_p50_ms",
        "From the return of `kubectl patch` with `paused: true` to the last claim of any of 5 "
        "busy replicas, median of 50; 0: it bound before the return.",
        Bound(),
        digits=1,
    ),
    Spec("pause_p99_ms", "The same, the latest in a hundred.", Bound(at_most=500), digits=1),
    Spec("pause_max_ms", "The same, the latest.", Bound(at_most=1000), digits=1),
    Spec(
        "pause_hanging_p99_ms",
        "The same while a reconcile of the same Pipeline hangs in the API server, the latest in "
        "a hundred of 50.",
        Bound(at_most=500),
        digits=1,
    ),
    Spec(
        "pause_leader_killed_s",
        "The same right after the operator that leads was killed (`kill -9`), at worst of 5.",
        Bound(at_most=20),
    ),
    Spec(
        "live_settings_s",
        "From the return of `kubectl patch` with five live fields until all of 5 pods obey them, "
        "the same pods as before; at worst of 10.",
        Bound(at_most=2),
    ),
    Spec(
        "roll_lost_or_repeated",
        "Jobs lost or run twice in three changes of the pods' shape, with 5 replicas and a "
        "hundred jobs a second.",
        Bound(at_most=0),
        digits=0,
    ),
    Spec(
        "repair_s",
        "From kubectl's return until a Deployment that was deleted is there again, or one that "
        "was edited is as before; at worst of 5 each.",
        Bound(at_most=5),
    ),
    Spec(
        "foreign_fields_lost",
        "Fields of others in that Deployment that the operator did not leave alone: an "
        "autoscaler's replicas, an annotation, a label.",
        Bound(at_most=0),
        digits=0,
    ),
    Spec(
        "sync_500_s",
        "From the start of the operator until 500 new Pipelines are synced: settings in Redis, "
        "children made, status written.",
        Bound(at_most=60),
        digits=1,
    ),
    Spec(
        "sync_500_calls",
        "Calls of the operator to the API server for each of them, but for its Lease.",
        Bound(at_most=20),
        digits=1,
    ),
    Spec(
        "operator_rss_mib",
        "The most resident memory that the operator had until then.",
        Bound(at_most=256),
        digits=1,
    ),
    Spec(
        "pause_changing_p99_ms",
        "As `pause_p99_ms`, with those 500 other Pipelines changing, 25 a second.",
        Bound(at_most=2000),
        digits=1,
    ),
    Spec(
        "sync_2000_s",
        "As `sync_500_s`, with 2,000 Pipelines, of which 500 were synced before.",
        Bound(),
        digits=1,
    ),
)
