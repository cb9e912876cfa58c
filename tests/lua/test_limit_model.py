"""The limiter and a small model of it agree, whatever is asked in whatever order.

Replies are lost, tokens come back twice and late, settings change, and the clock steps both ways:
no window ever has more than the strictest definition allows, and nothing that is free is withheld.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
)

from flume.commands import limit
from flume.commands.limit import LONGEST_SLACK_MS, SLACK_MS, Definition, Grant
from flume.connection import SyncConnections
from tests.support.limit_model import Given, LimitModel
from tests.support.limiter import START_MS, Limiter
from tests.support.machines import run_machine

QUEUES = ("a", "b", "c")
COUNTS = (1, 7, 60, 1000, 1_000_000_000)
PERIODS_MS = (1000, 1000, 2000, 7000, 2_592_000_000)
PASSING = (0, 1, 7, 8, 9, 50, 500, 979, 1019, 1020, 1021, 1028, 3000, 7020, 4_000_000)
STEPS = (-3_600_000, -1500, -9, 9, 1500, 3_600_000)

some_queue = st.sampled_from(QUEUES)
some_count = st.sampled_from(COUNTS)
some_period = st.sampled_from(PERIODS_MS)
some_want = st.sampled_from((1, 3, 50, 500, 10**9))


@dataclass(frozen=True)
class Kept:
    """A grant of the script's and the model's."""

    queue: str
    grant: Grant
    given: Given


class LimitMachine(RuleBasedStateMachine):
    """Does to a real limiter and to the model what a rule says, and compares."""

    grants = Bundle("grants")

    def __init__(self, connections: SyncConnections) -> None:
        super().__init__()
        connections.call("FLUSHALL")
        self.limiter = Limiter(connections)
        self.model = LimitModel(START_MS)
        self.own = {queue: Definition(60, 1000, 1) for queue in QUEUES}
        self.asked: set[str] = set()

    @rule(ms=st.sampled_from(PASSING))
    def time_passes(self, ms: int) -> None:
        """By the real clock and by Redis'."""
        self.limiter.now += ms
        self.model.shown += ms
        self.model.truly += ms

    @rule(
        kept=grants,
        slots=st.integers(-1, 2),
        ms=st.integers(-1, 1),
        early=st.sampled_from((0, 0, 10, 25, 50)),
    )
    def a_grant_grows_old(self, kept: Kept, slots: int, ms: int, early: int) -> None:
        """Until about when the window leaves it behind: a slot too early would be one too many.

        Or until so many ms before, when somebody may wait with its tokens.
        """
        if not self.model.period:  # all was lost since
            return
        width = -(-self.model.period // 128)
        age = self.model.period + self.model.slack + slots * width + ms
        self.time_passes(max(0, kept.given.at + age - early - self.model.at))

    @rule(ms=st.sampled_from(STEPS))
    def clock_steps(self, ms: int) -> None:
        """No time passes."""
        self.limiter.now += ms
        self.model.step(ms)

    @rule(
        target=grants,
        queue=some_queue,
        want=some_want,
        step=st.sampled_from((1, 1, 5)),
        slack=st.sampled_from((SLACK_MS, SLACK_MS, 45, LONGEST_SLACK_MS)),
        ahead=st.sampled_from((0, 25, 50)),
        is_sent_twice=st.booleans(),
        is_stale=st.booleans(),
    )
    def reserve(
        self,
        queue: str,
        want: int,
        *,
        step: int,
        slack: int,
        ahead: int,
        is_sent_twice: bool,
        is_stale: bool,
    ) -> object:
        """Tokens are taken, by a worker with the settings of today or of some time ago."""
        own = Definition(10**9, 1000, 0) if is_stale else self.own[queue]
        limiter, model = self.limiter, self.model
        command = limit.reserve(
            limiter.keys,
            queue,
            limiter.lane(),
            want,
            own,
            step=step,
            slack_ms=slack,
            ahead_ms=ahead,
        )
        grant = limiter.run(command)
        model.look()
        model.widen(slack)
        model.define(queue, own)
        count, period = model.in_force(own)
        free = model.free(count, period)
        step = min(step, want, count)
        assert model.lead <= grant.lead_ms <= max(model.lead, ahead)
        if grant.lead_ms > model.lead:
            assert free < step  # else it would wait for nothing
            model.run_ahead(grant.lead_ms)
            free = model.free(count, period)
            assert free >= step
        elif free < step:
            assert model.free_soon(count, ahead) < step

        assert (grant.in_force.count, grant.in_force.period_ms) == (count, period)
        assert 0 <= grant.count <= min(want, free)
        assert grant.count % step == 0
        assert (grant.wait_ms > 0) == (want - grant.count >= step)
        self.asked.add(queue)
        if self.asked == {queue}:
            assert grant.count == min(want, free) // step * step
        given = Given(model.at, model.truly + model.lead, grant.count, model.epoch, slack)
        model.given.append(given)
        assert not grant.count or model.truly_held() <= count
        if is_sent_twice:
            again = limiter.run(command)
            assert (again.count, again.epoch, again.slot, again.lead_ms) == (
                grant.count,
                grant.epoch,
                grant.slot,
                grant.lead_ms,
            )
        return Kept(queue, grant, given) if grant.count else multiple()

    @rule(kept=grants, part=st.floats(0, 1), is_sent_twice=st.booleans())
    def refund(self, kept: Kept, part: float, is_sent_twice: bool) -> None:
        """Tokens come back, once, however late and whatever was taken by others since."""
        n = int(kept.given.n * part)
        limiter, model = self.limiter, self.model
        command = limit.refund(limiter.keys, kept.queue, limiter.lane(), kept.grant, n)
        back = limiter.run(command)
        at, seen = model.at, model.seen
        model.look()
        before = model.oldest
        model.expire()
        is_there = any(one is kept.given for one in model.given) and model.can_take_back(kept.given)

        if not is_there:  # nothing was written, the clock neither
            model.at, model.seen, model.oldest = at, seen, before

        assert back == (n if is_there else 0)
        kept.given.n -= back
        if is_sent_twice:
            assert limiter.run(command) == back

    @rule(
        queue=some_queue,
        count=some_count | st.just(0),
        period=some_period,
        is_new=st.booleans(),
    )
    def define(self, queue: str, count: int, period: int, is_new: bool) -> None:
        """Settings change; or those of some time ago come late, and change nothing."""
        limiter, model = self.limiter, self.model
        generation = self.own[queue].generation + 1 if is_new else 0
        own = Definition(count, period, generation)
        in_force = limiter.run(limit.define(limiter.keys, queue, own))
        # a definition looks at the clock and does not move it
        at, seen = model.at, model.seen
        model.look()
        model.define(queue, own)
        model.at, model.seen = at, seen
        if is_new:
            self.own[queue] = own if count else Definition(60, 1000, 0)

        none = Definition(0, 0, 0)
        assert (in_force.count, in_force.period_ms) == model.in_force(none)

    @rule()
    def lose(self) -> None:
        """The keys are gone; another epoch begins, for they are named by the time."""
        self.time_passes(1)
        keys = self.limiter.keys
        self.limiter.connections.call("DEL", keys.ring, keys.callers, keys.senders)
        self.model.lose()
        self.asked.clear()

    @invariant()
    def memory_is_bounded(self) -> None:
        """Whatever happened."""
        assert self.limiter.memory() < 16 * 1024

    @invariant()
    def the_total_is_that_of_the_slots(self) -> None:
        """It is kept beside them, so that nobody has to add them up."""
        ring = self.limiter.connections.call("GET", self.limiter.keys.ring)
        if ring is None:
            return
        _, _, _, _, _, _, first, total, _, _ = struct.unpack("<4sII7Q", ring[:68])
        cells = list(struct.iter_unpack("<II", ring[68:]))
        slots = (first + ahead for ahead in range(len(cells)))
        held = (cells[slot % 160][1] for slot in slots if cells[slot % 160][0] == slot % 2**32)
        assert total == sum(held)


@pytest.mark.timeout(300)  # a failure is made as short as it can be before it is shown
def test_every_interleaving_keeps_the_limit(connections: SyncConnections) -> None:
    """On each kind of server; what failed is shown in as few steps as possible."""

    run_machine(lambda: LimitMachine(connections), steps=40)
