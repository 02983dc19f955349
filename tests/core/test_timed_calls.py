"""Calls that may hang: their outcome, and what happens while they are awaited."""

from __future__ import annotations

import threading

import pytest

from digitmill.errors import StorageUnavailable
from digitmill.system.timed_calls import TimedCalls

LONG = 30.0


def nothing() -> None:
    """To be done meanwhile."""


def test_what_the_call_returns_is_returned() -> None:
    assert TimedCalls().result(lambda: 7, seconds=LONG, meanwhile=nothing, every=LONG) == 7


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("its own"), StorageUnavailable("down")])
def test_what_the_call_raises_is_raised(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        TimedCalls().result(fail, seconds=LONG, meanwhile=nothing, every=LONG)
    assert raised.value is error


def test_something_is_done_until_the_answer_comes() -> None:
    comes = threading.Event()
    done: list[int] = []

    def meanwhile() -> None:
        done.append(1)
        if len(done) == 3:
            comes.set()

    assert TimedCalls().result(lambda: comes.wait(LONG), seconds=LONG, meanwhile=meanwhile, every=0.01)
    assert len(done) >= 3


def test_a_call_that_hangs_is_left_to_itself() -> None:
    ends = threading.Event()
    with pytest.raises(StorageUnavailable, match=r"0\.05 s"):
        TimedCalls().result(lambda: ends.wait(LONG), seconds=0.05, meanwhile=nothing, every=0.01)
    ends.set()


def test_a_call_that_hangs_is_awaited_before_another_is_made() -> None:
    awaiting, ends, made = TimedCalls(), threading.Event(), []

    def hang() -> None:
        made.append(1)
        assert ends.wait(LONG)

    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            awaiting.result(hang, seconds=0.05, meanwhile=nothing, every=0.01)
    assert len(made) == 1
    ends.set()
    assert awaiting.result(lambda: 7, seconds=LONG, meanwhile=nothing, every=LONG) == 7


def test_what_fails_meanwhile_ends_the_waiting() -> None:
    def fail() -> None:
        raise StorageUnavailable("Redis is down, too")

    ends = threading.Event()
    with pytest.raises(StorageUnavailable, match="Redis"):
        TimedCalls().result(lambda: ends.wait(LONG), seconds=LONG, meanwhile=fail, every=0.01)
    ends.set()
