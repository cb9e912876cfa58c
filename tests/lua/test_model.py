"""The scripts and a small model of them agree, whatever happens in whatever order.

Outcomes come late, twice, or from workers that have died; the clock steps ahead and back; and at
every moment each job is in one place, and the counters add up.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from flume.commands import client, worker
from flume.commands.command import text
from flume.commands.worker import Suspicion
from flume.job import new_id
from tests.support.ids import new_ids
from tests.support.machines import run_machine
from tests.support.queue_model import LEASE_S, MAX_CRASHES, QueueModel
from tests.support.rig import FENCES, SECOND, Rig, Taken, Worker, body, interleaved

HANDLERS = ("fax", "send")
WAITS = (0, 10, 50)
STEPS = (20, 20, 40, 60, -200)

some_handler = st.sampled_from(HANDLERS)
few = st.integers(1, 4)


class QueueMachine(RuleBasedStateMachine):
    """Does to a real queue and to the model what a rule says, and compares."""

    claims = Bundle("claims")
    """Of any worker, dead or alive, settled or not: outcomes may come late and more than once."""
    workers = Bundle("workers")

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        rig.call("FLUSHALL")
        rig.connections.shift_ms = 0
        rig.handlers = HANDLERS
        self.rig = rig
        self.model = QueueModel()
        self.alive: list[Worker] = []
        self.owners: dict[int, str] = {}

    @initialize(target=workers)
    def staff(self) -> Any:
        """Have two workers, and one that never dies: without it nobody would reclaim."""
        self._join()
        return multiple(self._join(), self._join())

    @rule(target=workers, dead=consumes(workers), is_noticed=st.booleans())
    def crash(self, dead: Worker, is_noticed: bool) -> Worker:
        """A worker beats no more; what it had sent may still arrive.  Another one starts."""
        self.alive.remove(dead)
        if is_noticed:
            self.time_passes(40)
        return self._join()

    @rule(target=workers, claimer=consumes(workers))
    def run_poison(self, claimer: Worker) -> Any:
        """A worker claims whatever comes, and it kills it."""
        self.claim(claimer, 2, is_sent_twice=False)
        return self.crash(claimer, is_noticed=True)

    @rule(count=few, handler=some_handler, is_sent_twice=st.booleans())
    def enqueue(self, count: int, handler: str, is_sent_twice: bool) -> None:
        """Jobs come in."""
        ids = list(new_ids(count))
        command = self.rig.enqueueing(ids, handler)
        for _ in range(1 + is_sent_twice):
            self.rig.run(command)
        self.model.add(ids, handler)

    @rule(key=st.sampled_from(["ada", "bob"]), is_sent_twice=st.booleans())
    def enqueue_unique(self, key: str, is_sent_twice: bool) -> None:
        """A job comes in that may be there already."""
        job_id = new_id()
        command = self.rig.enqueueing_unique(job_id, key)
        expected = self.model.add_unique(job_id, key, "send")
        for _ in range(1 + is_sent_twice):
            assert self.rig.run(command).holder == expected

    @rule(count=few, handler=some_handler, wait=st.sampled_from(WAITS), is_sent_twice=st.booleans())
    def schedule(self, count: int, handler: str, wait: int, is_sent_twice: bool) -> None:
        """Jobs come in for later."""
        ids = list(new_ids(count))
        command = client.schedule(
            self.rig.keys,
            self.rig.lane(),
            handler,
            interleaved(ids, body(handler)),
            wait_ms=wait * SECOND,
        )
        for _ in range(1 + is_sent_twice):
            self.rig.run(command)
        self.model.add(ids, handler, wait=wait)

    @rule(target=claims, claimer=workers, limit=st.integers(1, 6), is_sent_twice=st.booleans())
    def claim(self, claimer: Worker, limit: int, is_sent_twice: bool) -> Taken:
        """A worker takes jobs, or finds none: what can be drawn must not depend on the time."""
        holds = len(self.model.held_by(claimer.name))
        is_cancelled_suspect_first = set(self.rig.alone()[:1]) - self.model.places.keys()
        taken = claimer.claim(limit, holds=holds)
        if is_sent_twice and taken.ids:
            again = claimer.claim(limit, holds=holds, again=True)
            assert sorted(again.ids) == sorted(taken.ids)
            assert again.suspicion is taken.suspicion
        if taken.suspicion is Suspicion.EMPTY_YOURSELF:
            assert holds > 0
            assert self.model.ids("alone")
            assert taken.ids == []
        elif self.model.ids("alone") and holds == 0 and not is_cancelled_suspect_first:
            assert taken.suspicion is Suspicion.RUN_ALONE
            assert len(taken.ids) == 1
            assert set(taken.ids) <= self.model.ids("alone")
        else:
            assert taken.suspicion is Suspicion.NONE
            assert set(taken.ids) <= self.model.ids("ready")
            assert len(set(taken.ids)) == min(limit, len(self.model.ids("ready")))
        self.model.lease(taken.ids, taken.fence, claimer.name)
        return taken

    @rule(taken=claims, is_sent_twice=st.booleans())
    def complete(self, taken: Taken, is_sent_twice: bool) -> None:
        """Jobs end well, or the worker thinks so."""
        command = worker.complete(self.rig.keys, taken.group())
        for _ in range(1 + is_sent_twice):
            expected = self.model.complete(taken.ids, taken.fence)
            assert _ids(self.rig.run(command)) == expected

    @rule(taken=claims, wait=st.sampled_from(WAITS), is_sent_twice=st.booleans())
    def retry(self, taken: Taken, wait: int, is_sent_twice: bool) -> None:
        """Jobs fail."""
        jobs = [
            item
            for job_id in taken.ids
            for item in (
                job_id,
                taken.fence,
                wait * SECOND,
                self.model.handlers[job_id],
                body(self.model.handlers[job_id], attempts=1),
            )
        ]
        command = worker.retry(self.rig.keys, self.rig.lane(), jobs)
        expected = self.model.retry(taken.ids, taken.fence, wait)
        assert _ids(self.rig.run(command)) == expected
        if is_sent_twice:  # it was applied, and the lane knows; or it was not, and says so again
            is_applied = expected != set(taken.ids)
            assert _ids(self.rig.run(command)) == (set() if is_applied else expected)

    @rule(taken=claims, is_sent_twice=st.booleans())
    def bury(self, taken: Taken, is_sent_twice: bool) -> None:
        """Jobs are given up."""
        command = worker.bury(self.rig.keys, interleaved(taken.ids, taken.fence, ""))
        for _ in range(1 + is_sent_twice):
            expected = self.model.bury(taken.ids, taken.fence)
            assert _ids(self.rig.run(command)) == expected

    @rule(taken=claims, is_sent_twice=st.booleans())
    def release(self, taken: Taken, is_sent_twice: bool) -> None:
        """Jobs are given back."""
        for _ in range(1 + is_sent_twice):
            for handler in HANDLERS:
                ids = [job_id for job_id in taken.ids if self.model.handlers[job_id] == handler]
                command = worker.release(self.rig.keys, handler, interleaved(ids, taken.fence))
                expected = self.model.release(ids, taken.fence)
                assert _ids(self.rig.run(command)) == expected

    @rule(taken=claims)
    def extend(self, taken: Taken) -> None:
        """A heartbeat comes, on time or late."""
        command = worker.extend(self.rig.keys, taken.pairs(), lease_ms=LEASE_S * SECOND)
        expected = self.model.extend(taken.ids, taken.fence)
        assert _ids(self.rig.run(command)) == expected

    @rule(step=st.sampled_from(STEPS))
    def time_passes(self, step: int) -> None:
        """All that live beat; what is due is done by one of them."""
        self.rig.move_clock(step * SECOND)
        self.model.now += step
        beats = [self._beat(beating) for beating in self.alive]
        assert any(beat.promote for beat in beats) or not self._due()
        self.promote()
        if any(beat.reclaim for beat in beats):
            self.reclaim()
        assert not self._expired()

    @rule()
    def promote(self) -> None:
        """Due jobs become ready."""
        self.rig.promote()
        self.model.promote()

    @rule()
    def reclaim(self) -> None:
        """Expired leases are taken back; more often than needed, as by several workers at once."""
        reclaimed = self.rig.reclaim(max_crashes=MAX_CRASHES)
        expected = self.model.reclaim()
        assert set(reclaimed.charged) == expected["charged"]
        assert set(reclaimed.released) == expected["released"]
        assert set(reclaimed.buried) == expected["buried"]

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """Somebody wants a job no more."""
        ids = self._draw_some(data)
        assert set(self.rig.cancel(ids)) == self.model.cancel(ids)

    @rule(data=st.data())
    def redrive(self, data: st.DataObject) -> None:
        """Somebody wants jobs to run after all, which need not be dead."""
        ids = self._draw_some(data)
        for handler in HANDLERS:
            some = [job_id for job_id in ids if self.model.handlers[job_id] == handler]
            command = client.redrive(self.rig.keys, handler, interleaved(some, body(handler)))
            redriven = self.rig.run(command)
            assert set(redriven) == self.model.redrive(some)

    @rule()
    def purge(self) -> None:
        """Somebody empties the dead-letter queue."""
        assert self.rig.purge(self.rig.keys.dead) == self.model.purge_dead()

    @invariant()
    def every_job_is_in_its_one_place(self) -> None:
        """None is lost, none is in two places, and all that is known of it is as it should be."""
        keys, bodies = self.rig.keys, self.rig.fields(self.rig.keys.jobs)
        running = self.rig.scores(keys.running)
        found = [
            *(("ready", job_id) for handler in HANDLERS for job_id in self.rig.ready(handler)),
            *(("alone", job_id) for job_id in self.rig.alone()),
            *(("scheduled", member.split()[0]) for member in self.rig.scores(keys.scheduled)),
            *(("retrying", member.split()[0]) for member in self.rig.scores(keys.retrying)),
            *(("running", job_id) for job_id in running),
            *(("dead", job_id) for job_id in self.rig.scores(keys.dead)),
        ]
        kept = [(job_id, place) for place, job_id in found if job_id in bodies]
        assert len(kept) == len(bodies)
        assert dict(kept) == self.model.places
        fences = {job_id: int(score) % FENCES for job_id, score in running.items()}
        assert fences == {job_id: lease.fence for job_id, lease in self.model.leases.items()}
        suspects = {job: n for job, n in self.rig.suspects().items() if job in bodies}
        assert suspects == self.model.suspects
        unique = self.rig.fields(keys.unique)
        assert {key: text(held).split()[0] for key, held in unique.items()} == self.model.unique

    @invariant()
    def the_counters_add_up(self) -> None:
        """Each transition is counted once, however often it was asked for."""
        totals = {name: int(value) for name, value in self.rig.fields(self.rig.keys.stats).items()}
        totals.pop("reclaimed", None)
        assert totals == self.model.totals
        came = totals.get("enqueued", 0) + totals.get("scheduled", 0)
        ended = sum(totals.get(name, 0) for name in ("completed", "cancelled", "purged"))
        assert came - ended == len(self.model.places)

    def _join(self) -> Worker:
        joined = self.rig.worker(f"worker{len(self.model.beats)}")
        self.model.beats[joined.name] = self.model.now
        self.alive.append(joined)
        return joined

    def _beat(self, beating: Worker) -> Any:
        self.model.beats[beating.name] = self.model.now
        beat = beating.beat(settle_ms=0)
        assert beat.is_registered
        return beat

    def _due(self) -> set[str]:
        waiting = self.model.ids("scheduled") | self.model.ids("retrying")
        return {job_id for job_id in waiting if self.model.due[job_id] <= self.model.now}

    def _expired(self) -> list[str]:
        return [job for job, lease in self.model.leases.items() if lease.until <= self.model.now]

    def _draw_some(self, data: st.DataObject) -> list[str]:
        """Return up to three jobs of any state, some of which have ended."""
        known = list(self.model.handlers)
        places = data.draw(st.lists(st.integers(0, 1000), max_size=3))
        return list({known[place % len(known)]: None for place in places}) if known else []


def _ids(reply: list[bytes]) -> set[str]:
    return {text(job_id) for job_id in reply}


@pytest.mark.timeout(300)  # a failure is made as short as it can be before it is shown
def test_scripts_and_model_agree_on_everything(rig: Rig) -> None:
    """No job is lost, none is in two places, none is counted twice."""

    run_machine(lambda: QueueMachine(rig), steps=50)
