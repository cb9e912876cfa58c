"""The end of the demo: numbers that must add up, from two who counted apart."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of the mail: the SMTP server counted mail, Redis counted jobs."""

    enqueued: int
    sent: int  # SMTP: addresses that got their mail
    sent_twice: int  # SMTP: second copies
    refused: int  # SMTP: addresses turned away for good
    dead: int  # Redis: jobs in the dead-letter queue
    retried: int  # Redis
    taken_back: int  # Redis: jobs of the killed worker
    left: int  # Redis: jobs that are neither done nor dead
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
            found.append(f"{self.left:,} jobs are still in the queue")
        return found

    def table(self) -> Table:
        """Return the numbers for people, each with its source."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", min_width=9)
        table.add_column(min_width=13)
        table.add_column(style="dim")

        def row(number: int, name: str, style: str, why: str) -> None:
            table.add_row(Text(f"{number:,}", style=style), name, why)

        per_second = round(self.enqueued / self.seconds)
        row(self.enqueued, "enqueued", "bold", "from a CSV file")
        row(self.sent, "sent", "bold green", "each address once, as the SMTP server counted")
        row(self.dead, "dead", "bold red", "refused for good (550), kept with their errors")
        table.add_row()
        row(self.retried, "retried", "yellow", "turned away for now (451), sent later")
        row(self.taken_back, "taken back", "yellow", "from the worker that was killed with -9")
        row(self.sent_twice, "sent twice", "yellow", "that worker died between mail and report")
        row(
            per_second,
            "jobs a second",
            "bold",
            f"{self.seconds:.1f} s; most of it is SMTP",
        )
        return table

    def verdict(self) -> Text:
        """Return the sum, or what is wrong with it."""
        if mistakes := self.mistakes():
            return Text(f" ✗ It does not add up: {'; '.join(mistakes)}.", style="bold red")
        sum_ = f"{self.sent:,} sent + {self.dead:,} dead = {self.enqueued:,} enqueued"
        return Text.assemble((" ✓ ", "bold green"), (sum_, "bold"), ": no mail was lost.")
