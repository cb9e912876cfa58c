"""What the operator makes of what the watch tells it, lists and lost deletions included."""

from __future__ import annotations

from typing import Any

from flume_operator.cache import Cache
from flume_operator.listening import Listener
from flume_operator.objects import Key, Pipeline, read_child, read_pipeline
from flume_operator.watch import Heard

EMAIL = Key("shop", "email")


def body(version: int, *, uid: str = "u1", generation: int = 1, **metadata: Any) -> dict[str, Any]:
    """Return a Pipeline as the API server sends it."""
    return {
        "metadata": {
            "name": "email",
            "namespace": "shop",
            "uid": uid,
            "generation": generation,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "managedFields": [{"manager": "kubectl"}],
            **metadata,
        },
        "spec": {"queue": "email"},
    }


def deployment(version: int, **spec: Any) -> dict[str, Any]:
    """Return a Deployment of it."""
    return {
        "metadata": {
            "name": "email",
            "namespace": "shop",
            "uid": "d1",
            "resourceVersion": str(version),
            "generation": 1,
            "labels": {"flume.dev/pipeline": "email"},
        },
        "spec": spec,
        "status": {"readyReplicas": version},
    }


class Ear:
    """A listener, and what it set off."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.woken: list[tuple[Key, bool]] = []
        self.changed: list[Pipeline] = []
        self.gone: list[str] = []
        self.listener = Listener(
            self.cache,
            wake=lambda key, is_wish: self.woken.append((key, is_wish)),
            changed=self.changed.append,
            gone=lambda pipeline: self.gone.append(pipeline.uid),
        )

    def hear(self, sent: dict[str, Any], *, kind: str = "Pipeline", deleted: bool = False) -> None:
        """Hear of a change."""
        self.listener.hear(Heard(kind, deleted, False, sent))


def test_an_edit_is_a_wish_and_a_status_is_none() -> None:
    """Only what a person wants ends a back-off; our own status would keep a failing key busy."""
    ear = Ear()
    ear.hear(body(1))
    ear.hear(body(2))
    ear.hear(body(3, generation=2))

    assert ear.woken == [(EMAIL, True), (EMAIL, False), (EMAIL, True)]


def test_the_answer_to_our_own_write_is_no_news() -> None:
    """Each status would be followed by a pass over the Pipeline that changes nothing."""
    ear = Ear()
    ear.hear(body(1))
    ear.cache.put(read_pipeline(body(5)))
    ear.hear(body(5))
    ear.hear(body(4))  # and what led to it comes late

    assert ear.woken == [(EMAIL, True)]


def test_a_pipeline_made_anew_under_its_name_ends_the_first() -> None:
    """Its deletion may be heard late or never; its queue must be free for the new one."""
    ear = Ear()
    ear.hear(body(1))
    ear.hear(body(9, uid="u2"))
    ear.hear(body(8), deleted=True)

    assert ear.gone == ["u1", "u1"]
    kept = ear.cache.pipeline(EMAIL)
    assert kept is not None
    assert kept.uid == "u2"


def test_a_deletion_that_was_not_heard_is_taken_in_from_a_list() -> None:
    """An API server that restarts never tells what was deleted meanwhile."""
    ear = Ear()
    ear.hear(body(1))
    assert ear.cache.gone({(EMAIL, "u2")}) == [EMAIL]
    ear.listener.missing([EMAIL])

    assert ear.gone == ["u1"]
    assert ear.cache.pipeline(EMAIL) is None


def test_a_child_wakes_its_pipeline_and_keeps_a_digest_of_what_people_write() -> None:
    """A status changes nothing that is repaired; an edit of the pods does."""
    ear = Ear()
    ear.hear(deployment(1, template="a", replicas=1), kind="Deployment")
    first = ear.cache.child(EMAIL, "Deployment", "email")
    ear.hear(deployment(2, template="a", replicas=5), kind="Deployment")
    scaled = ear.cache.child(EMAIL, "Deployment", "email")
    ear.hear(deployment(3, template="b", replicas=5), kind="Deployment")
    edited = ear.cache.child(EMAIL, "Deployment", "email")

    assert ear.woken == [(EMAIL, False)] * 3
    assert first
    assert scaled
    assert edited
    assert first.digest == scaled.digest != edited.digest


def test_an_answer_that_is_read_late_does_not_bring_a_pipeline_back() -> None:
    """Children would be made for one that is gone, collected, and made again."""
    ear = Ear()
    ear.hear(body(1))
    ear.hear(body(5), deleted=True)
    ear.cache.put(read_pipeline(body(4)))

    assert ear.cache.pipeline(EMAIL) is None
    ear.hear(body(6, uid="u2"))
    assert ear.cache.pipeline(EMAIL) is not None


def test_an_answer_that_is_read_late_does_not_undo_news_of_a_child() -> None:
    """The Deployment was ready before the answer to its apply was read, and nothing told it again.

    Its Pipeline was "Starting" until the next resync: 2 of 500.
    """
    ear = Ear()
    ear.hear(deployment(2, template="a"), kind="Deployment")
    answer = read_child("Deployment", deployment(1, template="a"))
    assert answer is not None
    ear.cache.put_child(answer)

    kept = ear.cache.child(EMAIL, "Deployment", "email")
    assert kept is not None
    assert kept.body["status"] == {"readyReplicas": 2}


def test_an_answer_that_is_read_late_does_not_bring_a_child_back() -> None:
    """It would count as there, and would not be made again."""
    ear = Ear()
    ear.hear(deployment(1, template="a"), kind="Deployment")
    ear.hear(deployment(3, template="a"), kind="Deployment", deleted=True)
    for version in (2, 4):  # 4: only its label was gone, and we put it back
        answer = read_child("Deployment", deployment(version, template="a"))
        assert answer is not None
        ear.cache.put_child(answer)
        assert (ear.cache.child(EMAIL, "Deployment", "email") is not None) == (version == 4)


def test_the_status_of_a_child_that_nothing_reports_wakes_nobody() -> None:
    """A budget hears of each pod that comes and goes, and a pass then has nothing to do."""
    ear = Ear()
    kind = "PodDisruptionBudget"
    ear.hear(deployment(1, template="a"), kind=kind)
    ear.hear(deployment(2, template="a", replicas=3), kind=kind)
    ear.hear(deployment(3, template="b"), kind=kind)

    assert ear.woken == [(EMAIL, False)] * 2


def test_what_is_not_ours_wakes_nobody() -> None:
    """Other objects may carry the label of who manages them."""
    foreign = deployment(1)
    del foreign["metadata"]["labels"]["flume.dev/pipeline"]

    assert read_child("Deployment", foreign) is None


def test_managed_fields_are_not_kept() -> None:
    """They are half of an object, and nobody here reads them."""
    assert "managedFields" not in read_pipeline(body(1)).body["metadata"]
