"""An operation is driven the same way by a thread and by an event loop."""

from __future__ import annotations

from typing import Any

from flume.driving import Nap, Operation, drive, drive_async


def asking() -> Operation[list[Any]]:
    """Ask, wait, and ask again; return each reply."""
    first = yield ("PING", "one")
    after_nap = yield Nap(0.0)
    second = yield ("PING", "two")
    return [first, after_nap, second]


def test_each_step_gets_its_own_reply_and_a_nap_none() -> None:
    """An operation that looks again after a nap must not take an old reply for what it sees."""
    replies = drive(asking(), lambda command: command, lambda *call: " ".join(call))

    assert replies == ["PING one", None, "PING two"]


async def test_so_it_does_on_an_event_loop() -> None:
    """Only the waiting differs."""

    async def answer(*call: Any) -> str:
        return " ".join(call)

    replies = await drive_async(asking(), answer, answer)

    assert replies == ["PING one", None, "PING two"]
