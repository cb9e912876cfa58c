"""The manifests of ``flume dev``: read once, and read again when they are edited."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from flume.errors import ConfigurationError, ManifestError, ServerError
from flume.local.applying import Applier
from flume.local.edits import Change, changes, sentences
from flume.manifest import Manifest, load
from flume.manifest.fields import Acts

Say = Callable[[str, bool], None]
"""Told a sentence, and whether it is about something that was not done."""

_INPUT = "-"


class Manifests:
    """The pipelines of all files.

    Args:
        paths: Of the files; ``-`` stands for standard input.

    Raises:
        ManifestError: If one has mistakes.
        ConfigurationError: If two name one queue, or one needs Kubernetes.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._by_path = {path: _read(path) for path in paths}
        self.all = [manifest for found in self._by_path.values() for manifest in found]
        _check_together(self.all)

    def edited(self, path: Path, applier: Applier, say: Say) -> None:
        """Put an edit in force, or say why it is refused: then all stays as it was."""
        others = [m for other, found in self._by_path.items() if other != path for m in found]
        before = {manifest.metadata.name: manifest for manifest in self._by_path[path]}
        try:
            found = load(path)
            _check_together([*others, *found])
            after = {manifest.metadata.name: manifest for manifest in found}
            changed = {name: changes(before[name], after[name]) for name in after if name in before}
            _check_fixed(path, changed)
        except (ManifestError, ConfigurationError) as error:
            say(f"{error}\nThe edit is refused, and the settings that were in force stay.", True)
            return
        for name in before.keys() ^ after.keys():
            what = "runs on" if name in before else "does not run"
            say(f"{name}: {what} until flume dev is started again.", True)
        for name, fields in changed.items():
            self._apply(after[name], fields, applier, say)
        kept = [manifest for name, manifest in before.items() if name not in after]
        self._by_path[path] = [after[name] for name in changed] + kept

    def _apply(
        self, manifest: Manifest, fields: Sequence[Change], applier: Applier, say: Say
    ) -> None:
        try:
            why = applier.apply(manifest) if any(f.acts is Acts.LIVE for f in fields) else ""
        except ServerError as error:
            why = f"{error} Save the file again once it is back."
        if why:
            say(f"{manifest.metadata.name}: {why}", True)
        for sentence, is_live in sentences(manifest.metadata.name, fields):
            if not (why and is_live):
                say(sentence, not is_live)


def _read(path: Path) -> list[Manifest]:
    """Return the pipelines of a file; modules are found beside it and in this folder."""
    if str(path) == _INPUT:
        return load(sys.stdin.read(), source="standard input")
    found = load(path)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return found


def _check_together(manifests: Iterable[Manifest]) -> None:
    queues: dict[str, str] = {}
    for manifest in manifests:
        name, queue = manifest.metadata.name, manifest.spec.queue
        if queue in queues:
            raise ConfigurationError(
                f"the pipelines {queues[queue]} and {name} both name the queue {queue}: a queue "
                "has one pipeline. Give one of them another queue."
            )
        queues[queue] = name
        if manifest.spec.modules is None:
            raise ConfigurationError(
                f"the pipeline {name} delivers over HTTP, which only Kubernetes runs. Name modules "
                "to run it here."
            )


def _check_fixed(path: Path, changed: dict[str, list[Change]]) -> None:
    for name, fields in changed.items():
        for field in fields:
            if field.acts is Acts.FIXED:
                raise ConfigurationError(
                    f"{path}: {field.path} of {name} cannot be changed ({field.before} → "
                    f"{field.after}): its jobs would be left behind."
                )
