"""Who asks whether a Redis is back, and who hears of it."""

from __future__ import annotations

from flume_operator.objects import Key
from flume_operator.outages import Outages

EMAIL, BILLING, REPORTS = (Key("shop", name) for name in ("email", "billing", "reports"))
ONE, OTHER = "redis://one", "redis://other"


def made() -> tuple[Outages, list[Key]]:
    """Return outages in which every Redis may be asked after a second, and who was woken."""
    woken: list[Key] = []
    return Outages(lambda _url: 1.0, woken.append), woken


def test_one_pipeline_asks_for_each_redis() -> None:
    """Hundreds that ask would keep it from coming up."""
    outages, _ = made()
    for _ in range(2):
        for key, url in ((EMAIL, ONE), (BILLING, ONE), (REPORTS, OTHER)):
            outages.failed(key, url)

        assert [outages.again_s(key) for key in (EMAIL, BILLING, REPORTS)] == [1.0, None, 1.0]


def test_the_others_are_woken_once_it_answers_one_of_them() -> None:
    """Whoever of them it was; and those of another Redis sleep on."""
    outages, woken = made()
    for key, url in ((EMAIL, ONE), (BILLING, ONE), (REPORTS, OTHER)):
        outages.failed(key, url)
    outages.answered(BILLING, ONE)

    assert woken == [EMAIL]
    outages.answered(EMAIL, ONE)
    assert woken == [EMAIL]


def test_when_the_one_that_asked_is_gone_or_has_moved_another_asks() -> None:
    """Or nobody would."""
    outages, _ = made()
    for key in (EMAIL, BILLING, REPORTS):
        outages.failed(key, ONE)
    outages.forget(EMAIL)
    assert [outages.again_s(key) for key in (EMAIL, BILLING, REPORTS)] == [None, 1.0, None]

    outages.failed(BILLING, OTHER)
    assert [outages.again_s(key) for key in (BILLING, REPORTS)] == [1.0, 1.0]
