"""Send ten thousand e-mails through Flume, and kill a worker on the way: `make demo`.

What you would do by hand in five terminals: start a Valkey, an SMTP server and `flume worker`,
run an app that enqueues, start `flume dev pipeline.yaml --until-empty`, and then `kill -9`.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.console import Console, Group

import addresses
from app.jobs import send_email
from crew import Child, ChildFailedError, Crew, MailServer
from flume import Client
from flume.local.server import embedded_server
from picture import Film
from screen import Screen
from summary import Summary
from watch import Watch

TITLE = "e-mails, two workers, one of them gets kill -9"
MOODS = "says 451 (not now) to 3 % of the addresses and 550 (never) to 1 %"
QUEUE = "email"
DEV = ("dev", "pipeline.yaml", "--until-empty")
WORKER = ("worker", "-f", "pipeline.yaml")
KILL_AT = 0.25  # of the mail: early, so that the rest runs while the dead worker's lease ends
KILL_LATEST = 0.6  # of the mail, where the other worker is slow to come


def main() -> int:
    options = parse_options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    console = Console(highlight=False)
    film = Film() if options.svg else None
    screen = Screen(console, f"{options.mails:,} {TITLE}", film)
    try:
        with tempfile.TemporaryDirectory(prefix="flume-demo-") as folder:
            summary = run(screen, Path(folder), options.mails)
    except KeyboardInterrupt:
        console.print("Interrupted. Every process of the demo has ended.")
        return 128 + signal.SIGINT
    except ChildFailedError as error:
        console.print(f"✗ {error}", style="red", markup=False)
        return 1
    ending = Group("", summary.table(), "", summary.verdict())
    console.print(ending)
    if film:
        film.shoot(screen.render(), ending, is_last=True)
        film.save(options.svg, f"make demo: {options.mails:,} {TITLE}")
    return 1 if summary.mistakes() else 0


def parse_options() -> Namespace:
    parser = ArgumentParser(description="Send e-mails through Flume, and kill a worker.")
    parser.add_argument("--mails", type=int, default=10_000, help="how many, at most 10,000")
    parser.add_argument("--svg", type=Path, help="where to keep a film of the terminal")
    options = parser.parse_args()
    if not 1 <= options.mails <= 10_000:
        parser.error(f"--mails {options.mails}: there are 10,000 addresses")
    return options


def run(screen: Screen, folder: Path, mails: int) -> Summary:
    with (
        screen,
        embedded_server() as url,
        Client(url, prefix="flume") as client,
        Crew(folder) as crew,
    ):
        screen.introduce("Valkey", f"embedded, {url}")
        crew.environment["FLUME_REDIS_URL"] = url
        demo = Demo(screen, crew, client)
        doomed = demo.start_worker("worker 1", *WORKER)
        demo.watch.until(lambda: demo.watch.is_live(doomed.pid))
        demo.enqueue(folder / "addresses.csv", mails)
        survivor = demo.start_worker("worker 2", *DEV)
        demo.watch.until(lambda: demo.is_time_to_kill(survivor))
        demo.kill(doomed)
        demo.watch.until(lambda: demo.watch.share == 1 or survivor.exit_code == 0)
        seconds = screen.seconds()
        demo.watch.until(lambda: survivor.exit_code == 0)
        return demo.summary(seconds)


class Demo:
    """The steps of the demo."""

    def __init__(self, screen: Screen, crew: Crew, client: Client) -> None:
        self._screen = screen
        self._crew = crew
        self._client = client
        self._queue = client.queue(QUEUE)
        self._mail = MailServer(crew)
        self.watch = Watch(screen, crew, self._mail, self._queue)
        self.watch.until(self._mail.is_listening)
        crew.environment |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self._mail.port)}
        screen.introduce("SMTP server", f"127.0.0.1:{self._mail.port}, {MOODS}")

    def start_worker(self, name: str, *command: str) -> Child:
        worker = self._crew.start(name, "-m", "flume", *command)
        self._screen.introduce(name, f"flume {' '.join(command)}")
        return worker

    def enqueue(self, csv: Path, mails: int) -> None:
        csv.write_text(addresses.as_csv(), encoding="utf-8")
        people = addresses.read(csv)[:mails]
        self.watch.begin(len(people))
        jobs = [send_email.job(address, name=name) for name, address in people]
        self._client.enqueue_many(QUEUE, jobs)
        self._screen.happened(f"{len(jobs):,} jobs enqueued in {self._screen.seconds():.2f} s")

    def is_time_to_kill(self, other: Child) -> bool:
        share = self.watch.share
        return share > KILL_LATEST or (share > KILL_AT and self.watch.is_live(other.pid))

    def kill(self, worker: Child) -> None:
        worker.kill()
        self._screen.introduce(worker.name, f"flume {' '.join(WORKER)}", mark="[red]✗[/]")
        self._screen.happened(f"{worker.name} [red]killed with -9[/]")

    def summary(self, seconds: float) -> Summary:
        """Return what came of it: from Redis, and from the SMTP server once it has ended."""
        tally = self._mail.end()
        self.watch.look()
        counts = self._queue.counts()
        return Summary(
            enqueued=self.watch.total,
            sent=tally["sent"],
            sent_twice=tally["twice"],
            refused=tally["refused"],
            dead=counts.dead,
            retried=counts.totals.get("retried", 0),
            taken_back=counts.totals.get("reclaimed", 0),
            left=counts.ready + counts.running + counts.retrying + counts.scheduled,
            seconds=seconds,
        )


if __name__ == "__main__":
    sys.exit(main())
