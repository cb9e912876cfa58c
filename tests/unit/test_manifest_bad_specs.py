"""Each mistake of the table is refused with its sentence, and with nothing else."""

import re

import pytest

from flume.manifest import ManifestError, PipelineSpec, load
from tests.support.manifests import changed
from tests.unit.bad_specs import BAD_SPECS, GOOD


@pytest.mark.parametrize(("change", "sentence"), BAD_SPECS, ids=[c[:60] for c, _ in BAD_SPECS])
def test_a_bad_spec_is_refused_with_the_sentence_of_the_api_server(
    change: str, sentence: str
) -> None:
    """A person who knows a message from kubectl meets the same one in local mode."""
    with pytest.raises(ManifestError) as refused:
        load(changed(GOOD, change), source="email.yaml")

    expected = rf"email\.yaml, line \d+: {re.escape(sentence)}( \(.+\))?"
    assert re.fullmatch(expected, str(refused.value)), str(refused.value)


def test_the_spec_that_all_bad_ones_differ_from_is_good() -> None:
    """Otherwise every entry of the table would be refused for the same reason."""
    assert load(GOOD)[0].spec.queue == "email"


def test_the_table_has_mistakes_in_every_field_of_the_spec() -> None:
    """A field without an entry could lose its bounds unnoticed."""
    sentences = " ".join(sentence for _, sentence in BAD_SPECS)

    assert [name for name in PipelineSpec.names() if f"spec.{name}" not in sentences] == []
    assert len({change for change, _ in BAD_SPECS}) == len(BAD_SPECS) >= 60
