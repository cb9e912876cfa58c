"""The page of the documentation that lists all fields of a Pipeline, made from the models."""

from __future__ import annotations

from collections.abc import Iterator

from flume.manifest.describe import bounds, default, fixed, type_name
from flume.manifest.fields import Acts
from flume.manifest.outline import Entry, outline, rules

_INTRODUCTION = """\
<!-- Made by `make generate` from the models in worker/flume/manifest; edit those. -->

# Pipeline

A `Pipeline` names a queue, the handlers that run its jobs, how fast, and in which pods.
`flume dev` and the API server check it by the same rules and refuse it with the same sentences.

```yaml
apiVersion: flume.dev/v1alpha1
kind: Pipeline
metadata:
  name: email
spec:
  queue: email
  modules: [app.jobs]
```

## Fields

A field that *applies live* reaches running workers within two seconds.
A field that *restarts pods* replaces them as `updateStrategy` says.
`name[]` stands for each item of a list.
Objects of Kubernetes are handed on as they are; only the fields listed here are checked before.

"""

_RULES = """
## Rules

Across fields, with defaults filled in:

"""

_CHANGES = """
In a cluster, between what was applied before and what is applied now:

"""


def reference() -> str:
    """Return the text of docs/reference/pipeline.md."""
    parts = ((_INTRODUCTION, _table()), (_RULES, _rules()), (_CHANGES, _changes()))
    return "".join(heading + "\n".join(lines) + "\n" for heading, lines in parts)


def _table() -> Iterator[str]:
    yield "| field | type | default | bounds | acts | description |"
    yield "|---|---|---|---|---|---|"
    for entry in outline():
        # What only the API server writes has no description.
        if entry.info.description and entry.path[0] != "status":
            yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in _cells(entry))} |"


def _cells(entry: Entry) -> list[str]:
    about = " ".join((entry.info.description or "").split())
    acts = entry.acts.value.rstrip(".").lower() if entry.acts else "–"
    name = ".".join(entry.path).removeprefix("spec.")
    return [f"`{name}`", type_name(entry), default(entry), bounds(entry) or "–", acts, about]


def _rules() -> Iterator[str]:
    for path, rule in rules():
        yield f"- `{path}`: {rule.sentence}."


def _changes() -> Iterator[str]:
    for entry in outline():
        if entry.path[0] == "spec" and entry.acts is Acts.FIXED:
            yield f"- `{'.'.join(entry.path)}`: {fixed(entry.path[-1])}."
