"""Jobs and their ids."""

import os
import threading
import time
import uuid

import msgspec
import pytest

from flume.codec import Body
from flume.job import ID_LENGTH, Job, JobInfo, JobState, new_id
from tests.support.ids import new_ids


def test_an_id_is_a_uuid_of_version_7_in_32_digits() -> None:
    """Scripts cut ids from list entries by this length, and databases keep UUIDs well."""
    before = time.time_ns() // 1_000_000
    ids = list(new_ids(500))
    after = time.time_ns() // 1_000_000

    for job_id in ids:
        found = uuid.UUID(hex=job_id)
        assert found.hex == job_id
        assert len(job_id) == ID_LENGTH
        assert found.version == 7
        assert found.variant == uuid.RFC_4122
        assert before <= found.int >> 80 <= after


def test_every_random_bit_of_an_id_is_drawn() -> None:
    """A bit that never changes halves what keeps two jobs apart."""
    ones, zeros, random_bits = 0, 0, (1 << 76) - 1 - (0b11 << 62)
    for job_id in new_ids(500):
        ones |= int(job_id, 16)
        zeros |= ~int(job_id, 16)

    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits


def test_a_million_ids_differ() -> None:
    """Two jobs of one id would be one job."""
    assert len(set(new_ids(1_000_000))) == 1_000_000


def test_ids_of_many_threads_differ() -> None:
    """Web servers enqueue from threads, which share what is drawn ahead."""
    found: list[list[str]] = []
    together = threading.Barrier(8)

    def draw() -> None:
        together.wait()
        found.append([new_id() for _ in range(5000)])

    threads = [threading.Thread(target=draw) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({job_id for ids in found for job_id in ids}) == 8 * 5000


def test_ids_grow_with_time() -> None:
    """Nothing depends on it, but sorted ids are near one another in a database's index."""
    first = new_id()
    moment = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 == moment:
        pass

    assert new_id() > first


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the child only draws
def test_a_fork_draws_other_ids_than_its_parent() -> None:
    """Servers that fork after loading the app would give the same ids to different jobs."""
    new_id()  # so that some are drawn ahead
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writable, "".join(tail(new_id()) for _ in range(50)).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    theirs = {text[start : start + 19] for start in range(0, len(text), 19)}
    ours = {tail(new_id()) for _ in range(50)}

    assert len(theirs) == 50
    assert theirs & ours == set()


def tail(job_id: str) -> str:
    """Return what of an id does not come from the clock."""
    return job_id[13:]


def test_a_job_shows_what_its_handler_gets() -> None:
    """Apps read it from what `enqueue` returned."""
    job = Job(new_id(), Body("app.send", [1], {"a": 2}, headers={"b": "c"}))

    assert (job.handler, job.args, job.kwargs, job.headers) == (
        "app.send",
        [1],
        {"a": 2},
        {"b": "c"},
    )
    assert (job.queue, job.is_duplicate) == (None, False)


def test_jobs_do_not_share_their_arguments() -> None:
    """A default that is shared would give one job's headers to all that come later."""
    one, other = Body("app.send"), Body("app.send")
    one.args.append(1)
    one.headers["a"] = "b"

    assert (other.args, other.headers) == ([], {})


def test_a_job_can_be_kept_by_an_app() -> None:
    """What it holds is plain, also once it was sent."""
    job = Job(new_id(), Body("app.send", [1]), queue="email", sent_by="client")

    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job


def test_the_states_are_those_of_the_glossary() -> None:
    """The same words everywhere: Redis, metrics, the command line, the documentation."""
    assert [str(state) for state in JobState] == [
        "scheduled",
        "ready",
        "running",
        "retrying",
        "dead",
    ]


def test_what_was_found_cannot_be_changed() -> None:
    """It is a picture of a moment; changing it would change nothing in Redis."""
    info = JobInfo("1", "email", JobState.READY, "a", [], {}, {}, 0, None, None, b"")

    with pytest.raises(AttributeError):
        info.state = JobState.DEAD  # type: ignore[misc]
