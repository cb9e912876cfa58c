"""Ten thousand addresses, the same ones each time, at domains that are reserved for examples.

Printed as CSV, or as what `flume enqueue --from-file` reads: with --jobs for a handler that takes
address and name, with --digests for the batch handler, which takes the address.
"""

from __future__ import annotations

import csv
import json
import sys
from itertools import product
from pathlib import Path
from random import Random

FIRST = """Ada Alan Alonzo Anita Barbara Charles Claude Dana David Dennis Donald Dorothy Edsger
Edith Elizabeth Emmy Evelyn Frances Gottfried Grace Guido Hedy Ida Jean Joan John Karen Katherine
Kathleen Ken Leslie Lise Lynn Margaret Mary Maurice Niklaus Noor Radia Robin Rosa Ruth Sophie
Stephanie Susan Tony Ursula Vera Wanda Yvonne"""
LAST = """Allen Babbage Backus Bartik Boole Borg Church Clarke Conway Dijkstra Easley Estrin Floyd
Goldberg Hamilton Holberton Hopper Jennings Johnson Keller Lamarr Lovelace McCarthy Meitner Milner
Naur Noether Perlis Ritchie Sammet Shannon Shirley Snyder Spence Strachey Tukey Turing Wilkes
Wilkinson Zuse"""
DOMAINS = ("example.com", "example.net", "example.org", "mail.example", "post.example")


def as_csv() -> str:
    """Return a header and ten thousand lines of name and address."""
    everybody = list(product(FIRST.split(), LAST.split(), DOMAINS))
    Random(1).shuffle(everybody)
    lines = ["name,address"]
    for first, last, domain in everybody:
        address = f"{first}.{last}@{domain}".lower()
        lines.append(f"{first} {last},{address}")
    return "\n".join(lines) + "\n"


def read(path: Path) -> list[tuple[str, str]]:
    """Return name and address of each line."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["name"], row["address"]) for row in csv.DictReader(file)]


def as_jobs(*, with_names: bool) -> str:
    """Return the arguments of ten thousand jobs, as JSON lines."""
    lines = []
    for row in csv.DictReader(as_csv().splitlines()):
        kwargs = {"kwargs": {"name": row["name"]}} if with_names else {}
        lines.append(json.dumps({"args": [row["address"]], **kwargs}) + "\n")
    return "".join(lines)


if __name__ == "__main__":
    if {"--jobs", "--digests"} & set(sys.argv):
        sys.stdout.write(as_jobs(with_names="--jobs" in sys.argv))
    else:
        sys.stdout.write(as_csv())
