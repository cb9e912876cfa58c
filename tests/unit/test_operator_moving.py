"""When a Pipeline has left the place of its queue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flume_operator.moving import Moves, Place
from flume_operator.objects import Key, Pipeline, read_pipeline

HERE = Place(Key("shop", "flume-redis"), "url", "flume", "redis://:old@redis:6379/0")
TOLD = {"secretName": "flume-redis", "secretKey": "url", "keyPrefix": "flume"}


def pipeline(**settings: Any) -> Pipeline:
    """Return a Pipeline whose status has these settings."""
    metadata = {
        "namespace": "shop",
        "name": "email",
        "uid": "uid",
        "creationTimestamp": "2026-01-02T03:04:05Z",
    }
    body = {"metadata": metadata, "spec": {"queue": "email"}, "status": {"settings": settings}}
    return read_pipeline(body)


@pytest.mark.parametrize(
    ("change", "has_left"),
    [
        ({"url": "redis://elsewhere:6379/0"}, True),
        ({"url": "redis://redis:6379/1"}, True),
        ({"prefix": "team"}, True),
        ({"url": "redis://:new@redis:6379/0"}, False),
        ({"secret": Key("shop", "renamed")}, False),
    ],
)
def test_another_address_or_prefix_is_a_move_and_another_password_is_none(
    change: dict[str, Any], has_left: bool
) -> None:
    """Passwords are changed often, and nothing is left behind by that."""
    left: list[Place] = []
    moves = Moves(lambda _pipeline, place: left.append(place))
    moves.arrived(pipeline(), HERE)
    moves.arrived(pipeline(), replace(HERE, **change))

    assert left == [HERE] * has_left
    assert moves.is_at("uid", HERE) is not has_left


@pytest.mark.parametrize(
    ("change", "has_left"),
    [
        ({}, False),
        ({"prefix": "team"}, True),
        ({"secret": Key("shop", "renamed")}, True),
        ({"url": "redis://elsewhere:6379/0"}, False),
    ],
)
def test_a_new_process_goes_by_the_status(change: dict[str, Any], has_left: bool) -> None:
    """It has no address: a Secret of another name may have the same, which is found out later."""
    left: list[Place] = []
    moves = Moves(lambda _pipeline, place: left.append(place))
    moves.arrived(pipeline(**TOLD), replace(HERE, **change))

    assert left == [replace(HERE, url="")] * has_left


def test_an_address_is_shown_without_its_password() -> None:
    """It is in Events and logs."""
    assert HERE.where == "redis://redis:6379/0, key prefix flume"
    assert "old" not in repr(HERE)
