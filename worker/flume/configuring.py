"""What an owner does with its queue in Redis: settings, pause and rate limit, and what it sees.

Written once, as ``operations``, for the operator (``flume.control``) and for ``flume dev``.  That
of two owners the older keeps a queue is ``configure.lua``'s work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flume import operations, pausing, settings_record
from flume.commands import client as commands
from flume.commands.client import Configured, Counts, Disowned, Write
from flume.commands.limit import Definition, InForce, define, definition, keys_of
from flume.driving import Operation
from flume.errors import SettingsUnreadableError
from flume.job import JobState
from flume.keys import Keys, LimitKeys
from flume.operations import WorkerInfo
from flume.pausing import PauseInfo
from flume.pipeline import PipelineSettings
from flume.settings_record import FIELDS, Owner, SettingsRecord, encode

DEV = "dev/"
"""How the names of the owners of ``flume dev`` begin: a laptop that left is replaced by anybody."""

REASON = "spec.paused is true"
"""Of the pause that a manifest asks for."""

SILENT_AFTER = timedelta(seconds=pausing.SILENT_AFTER_S)
CANCEL_AT_ONCE = 200
"""Running jobs that one step of a purge cancels."""

IsGone = Callable[[Owner], bool]
"""Whether the holder of a queue is known to be gone, so that it may be replaced."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of an owner's wish."""

    write: Write
    generation: int
    """Of the settings in force; a worker that obeys them reports it with the holder's uid."""
    holder: Owner
    """Whose settings are in force."""
    limit: InForce | None = None
    """The rate limit in force, of all that share its key; None: the settings have none."""

    @property
    def is_in_force(self) -> bool:
        """Whether what the owner wants holds now."""
        return self.write in (Write.DONE, Write.SAME)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a queue is like at one moment."""

    now: datetime
    """By Redis' clock."""
    record: SettingsRecord | None
    """The settings in force; None where there are none, or none that can be read."""
    problem: str
    """Why the settings cannot be read."""
    pauses: list[PauseInfo]
    """In force, those of single workers last."""
    workers: list[WorkerInfo]
    """Those that are alive."""
    counts: Counts

    @property
    def acknowledged(self) -> int:
        """How many of the live workers obey the settings in force."""
        return sum(self._obeys(worker) for worker in self.workers)

    def _obeys(self, worker: WorkerInfo) -> bool:
        record, told = self.record, worker.record
        if record is None or not isinstance(told, dict) or told.get("settings_problem"):
            return False
        return (told.get("generation"), told.get("settings_uid")) == (
            record.generation,
            record.owner.uid,
        )


def apply(
    keys: Keys, settings: PipelineSettings, owner: Owner, is_gone: IsGone, *, place: str = ""
) -> Operation[Applied]:
    """Put settings, pause and rate limit in force, unless an older owner has the queue."""
    json, said = encode(settings), _said(owner) if settings.paused else ""
    answer = yield from _over(keys, owner, json, said, is_gone, place=place)
    if answer.write not in (Write.DONE, Write.SAME):
        return Applied(answer.write, answer.generation, answer.holder)
    own = settings.rate_limit and keys_of(keys, settings.rate_limit)
    for before in _limits(keys, answer.replaced):
        if before != own:
            yield define(before, keys.queue, Definition(0, 1000, answer.generation))
    limit: InForce | None = None
    if own and settings.rate_limit:
        wanted = definition(settings.rate_limit, answer.generation)
        limit = yield define(own, keys.queue, wanted)
    return Applied(answer.write, answer.generation, answer.holder, limit)


def pause(keys: Keys, owner: Owner, is_gone: IsGone, *, is_paused: bool) -> Operation[Applied]:
    """Put the pause of an owner in force alone; its settings may come later."""
    said = _said(owner) if is_paused else ""
    answer = yield from _over(keys, owner, b"", said, is_gone)
    return Applied(answer.write, answer.generation, answer.holder)


def release(keys: Keys, uid: str, *, is_gone: bool, place: str = "") -> Operation[bool]:
    """Take away what an owner has put in force; returns whether there was something."""
    answer: Disowned = yield commands.disown(keys, uid, is_gone=is_gone, place=place)
    for before in _limits(keys, answer.settings):
        yield define(before, keys.queue, Definition(0, 1000, answer.generation))
    return answer.was_own


def look(keys: Keys) -> Operation[Seen]:
    """Return what the queue is like."""
    now = yield from pausing.now()
    values = yield ("HMGET", keys.settings, *FIELDS)
    try:
        record, problem = settings_record.read(keys.queue, values), ""
    except SettingsUnreadableError as error:
        record, problem = None, str(error)
    found = yield from pausing.pauses(keys)
    workers = yield from operations.workers(keys)
    counted = yield from operations.counts(keys)
    alive = [worker for worker in workers if worker.seen >= now - SILENT_AFTER]
    return Seen(now, record, problem, found, alive, counted)


def purge(keys: Keys) -> Operation[int]:
    """Delete every job of a queue; returns how many."""
    purged = 0
    for state in (JobState.READY, JobState.SCHEDULED, JobState.RETRYING, JobState.DEAD):
        purged += yield from operations.purge(keys, state)
    while found := (yield from operations.jobs(keys, JobState.RUNNING, limit=CANCEL_AT_ONCE)):
        taken = yield from operations.cancel(keys, [job.id for job in found])
        if not taken:
            break
        purged += len(taken)
    return purged


def _over(
    keys: Keys, owner: Owner, json: bytes, said: str, is_gone: IsGone, *, place: str = ""
) -> Operation[Configured]:
    """Write; where somebody holds the queue who is known to be gone, write again in its place."""
    answer: Configured = yield commands.configure(keys, owner, json, paused=said, place=place)
    if answer.write is Write.HELD and (_is_dev(answer.holder) or is_gone(answer.holder)):
        over = answer.holder.uid
        answer = yield commands.configure(keys, owner, json, paused=said, over=over, place=place)
    return answer


def _is_dev(holder: Owner) -> bool:
    return holder.name.startswith(DEV)


def _said(owner: Owner) -> str:
    return f"{'_'.join(owner.name.split())} {REASON}"


def _limits(keys: Keys, json: bytes) -> Iterator[LimitKeys]:
    """Yield the keys of the rate limit in settings that are in force no more."""
    if not json:
        return
    try:
        limit = settings_record.settings_in(keys.queue, json).rate_limit
    except SettingsUnreadableError:
        return  # whatever it was, workers have never obeyed it
    if limit is not None:
        yield keys_of(keys, limit)
