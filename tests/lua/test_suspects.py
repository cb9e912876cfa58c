"""Suspects run alone: how claim hands them out."""

from __future__ import annotations

from flume.commands.worker import Suspicion
from tests.support.rig import HOUR, LEASE_MS, MINUTE, Rig, Worker


def suspects(rig: Rig, count: int, handler: str = "send") -> list[str]:
    """Let ``count`` jobs of a worker that died wait to run alone."""
    rig.enqueue(count, handler)
    dead, alive = rig.worker("dead"), rig.worker("alive")
    dead.claim(count, handlers=(handler,))
    rig.outlive(alive)
    rig.handlers = tuple({*rig.handlers, handler})
    rig.reclaim()
    return rig.alone()[-count:]


def test_an_empty_worker_gets_one_suspect_and_nothing_else(rig: Rig, emptied: None) -> None:
    """If its process dies now, there is no doubt about who did it."""
    first, second = suspects(rig, 2)
    rig.enqueue(3)
    ada = rig.worker()
    taken = ada.claim()

    assert taken.ids == [first]
    assert taken.suspicion is Suspicion.RUN_ALONE
    assert rig.alone() == [second]
    for _ in range(3):
        ada.complete(taken)
        taken = ada.claim()
    assert rig.suspects() == {}


def test_a_busy_worker_is_told_to_empty_itself(rig: Rig) -> None:
    """It takes no more until it holds nothing, and then gets the suspect."""
    (suspect,) = suspects(rig, 1)
    rig.enqueue(3)
    ada = rig.worker()
    told = ada.claim(holds=5)

    assert told.suspicion is Suspicion.EMPTY_YOURSELF
    assert told.ids == []
    assert rig.alone() == [suspect]
    assert ada.claim(holds=0).ids == [suspect]


def test_of_several_busy_workers_one_has_the_turn(rig: Rig) -> None:
    """If all emptied themselves for one suspect, the queue would stand still."""
    suspects(rig, 1)
    rig.enqueue(10)
    ada, bob = rig.worker("ada"), rig.worker("bob")

    assert ada.claim(holds=5).suspicion is Suspicion.EMPTY_YOURSELF
    assert len(bob.claim(2, holds=5).ids) == 2
    assert ada.claim(holds=1).suspicion is Suspicion.EMPTY_YOURSELF


def test_the_turn_of_a_worker_that_died_passes_on(rig: Rig) -> None:
    """After a lease, or at once where the clock was set back meanwhile."""
    suspects(rig, 1)
    rig.enqueue(10)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim(holds=5)
    rig.move_clock(LEASE_MS + 1000)
    assert bob.claim(holds=5).suspicion is Suspicion.EMPTY_YOURSELF
    rig.move_clock(-HOUR)

    assert ada.claim(holds=5).suspicion is Suspicion.EMPTY_YOURSELF


def test_the_turn_is_free_when_the_suspect_was_taken(rig: Rig) -> None:
    """An idle worker may come first; the next suspect is for whoever asks next."""
    suspects(rig, 2)
    rig.enqueue(10)
    ada, bob = rig.worker("ada"), rig.worker("bob")
    ada.claim(holds=5)
    assert rig.worker("carl").claim().suspicion is Suspicion.RUN_ALONE

    assert bob.claim(holds=5).suspicion is Suspicion.EMPTY_YOURSELF


def test_innocent_jobs_pass_a_suspect_nobody_here_can_run(rig: Rig) -> None:
    """Its handler is another worker's, or of a version that is gone."""
    suspects(rig, 1, "fax")
    ids = rig.enqueue(3)

    assert rig.worker().claim(handlers=("send",)).ids == ids


def test_a_suspect_behind_many_that_nobody_can_run_is_found(rig: Rig) -> None:
    """Suspects of a handler that was removed must not stop those of all others."""
    for _ in range(2):
        suspects(rig, 200, "fax")
    (suspect,) = suspects(rig, 1)

    assert rig.worker().claim(handlers=("send",)).ids == [suspect]


def test_a_cancelled_suspect_is_passed_and_forgotten(rig: Rig, emptied: None) -> None:
    """The same claim goes on with the innocent jobs."""
    rig.cancel(suspects(rig, 1))
    rig.enqueue(2)
    ada = rig.worker()
    taken = ada.claim()

    assert len(taken.ids) == 2
    assert taken.suspicion is Suspicion.NONE
    ada.complete(taken)


def test_nobody_empties_itself_for_a_cancelled_suspect(rig: Rig) -> None:
    """A busy worker drops its entry and takes what is ready."""
    rig.cancel(suspects(rig, 1))
    ids = rig.enqueue(2)
    taken = rig.worker().claim(holds=5)

    assert taken.suspicion is Suspicion.NONE
    assert taken.ids == ids
    assert rig.alone() == []


def test_a_lost_reply_says_again_that_the_job_runs_alone(rig: Rig) -> None:
    """Otherwise the worker would claim more beside it."""
    (suspect,) = suspects(rig, 1)
    rig.enqueue(2)
    ada = rig.worker()
    ada.claim()
    again = ada.claim(again=True)

    assert again.ids == [suspect]
    assert again.suspicion is Suspicion.RUN_ALONE


def test_a_pause_holds_for_suspects_too(rig: Rig) -> None:
    """A paused queue starts nothing."""
    suspects(rig, 1)
    rig.call("HSET", rig.keys.pause, "client", "0 0 ada why")

    assert rig.worker().claim().claimed.paused_ms == -1
    assert len(rig.alone()) == 1


def test_a_poison_job_costs_its_neighbours_one_run_each(rig: Rig, emptied: None) -> None:
    """It kills whoever runs it, and is dead after at most three kills; the others all complete."""
    (poison,) = rig.enqueue()
    innocent = rig.enqueue(20)
    witness = rig.worker("witness")
    kills = 0
    while len(rig.fields(rig.keys.jobs)) > rig.counts().dead:
        worker = rig.worker(f"worker{kills}")
        kills += _work_until_killed(rig, worker, poison)
        rig.outlive(witness)
        rig.reclaim(max_crashes=2)

    assert kills == 3
    assert rig.total("completed") == len(innocent)
    assert list(rig.scores(rig.keys.dead)) == [poison]
    rig.purge(rig.keys.dead)


def _work_until_killed(rig: Rig, worker: Worker, poison: str) -> bool:
    """Claim and complete until nothing is ready or the poison job comes."""
    while (taken := worker.claim(5)).ids:
        if poison in taken.ids:
            return True
        worker.complete(taken)
        rig.move_clock(MINUTE // 60)
        worker.beat()
    return False
