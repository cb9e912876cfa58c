"""The reference page, and the facts about each field that it is made from."""

import re
import subprocess
import sys

from flume.manifest import patterns
from flume.manifest.describe import bounds, description, type_name
from flume.manifest.fields import Acts
from flume.manifest.outline import Entry, outline, rules
from flume.manifest.reference import reference
from tests.support.promised_fields import PROMISED
from tools.tracked import ROOT

PAGE = ROOT / "docs" / "reference" / "pipeline.md"


def spec() -> dict[str, Entry]:
    """Return the fields of the spec by their path below it."""
    return {".".join(entry.path[1:]): entry for entry in outline() if entry.path[0] == "spec"}


def test_the_page_in_the_repository_is_the_one_the_models_make() -> None:
    """A default in the documentation that is not the default is a trap."""
    assert PAGE.read_text(encoding="utf-8") == reference(), "run make generate"


def test_the_package_prints_the_page_when_it_is_run() -> None:
    """So that a person can see what a change of a model does to it."""
    run = subprocess.run(
        [sys.executable, "-m", "flume.manifest"],
        cwd=ROOT / "worker",
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert run.stdout == reference()


def test_all_promised_fields_exist() -> None:
    """Local mode accepts all of them, also those that only Kubernetes acts on."""
    assert set(PROMISED) - set(spec()) == set()


def test_every_number_string_list_and_map_is_bounded() -> None:
    """What has no bound is tried out by somebody, and stored in every copy of the object."""
    unbounded = {path for path, entry in spec().items() if not bounds(entry)}
    objects = {path for path in unbounded if type_name(spec()[path]).startswith("object")}
    booleans = {path for path in unbounded if type_name(spec()[path]) == "boolean"}

    assert unbounded - objects - booleans == set()
    assert booleans == {"paused", "bisect"}


def test_every_description_has_the_unit_the_default_and_when_it_acts() -> None:
    """`kubectl explain` shows the description, not the default and not the range."""
    for path, entry in spec().items():
        if not path:
            continue
        said = description(entry)
        assert entry.acts is not None, path
        assert said.endswith(entry.acts.value), path
        assert ("Required." in said) != ("Default: " in said), path
        assert re.match(r"[A-Z].*?\. ", said), path

    assert description(spec()["retry.maxRetries"]) == (
        "Most runs after the first one before the job is dead. 0 to 1,000 runs. "
        "Default: 5. Applies live."
    )


def test_only_what_the_worker_obeys_applies_live() -> None:
    """Live settings reach running pods; everything about their shape has to replace them."""
    live = {path for path, entry in spec().items() if entry.acts is Acts.LIVE and "." not in path}

    assert live == {
        "paused",
        "maxDemand",
        "concurrency",
        "batchSize",
        "batchTimeoutMilliseconds",
        "bisect",
        "rateLimit",
        "retry",
        "maxCrashes",
        "timeoutSeconds",
        "leaseSeconds",
        "deadLetter",
    }


def test_every_pattern_is_anchored_and_has_words() -> None:
    """A pattern that is not anchored accepts anything around what it wants."""
    made = {
        value
        for name, value in vars(patterns).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("_")
    }

    assert made == set(patterns.WORDS)
    assert all(pattern.startswith("^") and pattern.endswith("$") for pattern in made)


def test_every_rule_reads_fields_that_exist() -> None:
    """A rule about a field that was renamed would never fire again."""
    entries = {".".join(entry.path): entry for entry in outline()}
    for path, rule in rules():
        model = entries[path].model
        assert model is not None
        assert {*rule.reads, *filter(None, [rule.at])} <= set(model.names()), path
