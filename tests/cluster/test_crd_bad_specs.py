"""What local mode refuses, a cluster refuses with the same sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.clusters import RefusedError
from tests.support.manifests import changed
from tests.unit.bad_specs import BAD_SPECS, GOOD

if TYPE_CHECKING:
    from tests.support.clusters import Namespace


START = re.compile(
    r"The Pipeline \".*\" is invalid: |Error from server \(BadRequest\): .*strict decoding error: ",
    re.DOTALL,
)
UNCHECKED = "some validation rules were not checked because the object was invalid"


def sentences(refusal: str) -> list[str]:
    """Return what is wrong with an object, out of the lines that kubectl prints."""
    lines = [line.removeprefix("* ") for line in START.sub("", refusal, count=1).splitlines()]
    return [line for line in lines if line and UNCHECKED not in line]


def is_about(sentence: str, other: str) -> bool:
    """Return whether two sentences are about the same field: the server may say more of it.

    It has rules of its own for names, enums and the field that `kubectl scale` sets.
    """
    return other.removeprefix(".").startswith(sentence.partition(":")[0])


@pytest.mark.parametrize(("change", "sentence"), BAD_SPECS, ids=[c[:60] for c, _ in BAD_SPECS])
def test_a_bad_spec_is_refused_with_the_sentence_of_local_mode(
    shared_namespace: Namespace, change: str, sentence: str
) -> None:
    """Who knows a message from `flume dev` meets the same one in kubectl, and no other."""
    with pytest.raises(RefusedError) as refused:
        shared_namespace.apply(changed(GOOD, change))

    found = sentences(str(refused.value))
    assert sentence in found
    assert [other for other in found if not is_about(sentence, other)] == []


def test_the_spec_that_all_bad_ones_differ_from_is_accepted(namespace: Namespace) -> None:
    """Otherwise every entry of the table would be refused for the same reason."""
    assert namespace.apply(GOOD) == "pipeline.flume.dev/email created\n"
