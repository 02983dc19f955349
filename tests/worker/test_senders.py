"""Threads that deliver events: an owner whose receivers are slow holds up no other."""

from __future__ import annotations

import threading

from digitmill.errors import StorageUnavailable
from tests.web.conftest import wait_until
from worker.senders import MOST_OF_OWNER, MOST_WAITING, Senders


class Receivers:
    """Events are written ``owner/number``; those of owners in ``slow`` are held until ``over``."""

    def __init__(self, *slow: str) -> None:
        self.slow = slow
        self.over = threading.Event()
        self.begun: list[str] = []
        self.done: list[str] = []

    def deliver(self, event: str) -> None:
        self.begun.append(event)
        if owner_of(event) in self.slow:
            self.over.wait(60)
        self.done.append(event)


def owner_of(event: str) -> str:
    return event.partition("/")[0]


def test_slow_receivers_of_one_owner_leave_threads_for_all_others() -> None:
    receivers = Receivers("slow")
    senders = Senders(receivers.deliver, owner_of)
    for number in range(50):
        senders.send(f"slow/{number}")
    wait_until(lambda: len(receivers.begun) == MOST_OF_OWNER)
    for number in range(50):
        senders.send(f"quick/{number}")
    wait_until(lambda: len(receivers.done) == 50)
    assert {owner_of(event) for event in receivers.done} == {"quick"}
    assert len(receivers.begun) == 50 + MOST_OF_OWNER
    receivers.over.set()
    wait_until(lambda: len(receivers.done) == 100)
    assert [event for event in receivers.begun if event.startswith("slow")][-1] == "slow/49"


def test_owners_have_their_turns_where_all_are_slow() -> None:
    owners = [f"slow-{number}" for number in range(6)]
    receivers = Receivers(*owners)
    senders = Senders(receivers.deliver, owner_of)
    for owner in owners:
        for number in range(10):
            senders.send(f"{owner}/{number}")
    receivers.over.set()
    wait_until(lambda: len(receivers.done) == 60)
    assert sorted(receivers.done) == sorted(f"{owner}/{number}" for owner in owners for number in range(10))


def test_one_owner_fills_the_room_of_no_other() -> None:
    receivers = Receivers("slow")
    senders = Senders(receivers.deliver, owner_of)
    for number in range(MOST_OF_OWNER):
        senders.send(f"slow/first {number}")
    wait_until(lambda: len(receivers.begun) == MOST_OF_OWNER)
    for number in range(MOST_WAITING + 5):
        senders.send(f"slow/{number}")
    senders.send("quick/0")
    wait_until(lambda: receivers.done == ["quick/0"])
    receivers.over.set()
    wait_until(lambda: len(receivers.done) == 1 + MOST_OF_OWNER + MOST_WAITING)


def test_an_event_whose_owner_cannot_be_told_is_left_and_the_next_is_sent() -> None:
    def away(event: str) -> str:
        if event == "lost/0":
            raise StorageUnavailable("It does not answer.")
        return owner_of(event)

    def deliver(event: str) -> None:
        receivers.deliver(event)
        if event == "wrong/0":
            raise RuntimeError("what is wrong with one event")

    receivers = Receivers()
    senders = Senders(deliver, away)
    for event in ("lost/0", *["wrong/0"] * 20, "quick/0"):
        senders.send(event)
    wait_until(lambda: len(receivers.done) == 21)
    assert "lost/0" not in receivers.done
    assert "quick/0" in receivers.done
