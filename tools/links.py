"""Check that relative links in Markdown lead somewhere, headings included.

Addresses of other hosts are left alone: a check that needs the network fails
for reasons that are not in the change.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from tools.tracked import ROOT, tracked_files

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(
    r"""\]\(\s*<?(?P<inline>[^)\s>]+)>?(?:\s+["'][^"']*["'])?\s*\)"""
    r"""|^\s{0,3}\[[^\]]+\]:\s+<?(?P<reference>[^\s>]+)"""
    r"""|<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)="(?P<html>[^"]+)\"""",
    re.MULTILINE,
)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
ANCHOR = re.compile(r"""<[^>]*\b(?:id|name)="([^"]+)\"""")
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and target of each link outside code."""
    for pattern in (FENCE, CODE):
        text = pattern.sub(_blank, text)
    for match in LINK.finditer(text):
        start = match.start(match.lastgroup or 0)
        yield text.count("\n", 0, start) + 1, match[match.lastgroup or 0]


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return what a link into a Markdown file may name after its ``#``."""
    text = FENCE.sub(_blank, path.read_text(encoding="utf-8"))
    found = set(ANCHOR.findall(text))
    seen: dict[str, int] = {}
    for heading in HEADING.findall(text):
        slug = _slug(heading)
        repeats = seen.get(slug, 0)
        seen[slug] = repeats + 1
        found.add(f"{slug}-{repeats}" if repeats else slug)
    return frozenset(found)


def findings(path: Path) -> Iterator[str]:
    """Yield one sentence for each dead link of a file."""
    for line, target in links(path.read_text(encoding="utf-8")):
        if ELSEWHERE.match(target):
            continue
        name, _, anchor = unquote(target).partition("#")
        origin = ROOT if name.startswith("/") else path.parent
        goal = (origin / name.lstrip("/")).resolve() if name else path
        where = f"{path.relative_to(ROOT)}:{line}"
        if not goal.is_relative_to(ROOT):
            yield f"{where}: {target} leaves the repository"
        elif not goal.exists():
            yield f"{where}: {target} does not exist"
        elif anchor and goal.suffix == ".md" and anchor not in anchors(goal):
            yield f"{where}: {target} names a heading that does not exist"


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")


def main() -> int:
    """Print the dead links and return the exit code."""
    files = tracked_files(".md")
    found = [line for path in files for line in findings(path)]
    print("\n".join(found) if found else f"Links: {len(files)} Markdown files have no dead link.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
