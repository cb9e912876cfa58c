"""Send ten thousand e-mails through Flume, limited, batched and paused, and kill a worker.

What `make demo` does is what you would do by hand in a few terminals: start a Valkey, an SMTP
server and two `flume worker`, run an app that enqueues, start `flume dev` with all pipelines, type
`flume pause` and `flume resume`, and then `kill -9`.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.console import Console, Group

from crew import ChildFailedError, Crew
from flume import Client
from flume.local.server import embedded_server
from picture import Film
from screen import Screen
from story import Story
from summary import Summary

TITLE = "e-mails: one rate limit for two pipelines, batches, a pause, and kill -9"


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
        story = Story(screen, crew, client, folder, mails)
        story.start_workers()
        story.enqueue()
        story.pause()
        story.kill()
        return story.finish()


if __name__ == "__main__":
    sys.exit(main())
