"""The end of the demo: numbers that must add up, from three who counted apart."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of it: the SMTP server counted mail, Redis jobs, and the handlers their starts."""

    enqueued: int
    sent: int  # SMTP: addresses that got their mail
    sent_twice: int  # SMTP: second copies
    refused: int  # SMTP: addresses turned away for good
    dead: int  # Redis: jobs in the dead-letter queue
    retried: int  # Redis
    taken_back: int  # Redis: jobs of the killed worker
    left: int  # Redis: jobs that are neither done nor dead
    limit: int  # manifest: most starts in a window
    period: int  # manifest: its length, s
    most_starts: int  # handlers: in any window
    batches: int  # handlers: calls
    batched: int  # handlers: jobs in them
    batch_size: int  # manifest: most jobs of one call
    largest_batch: int  # handlers
    paused_seconds: float  # from the end of `flume pause` until the pause was last seen
    started_in_pause: int  # handlers: jobs of the paused pipeline
    seconds: float

    def mistakes(self) -> list[str]:
        """Return what does not add up; there should be nothing."""
        found = []
        if missing := self.enqueued - self.sent - self.dead:
            found.append(f"{missing:,} mails are neither sent nor dead")
        if self.dead != self.refused:
            found.append(
                f"{self.refused:,} addresses were refused, but {self.dead:,} jobs are dead"
            )
        if self.left:
            found.append(f"{self.left:,} jobs are still in the queues")
        if self.most_starts > self.limit:
            found.append(
                f"{self.most_starts:,} jobs started in {self.period} s, the limit is {self.limit:,}"
            )
        if self.largest_batch > self.batch_size:
            found.append(f"a batch had {self.largest_batch} jobs, not {self.batch_size} at most")
        if self.started_in_pause:
            found.append(f"{self.started_in_pause:,} jobs of a paused queue started")
        return found

    def table(self) -> Table:
        """Return the numbers for people, each with its source."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", min_width=9)
        table.add_column(min_width=13)
        table.add_column(style="dim")

        def row(number: int | str, name: str, style: str, why: str) -> None:
            shown = number if isinstance(number, str) else f"{number:,}"
            table.add_row(Text(shown, style=style), name, why)

        fill = self.batched / (self.batch_size * self.batches) if self.batches else 0.0
        row(self.enqueued, "enqueued", "bold", "from a CSV file")
        row(self.sent, "sent", "bold green", "each address once, as the SMTP server counted")
        row(self.dead, "dead", "bold red", "refused for good (550), kept with their errors")
        table.add_row()
        row(self.retried, "retried", "yellow", "turned away for now (451), sent later")
        row(self.taken_back, "taken back", "yellow", "from the worker that was killed with -9")
        row(self.sent_twice, "sent twice", "yellow", "that worker died between mail and report")
        table.add_row()
        row(
            self.most_starts,
            f"in any {self.period} s",
            "bold cyan",
            f"most starts seen, over all workers; the limit is {self.limit:,}",
        )
        row(
            self.batches,
            "batches",
            "bold cyan",
            f"of {self.batch_size} digests at most, {100 * fill:.0f} % full",
        )
        row(
            f"{self.paused_seconds:.1f} s",
            "paused",
            "bold cyan",
            f"{self.started_in_pause:,} digests started meanwhile",
        )
        row(
            round(self.enqueued / self.seconds),
            "jobs a second",
            "bold",
            f"{self.seconds:.1f} s, which the limit sets",
        )
        return table

    def verdict(self) -> Text:
        """Return the sum, or what is wrong with it."""
        if mistakes := self.mistakes():
            return Text(f" ✗ It does not add up: {'; '.join(mistakes)}.", style="bold red")
        sum_ = f"{self.sent:,} sent + {self.dead:,} dead = {self.enqueued:,} enqueued"
        return Text.assemble((" ✓ ", "bold green"), (sum_, "bold"), ": no mail was lost.")
