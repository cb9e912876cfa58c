"""The steps of the demo, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import addresses
from app.digests import digest
from app.letters import newsletter, receipt
from crew import Child, Crew, MailServer
from flume import Client
from flume.manifest import load
from screen import Screen
from summary import Summary
from watch import Watch
from windows import NS, Starts, between, highest

HERE = Path(__file__).resolve().parent
MOODS = "says 451 (not now) to 3 % and 550 (never) to 1 %"
LIMITED = ("newsletters", "receipts")
BATCHED = "digests"
PIPELINES = (*LIMITED, BATCHED)
NEWSLETTERS, RECEIPTS = 0.19, 0.095  # of the mails; digests are the others.  With what is sent
# again, those of ten thousand fit into three windows: at 0, 6 and 12 seconds.
DEV = ("dev", *(f"{name}.yaml" for name in PIPELINES))
WORKERS = {name: ("worker", "-f", f"{name}.yaml") for name in (LIMITED[0], BATCHED)}
REASON = "provider is down"
PAUSE_AT = 0.1  # of the digests: early, as the command needs a moment to start
PAUSE_SECONDS = 3.0
KILL_AFTER = 0.1  # of the digests, sent since the resume: the worker is in the middle of others
KILL_LATEST = 0.9


class Story:
    """What happens, and what is known of it at the end."""

    def __init__(
        self, screen: Screen, crew: Crew, client: Client, folder: Path, mails: int
    ) -> None:
        self._screen = screen
        self._crew = crew
        self._client = client
        self._queues = {name: client.queue(name) for name in PIPELINES}
        self._starts = Starts(folder / "starts")
        csv = folder / "addresses.csv"
        csv.write_text(addresses.as_csv(), encoding="utf-8")
        people = addresses.read(csv)[:mails]
        first, second = int(mails * NEWSLETTERS), int(mails * (NEWSLETTERS + RECEIPTS))
        self._people = dict(
            zip(PIPELINES, (people[:first], people[first:second], people[second:]), strict=True)
        )
        totals = {name: len(found) for name, found in self._people.items()}
        limit = load(HERE / "newsletters.yaml")[0].spec.rate_limit
        size = load(HERE / "digests.yaml")[0].spec.batch_size
        assert limit is not None
        assert size is not None
        self._limit, self._period, self._batch_size = limit.count, limit.period_seconds, size
        self._mail = MailServer(crew)
        self._watch = Watch(
            screen,
            crew,
            self._mail,
            queues=self._queues,
            totals=totals,
            starts=self._starts,
            limited=LIMITED,
            period_s=self._period,
        )
        screen.notes = {
            LIMITED[0]: f"one limit: {self._limit:,} starts in {self._period} s",
            LIMITED[1]: f"both, in the last {self._period} s: {{starts:,}}",
            BATCHED: f"in batches of {size}",
        }
        self._watch.until(self._mail.is_listening)
        crew.environment |= {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self._mail.port),
            "STARTS": str(self._starts.path),
        }
        screen.introduce("SMTP server", f"127.0.0.1:{self._mail.port}, {MOODS}")

    def start_workers(self) -> None:
        """Start one for newsletters, one for digests, which will be killed, and one for all."""
        self._workers = {
            queue: self._start(f"worker {number}", queue, *command)
            for number, (queue, command) in enumerate(WORKERS.items(), 1)
        }
        self._start("worker 3", BATCHED, *DEV)

    def enqueue(self) -> None:
        """Enqueue a job for each line of the CSV file."""
        self._watch.begin()
        for queue, handler in zip(LIMITED, (newsletter, receipt), strict=True):
            jobs = [handler.job(address, name=name) for name, address in self._people[queue]]
            self._client.enqueue_many(queue, jobs)
        digests = [digest.job(address) for _, address in self._people[BATCHED]]
        self._client.enqueue_many(BATCHED, digests)
        numbers = ", ".join(f"{len(people):,} {name}" for name, people in self._people.items())
        self._screen.happened(f"{numbers} enqueued in {self._screen.seconds():.2f} s")

    def pause(self) -> None:
        """Pause the digests from a process of its own, and resume them from another."""
        self._watch.until(lambda: self._watch.shares[BATCHED] >= PAUSE_AT)
        self._type("pause", BATCHED, "--reason", REASON, "--wait")
        self._paused_ns = time.monotonic_ns()
        end_ns = self._paused_ns + round(PAUSE_SECONDS * NS)
        self._watch.until(lambda: time.monotonic_ns() >= end_ns)
        self._paused_until_ns = end_ns
        self._type("resume", BATCHED, meanwhile=self._look_at_pause)

    def kill(self) -> None:
        """Kill the worker of the digests while it is in the middle of some."""
        worker = self._workers[BATCHED]
        enough = min(KILL_LATEST, self._watch.shares[BATCHED] + KILL_AFTER)
        self._watch.until(lambda: self._watch.shares[BATCHED] >= enough)
        worker.kill()
        self._screen.introduce(worker.name, _line(*WORKERS[BATCHED]), mark="[red]✗[/]")
        self._screen.happened(f"{worker.name} [red]killed with -9[/]")

    def finish(self) -> Summary:
        """Wait until all is sent or dead, and return what came of it."""
        self._watch.until(lambda: self._watch.share == 1)
        seconds = self._screen.seconds()
        tally = self._mail.end()
        self._watch.look()
        counts = [queue.counts() for queue in self._queues.values()]
        batches = self._starts.of(BATCHED)
        return Summary(
            enqueued=sum(found.totals.get("enqueued", 0) for found in counts),
            sent=tally["sent"],
            sent_twice=tally["twice"],
            refused=tally["refused"],
            dead=sum(found.dead for found in counts),
            retried=sum(found.totals.get("retried", 0) for found in counts),
            taken_back=sum(found.totals.get("reclaimed", 0) for found in counts),
            left=sum(
                found.ready + found.running + found.retrying + found.scheduled for found in counts
            ),
            limit=self._limit,
            period=self._period,
            most_starts=highest(self._starts.of(*LIMITED), self._period),
            batches=len(batches),
            batched=sum(batch.jobs for batch in batches),
            batch_size=self._batch_size,
            largest_batch=max((batch.jobs for batch in batches), default=0),
            paused_seconds=(self._paused_until_ns - self._paused_ns) / NS,
            started_in_pause=between(batches, self._paused_ns, self._paused_until_ns),
            seconds=seconds,
        )

    def _start(self, name: str, queue: str, *command: str) -> Child:
        """Start a worker, and return once it works on the queue."""
        worker = self._crew.start(name, "-m", "flume", *command)
        self._screen.introduce(name, _line(*command))
        self._watch.until(lambda: self._watch.is_live(queue, worker.pid))
        return worker

    def _type(self, *command: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Run a flume command, as one would in another terminal."""
        child = self._crew.start(command[0], "-m", "flume", *command)
        while child.exit_code != 0:
            meanwhile()
            self._watch.step()
        words = [f'"{word}"' if " " in word else word for word in command]
        self._screen.happened(f"[yellow]{_line(*words)}[/]")

    def _look_at_pause(self) -> None:
        """Note that until now the pause was in force, if it is still."""
        now_ns = time.monotonic_ns()  # before the question: the answer is younger
        if self._queues[BATCHED].pauses():
            self._paused_until_ns = now_ns


def _line(*command: str) -> str:
    return f"flume {' '.join(command)}"
