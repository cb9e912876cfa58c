"""The code blocks of Markdown pages, and the files that they show.

A Python block whose first line is a comment with a path is that file.
The others of a page are one script, in their order, as a reader would type them in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# ([\w/.-]+\.\w+)\n")

SCRIPT = "script.py"


@dataclass(slots=True)
class Page:
    """What a page shows."""

    path: Path
    files: dict[str, str] = field(default_factory=dict)
    """Python files by name; what has none is ``SCRIPT``."""
    manifests: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """Lines of console blocks."""

    @property
    def modules(self) -> list[str]:
        """The modules that have handlers."""
        names = [name for name, text in self.files.items() if "/" in name and "@handler" in text]
        return [name.removesuffix(".py").replace("/", ".") for name in names]

    @property
    def scripts(self) -> list[str]:
        """The files that a reader runs: those that are in no package."""
        return [name for name in self.files if "/" not in name]

    def write(self, folder: Path) -> None:
        """Write the Python files; each folder of theirs becomes a package."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            for parent in path.relative_to(folder).parents[:-1]:
                (folder / parent / "__init__.py").touch()


def read_page(path: Path) -> Page:
    """Return what the page at ``path`` shows."""
    page = Page(path)
    for language, text in _BLOCK.findall(path.read_text(encoding="utf-8")):
        if language == "python":
            named = _NAME.match(text)
            name = named[1] if named else SCRIPT
            page.files[name] = f"{page.files.get(name, '')}{text}\n"
        elif language == "yaml" and "kind: Pipeline" in text:
            page.manifests.append(text)
        elif language in {"console", "sh"}:
            page.commands += text.replace("\\\n", "").splitlines()
    return page
